//! A broken Parquet file is an error that names it, or lands as the rows that its reader finds in it; never a panic, a hang, or a
//! store that does not add up.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use footfall::land::{LandOptions, Landed, Mapping, NoProgress, land};
use footfall::store::Store;
use footfall::{Engine, EngineOptions};

use crate::support::{Random, ask, block_on, data, number};

type Damage = fn(Vec<u8>, &mut Random) -> Vec<u8>;

/// Ways to break a file; every one is tried as often as the others.
const KINDS: [(&str, Damage); 6] = [
    ("footer length overwritten", overwrite_footer_length),
    ("cut short", cut_short),
    ("slice removed", remove_slice),
    ("footer bytes changed", change_footer),
    ("1 to 3 bytes changed anywhere", change_bytes),
    ("run of zeros", write_zeros),
];

/// Longest time that one file may take.
const LIMIT: Duration = Duration::from_secs(2);

/// Damages after which a new store is begun: the log of a store that is never compacted grows.
const DAMAGES_PER_STORE: u64 = 100;

#[test]
fn broken_files_never_panic() {
    // Expected: by the promise; what an undamaged file holds is the row count of its README.
    let dir = tempfile::tempdir().expect("a temporary folder");
    let sets = sets(dir.path());
    for set in &sets {
        let landed = land_into(&new_store(&dir.path().join(set.name)), &data(set.name), &set.map);
        let landed = landed.unwrap_or_else(|e| panic!("{}, undamaged: {e}", set.name));
        assert_eq!(landed.rows, set.rows, "{}", set.name);
        assert_eq!(landed.quarantined, 0, "{}", set.name);
    }
    let damages = number("FOOTFALL_DAMAGES", 2000);
    let mut random = Random(number("FOOTFALL_SEED", 1));
    let mut outcomes = [[0u64; 2]; KINDS.len()];
    let mut slowest = Duration::ZERO;
    for first in (0..damages).step_by(DAMAGES_PER_STORE as usize) {
        let root = dir.path().join(format!("store-{first}"));
        let store = new_store(&root);
        let mut rows = 0;
        for n in first..damages.min(first + DAMAGES_PER_STORE) {
            let kind = n as usize % KINDS.len();
            let set = &sets[random.below(sets.len())];
            let bytes = (KINDS[kind].1)(set.bytes.clone(), &mut random);
            let name = format!("damaged-{n}.parquet");
            let file = dir.path().join(&name);
            std::fs::write(&file, bytes).expect("a file in a temporary folder");
            let began = Instant::now();
            let what = format!("damage {n}, {} of {}", KINDS[kind].0, set.name);
            match catch_unwind(AssertUnwindSafe(|| land_into(&store, &file, &set.map))) {
                Err(_) => panic!("{what}: a panic reached the caller"),
                Ok(Err(e)) => {
                    assert!(e.contains(&name), "{what}: the error does not name the file: {e}");
                    outcomes[kind][0] += 1;
                }
                Ok(Ok(landed)) => {
                    rows += landed.landed;
                    outcomes[kind][1] += 1;
                }
            }
            let mut took = began.elapsed();
            if took > LIMIT {
                // Other tests run beside this one: what counts is whether it is slow by itself.
                let again = new_store(&dir.path().join("again"));
                let began = Instant::now();
                land_into(&again, &file, &set.map).ok();
                took = began.elapsed();
                std::fs::remove_dir_all(again.root()).expect("the store's folder");
            }
            slowest = slowest.max(took);
            assert!(took < LIMIT, "{what}: took {took:?}");
            std::fs::remove_file(&file).expect("the file that was written");
        }
        assert_eq!(events(&store), rows, "what landed is what is there");
        std::fs::remove_dir_all(&root).expect("the store's folder");
    }
    println!("{damages} damages, slowest {slowest:?}, 0 panics reached the caller:");
    for ((kind, _), [errors, landed]) in KINDS.iter().zip(outcomes) {
        println!("  {kind}: {errors} errors, {landed} read in full");
    }
}

/// A data set and how it is read.
struct Set {
    name: &'static str,
    rows: u64,
    map: Mapping,
    bytes: Vec<u8>,
}

fn sets(dir: &Path) -> Vec<Set> {
    let commits = r#"
        name = "commits"
        [fields]
        author = { path = "user", type = "text" }
        ts = { type = "timestamp" }
        event = { type = "text" }
        path = { type = "text" }
        [columns]
        user_id = "author"
        ts = "ts"
        event = "event"
        page = "path"
    "#;
    let purchases = r#"
        name = "purchases"
        [fields]
        customer_id = { type = "text" }
        date = { path = "date", type = "timestamp" }
        cds = { type = "int" }
        [columns]
        user_id = "customer_id"
        ts = "date"
        event = "'purchase'"
        scene = "cds"
    "#;
    let edits = r#"
        name = "edits"
        [fields]
        editor = { path = "user", type = "text" }
        ts = { type = "timestamp" }
        page = { type = "text" }
        channel = { type = "text" }
        country = { type = "text" }
        delta = { type = "int" }
        [columns]
        user_id = "editor"
        ts = "ts"
        event = "'edit'"
        page = "page"
        platform = "channel"
        os = "country"
        duration_ms = "delta"
    "#;
    let written = |name: &str, text: &str| -> Mapping {
        let file = dir.join(format!("{name}.toml"));
        std::fs::write(&file, text).expect("a file in a temporary folder");
        Mapping::from_file(&file).expect("a mapping")
    };
    let set = |name: &'static str, rows: u64, map: Mapping| Set {
        name,
        rows,
        map,
        bytes: std::fs::read(data(name)).expect("data of the repository"),
    };
    vec![
        set("nasa_ksc_19950801", 30_969, Mapping::named("nasa").expect("a built-in mapping")),
        set("datafusion_commits", 44_085, written("commits", commits)),
        set("cdnow_purchases", 69_659, written("purchases", purchases)),
        set("wikipedia_edits_20150912", 39_244, written("edits", edits)),
    ]
}

fn new_store(root: &Path) -> Store {
    block_on(Store::open_or_create(root, Some("UTC"))).expect("a new store")
}

fn land_into(store: &Store, file: &Path, map: &Mapping) -> Result<Landed, String> {
    let mut options = LandOptions::new(map.clone());
    options.memory_limit = 256 << 20;
    let sources: Vec<PathBuf> = vec![file.to_path_buf()];
    let mut landed = block_on(land(store, &sources, &options, &NoProgress)).map_err(|e| e.to_string())?;
    landed.pop().ok_or_else(|| "nothing was said of the file".to_string())
}

/// Rows of the events table, read, not taken from the log.
fn events(store: &Store) -> u64 {
    let options = EngineOptions { threads: Some(2), ..EngineOptions::default() };
    let engine = block_on(Engine::with_store(store, &options)).expect("a store that can be read");
    let answer = ask(&engine, "SELECT count(user_id || event) FROM events");
    answer[0][0].parse().expect("a count")
}

fn overwrite_footer_length(mut bytes: Vec<u8>, random: &mut Random) -> Vec<u8> {
    let at = bytes.len() - 8;
    let length = random.below(1 << 32) as u32;
    // Every other time a length that is only a little too long or too short.
    let known = u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    let length = match length % 2 {
        0 => length,
        _ => known.wrapping_add(random.below(2000) as u32).wrapping_sub(1000),
    };
    bytes[at..at + 4].copy_from_slice(&length.to_le_bytes());
    bytes
}

fn cut_short(mut bytes: Vec<u8>, random: &mut Random) -> Vec<u8> {
    bytes.truncate(random.below(bytes.len()));
    bytes
}

fn remove_slice(mut bytes: Vec<u8>, random: &mut Random) -> Vec<u8> {
    let from = random.below(bytes.len());
    let until = (from + 1 + random.below(5000)).min(bytes.len());
    bytes.drain(from..until);
    bytes
}

fn change_footer(mut bytes: Vec<u8>, random: &mut Random) -> Vec<u8> {
    let end = bytes.len() - 8;
    let length = u32::from_le_bytes(bytes[end..end + 4].try_into().expect("four bytes"));
    let footer = end - length as usize;
    for _ in 0..=random.below(3) {
        bytes[footer + random.below(length as usize)] = random.below(256) as u8;
    }
    bytes
}

fn change_bytes(mut bytes: Vec<u8>, random: &mut Random) -> Vec<u8> {
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len());
        bytes[at] = random.below(256) as u8;
    }
    bytes
}

fn write_zeros(mut bytes: Vec<u8>, random: &mut Random) -> Vec<u8> {
    let from = random.below(bytes.len());
    let until = (from + 1 + random.below(4096)).min(bytes.len());
    bytes[from..until].fill(0);
    bytes
}
