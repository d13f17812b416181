//! A broken Parquet file is an error that names it, or lands as the rows that its reader finds in it; never a panic, a
//! hang, or a store that does not add up. Once landed, a file has a checksum: whatever changes in it is found.
//!
//! A query does not compare checksums: that would read whole files for a few columns. It may answer from a page with
//! changed bytes; `verify` and `compact` never do.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use footfall::land::{LandOptions, Landed, Mapping, NoProgress, land};
use footfall::store::{CompactOptions, Store};
use footfall::{Engine, EngineOptions};

use crate::support::{Random, ask, block_on, data, number, try_ask};

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

/// Stores that are worked on at the same time.
const THREADS: usize = 2;

#[test]
fn broken_files_never_panic() {
    // Expected: by the promise; what an undamaged file holds is the row count of its README.
    let dir = tempfile::tempdir().expect("a temporary folder");
    let sets = sets(dir.path());
    for set in &sets {
        let landed = land_into(&new_store(&dir.path().join(set.name)), &set.file, &set.map);
        let landed = landed.unwrap_or_else(|e| panic!("{}, undamaged: {e}", set.name));
        assert_eq!(landed.rows, set.rows.unwrap_or(landed.rows), "{}", set.name);
        assert_eq!(landed.quarantined, 0, "{}", set.name);
    }
    let damages = number("FOOTFALL_DAMAGES", 10_000);
    let tally = Tally::default();
    in_parts(damages, DAMAGES_PER_STORE, |first, last, random| {
        let root = dir.path().join(format!("store-{first}"));
        let store = new_store(&root);
        let mut rows = 0;
        for n in first..last {
            let kind = n as usize % KINDS.len();
            let set = pick(&sets, random);
            let name = format!("damaged-{n}.parquet");
            let file = dir.path().join(&name);
            std::fs::write(&file, (KINDS[kind].1)(set.bytes.clone(), random))
                .expect("a file in a temporary folder");
            let what = format!("damage {n}, {} of {}", KINDS[kind].0, set.name);
            let began = Instant::now();
            match catch_unwind(AssertUnwindSafe(|| land_into(&store, &file, &set.map))) {
                Err(_) => panic!("{what}: a panic reached the caller"),
                Ok(Err(e)) => {
                    assert!(e.contains(&name), "{what}: the error does not name the file: {e}");
                    tally.count(kind, 0);
                }
                Ok(Ok(landed)) => {
                    rows += landed.landed;
                    tally.count(kind, 1);
                }
            }
            tally.took(&what, began.elapsed(), || {
                let again = new_store(&dir.path().join(format!("again-{n}")));
                land_into(&again, &file, &set.map).ok();
                std::fs::remove_dir_all(again.root()).expect("the store's folder");
            });
            std::fs::remove_file(&file).expect("the file that was written");
        }
        assert_eq!(events(&store), rows, "what landed is what is there");
        std::fs::remove_dir_all(&root).expect("the store's folder");
    });
    tally.tell(&format!("{damages} damages before landing"), ["errors", "read in full"]);
}

#[test]
fn rot_in_a_store_is_found() {
    // Expected: by the promise: whatever byte of a landed file changes, `verify` names the file, a compaction copies nothing
    // of it and changes nothing, and a query ends with an answer or with an error that names the file.
    let dir = tempfile::tempdir().expect("a temporary folder");
    let sets = sets(dir.path());
    let damages = number("FOOTFALL_DAMAGES", 10_000) / 20;
    let tally = Tally::default();
    in_parts(damages, damages.div_ceil(THREADS as u64), |first, last, random| {
        let stores: Vec<PathBuf> = sets
            .iter()
            .take(SMALL_SETS)
            .map(|set| {
                let store = new_store(&dir.path().join(format!("{first}-{}", set.name)));
                land_into(&store, &set.file, &set.map).unwrap_or_else(|e| panic!("{}: {e}", set.name));
                store.root().to_path_buf()
            })
            .collect();
        for n in first..last {
            let kind = n as usize % KINDS.len();
            let root = &stores[random.below(stores.len())];
            let store = block_on(Store::open(root)).expect("a store");
            let files = &store.opened().files;
            let name = files[random.below(files.len())].path.clone();
            let path = root.join("events").join(&name);
            let sound = std::fs::read(&path).expect("a data file");
            let damaged = (KINDS[kind].1)(sound.clone(), random);
            if damaged == sound {
                continue;
            }
            std::fs::write(&path, damaged).expect("a data file");
            let what = format!("damage {n}, {} of {}", KINDS[kind].0, path.display());
            let look = || look_at_rot(&store, &name);
            let began = Instant::now();
            match catch_unwind(AssertUnwindSafe(look)) {
                Err(_) => panic!("{what}: a panic reached the caller"),
                Ok(Err(e)) => panic!("{what}: {e}"),
                Ok(Ok(answered)) => tally.count(kind, usize::from(answered)),
            }
            // Three reads, each of which has the limit for itself.
            tally.took(&what, began.elapsed() / 3, || drop(look()));
            std::fs::write(&path, sound).expect("a data file");
        }
    });
    tally
        .tell(&format!("{damages} damages after landing, all found"), ["queries failed", "queries answered"]);
}

/// Whether a query was answered, or what is not as promised.
fn look_at_rot(store: &Store, name: &str) -> Result<bool, String> {
    let verified = block_on(store.verify(1)).map_err(|e| format!("verify failed itself: {e}"))?;
    if !verified.problems.iter().any(|problem| problem.to_string().contains(name)) {
        return Err(format!("verify does not name it: {:?}", verified.problems));
    }
    if let Some(other) = verified.problems.iter().find(|problem| !problem.to_string().contains(name)) {
        return Err(format!("verify names a sound file: {other}"));
    }
    // Other split points: every file is to be rewritten.
    let options = CompactOptions { split_points: Some(vec!["m".to_string()]), ..CompactOptions::default() };
    match block_on(store.compact(&options)) {
        Ok(compacted) => return Err(format!("it was compacted: {compacted:?}")),
        Err(e) if !e.to_string().contains(name) => {
            return Err(format!("the compaction does not name it: {e}"));
        }
        Err(_) => {}
    }
    let now = block_on(store.snapshot()).map_err(|e| e.to_string())?;
    if now.version != store.opened().version {
        return Err(format!("the compaction made version {}", now.version));
    }
    let options = EngineOptions { threads: Some(1), ..EngineOptions::default() };
    let engine = block_on(Engine::with_store(store, &options)).map_err(|e| e.to_string())?;
    match try_ask(&engine, "SELECT count(user_id || event), max(ts), count(page), sum(seq) FROM events") {
        Err(e) if !e.to_string().contains(name) => Err(format!("the query's error does not name it: {e}")),
        answer => Ok(answer.is_ok()),
    }
}

/// What became of the damages, by kind, and how long the slowest took.
#[derive(Default)]
struct Tally {
    outcomes: [[AtomicU64; 2]; KINDS.len()],
    slowest: Mutex<Duration>,
}

impl Tally {
    fn count(&self, kind: usize, outcome: usize) {
        self.outcomes[kind][outcome].fetch_add(1, Ordering::Relaxed);
    }

    fn took(&self, what: &str, mut took: Duration, again: impl FnOnce()) {
        if took > LIMIT {
            // Other tests run beside this one: what counts is whether it is slow by itself.
            let began = Instant::now();
            again();
            took = began.elapsed();
        }
        assert!(took < LIMIT, "{what}: took {took:?}");
        let mut slowest = self.slowest.lock().expect("no thread panics while it holds this");
        *slowest = took.max(*slowest);
    }

    fn tell(&self, what: &str, outcomes: [&str; 2]) {
        println!(
            "{what}, slowest {:?}, 0 panics reached the caller:",
            self.slowest.lock().expect("no thread is left")
        );
        for ((kind, _), counts) in KINDS.iter().zip(&self.outcomes) {
            let [a, b] = counts.each_ref().map(|count| count.load(Ordering::Relaxed));
            println!("  {kind}: {a} {}, {b} {}", outcomes[0], outcomes[1]);
        }
    }
}

/// Cuts `0..count` into parts and works on them side by side; the random numbers of a part depend on nothing but the seed.
fn in_parts(count: u64, size: u64, work: impl Fn(u64, u64, &mut Random) + Sync) {
    let seed = number("FOOTFALL_SEED", 1);
    let next = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let first = next.fetch_add(1, Ordering::Relaxed) * size;
                    if first >= count {
                        break;
                    }
                    let mut random = Random(seed.wrapping_mul(1 << 32).wrapping_add(first));
                    work(first, count.min(first + size), &mut random);
                }
            });
        }
    });
}

/// Any of the small sets as often as the others; the generated month, which is many times larger, one time in a hundred.
fn pick<'a>(sets: &'a [Set], random: &mut Random) -> &'a Set {
    match sets.get(SMALL_SETS) {
        Some(large) if random.below(100) == 0 => large,
        _ => &sets[random.below(SMALL_SETS)],
    }
}

/// A data set and how it is read.
struct Set {
    name: &'static str,
    /// Rows by its README; `None` for what is made here.
    rows: Option<u64>,
    map: Mapping,
    file: PathBuf,
    bytes: Vec<u8>,
}

/// How many of the sets are small: the first ones.
const SMALL_SETS: usize = 4;

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
    let set = |name: &'static str, rows: Option<u64>, map: Mapping| Set {
        name,
        rows,
        map,
        file: data(name),
        bytes: std::fs::read(data(name)).expect("data of the repository"),
    };
    let mut sets = vec![
        set("nasa_ksc_19950801", Some(30_969), Mapping::named("nasa").expect("a built-in mapping")),
        set("datafusion_commits", Some(44_085), written("commits", commits)),
        set("cdnow_purchases", Some(69_659), written("purchases", purchases)),
        set("wikipedia_edits_20150912", Some(39_244), written("edits", edits)),
    ];
    if data("shop_month").exists() {
        sets.push(set("shop_month", None, Mapping::named("footfall").expect("a built-in mapping")));
    }
    sets
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
