//! Which logs are there, and what was appended to them? The files are looked at again and again; nothing depends on
//! notices of the operating system, which network folders do not send.
//!
//! A file is told from others by its number in the file system while it is watched, and by its content ([`Head`]) when it is
//! seen for the first time. So a renamed log is read on, a new file under the old name begins at its own beginning, and a
//! copy of a log that was cut afterwards (copytruncate) is known as what it is.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::common::{DataFusionError, Result, exec_datafusion_err};

use super::super::input::file_at;
use super::super::pass::naming;
use super::super::{Format, LandOptions};
use super::places::{Found, Kind, Place};
use super::source::{FileKey, Grown, Head, QUIET, Source};
use super::whole::Waiting;

/// How often files are looked for, which costs more than a look at those that are known.
const LOOK_FOR: Duration = Duration::from_millis(500);
/// Two files that begin alike are compared so far, and so far before the end of the shorter one.
const COMPARED: u64 = 16 << 20;
const COMPARED_BEFORE_END: u64 = 1 << 20;

/// In place of the length of a file that is not looked at again when it has grown.
const FOR_GOOD: u64 = u64::MAX;

/// A log that is seen for the first time.
pub(super) struct Candidate {
    pub(super) path: PathBuf,
    pub(super) key: FileKey,
    pub(super) head: Head,
    len: u64,
    /// It counts only if it was followed before.
    renamed: bool,
}

/// What a look has found.
#[derive(Default)]
pub(super) struct News {
    pub(super) candidates: Vec<Candidate>,
    /// Files that are ready to land as a whole.
    pub(super) whole: Vec<(PathBuf, FileKey, Format)>,
    /// What a person should know, each once.
    pub(super) messages: Vec<DataFusionError>,
    /// Something was appended, or appeared.
    pub(super) moved: bool,
}

/// See the module.
pub(super) struct Watch {
    options: Arc<LandOptions>,
    places: Vec<Place>,
    pub(super) sources: Vec<Source>,
    /// Files that are not followed, with the length at which they were looked at.
    aside: HashMap<FileKey, u64>,
    told: HashSet<String>,
    pub(super) waiting: Waiting,
    /// Files that hold no whole row yet.
    pub(super) begun: BTreeMap<PathBuf, u64>,
    looked: Option<Instant>,
    /// The sources that have no name any more, and since when.
    nameless: HashMap<FileKey, Instant>,
    /// Whom to begin with, so that a long backlog of one does not keep the others waiting.
    turn: usize,
    /// Bytes that may be held of one source, and of all.
    part: usize,
    all: usize,
}

impl Watch {
    pub(super) fn new(given: &[String], options: &Arc<LandOptions>, part: usize, all: usize) -> Result<Self> {
        let places = given.iter().map(|given| Place::parse(given, options)).collect::<Result<_>>()?;
        Ok(Self {
            options: Arc::clone(options),
            places,
            sources: vec![],
            aside: HashMap::new(),
            told: HashSet::new(),
            waiting: Waiting::default(),
            begun: BTreeMap::new(),
            looked: None,
            nameless: HashMap::new(),
            turn: 0,
            part,
            all,
        })
    }

    /// Looks at everything once.
    pub(super) fn look(&mut self) -> News {
        let mut news = News::default();
        self.read(&mut news);
        if self.looked.is_none_or(|looked| looked.elapsed() >= LOOK_FOR) {
            self.find(&mut news);
            self.looked = Some(Instant::now());
        }
        news
    }

    /// Follows a candidate from where the store says; unless it does not count.
    pub(super) fn follow(&mut self, candidate: Candidate, reached: (u64, u64)) -> Option<DataFusionError> {
        if candidate.renamed && reached == (0, 0) {
            self.aside.insert(candidate.key, candidate.len);
            return None;
        }
        if candidate.len < reached.0 {
            // Perhaps a copy that is being made; it is looked at again when it has grown.
            self.aside.insert(candidate.key, candidate.len);
            let message = exec_datafusion_err!(
                "{}: it begins like a log of which {} bytes have landed, but has {}; it is followed when it is longer",
                candidate.path.display(),
                reached.0,
                candidate.len
            );
            return self.tell(message);
        }
        self.sources.push(Source::new(candidate.path, candidate.key, candidate.head, reached));
        None
    }

    pub(super) fn source(&mut self, id: u128) -> Option<&mut Source> {
        self.sources.iter_mut().find(|source| source.head.id == id)
    }

    /// Gives a source up for good, and says why.
    pub(super) fn set_aside(&mut self, id: u128, why: DataFusionError) -> Option<DataFusionError> {
        let at = self.sources.iter().position(|source| source.head.id == id)?;
        let source = self.sources.swap_remove(at);
        self.aside.insert(source.key, FOR_GOOD);
        self.tell(why)
    }

    /// The message, if it has not been told yet.
    pub(super) fn tell(&mut self, message: DataFusionError) -> Option<DataFusionError> {
        self.told.insert(message.to_string()).then_some(message)
    }

    /// Reads what was appended to the sources.
    fn read(&mut self, news: &mut News) {
        let mut room = self.all.saturating_sub(self.sources.iter().map(Source::held).sum());
        let count = self.sources.len();
        let mut broken = vec![];
        self.turn = self.turn.wrapping_add(1);
        for step in 0..count {
            let source = &mut self.sources[(self.turn % count + step) % count];
            if source.ended {
                continue;
            }
            let held = source.held();
            // A row that has not ended may be longer than a part.
            let most = if source.waiting().0 == 0 { usize::MAX } else { self.part.saturating_sub(held) };
            match source.read(most.min(room).min(self.part)) {
                Ok(Grown::No) => {}
                Ok(Grown::Yes) => news.moved = true,
                Ok(Grown::Cut) => source.ended = true,
                Err(e) => broken.push((source.head.id, naming(&source.path, e))),
            }
            room = room.saturating_sub(source.held().saturating_sub(held));
        }
        for (id, why) in broken {
            news.messages.extend(self.set_aside(id, why));
        }
        self.forget_ended(news);
    }

    /// Sources of which nothing more will come, and nothing is to be landed.
    fn forget_ended(&mut self, news: &mut News) {
        let given_up = |source: &Source| source.ended && source.waiting().0 == 0;
        let lost = self.sources.iter().filter(|source| given_up(source) && source.unfinished() > 0);
        news.messages.extend(lost.map(|source| {
            exec_datafusion_err!(
                "{}: its last {} bytes were no whole row and have not landed",
                source.path.display(),
                source.unfinished()
            )
        }));
        let before = self.sources.len();
        self.sources.retain(|source| !given_up(source));
        if self.sources.len() < before {
            // A copy that was set aside may hold what came between the last look and the end.
            self.aside.clear();
        }
    }

    /// Looks for files that are new, renamed or gone.
    fn find(&mut self, news: &mut News) {
        let mut seen: HashSet<FileKey> = HashSet::new();
        self.begun.clear();
        let (mut found, mut unreadable) = (vec![], vec![]);
        for place in &self.places {
            match place.list(&self.options) {
                Ok(files) => found.extend(files),
                Err(e) => unreadable.push(e),
            }
        }
        news.messages.extend(unreadable.into_iter().filter_map(|why| self.tell(why)));
        // What was named comes before what it was renamed to.
        found.sort_by_key(|found| found.renamed);
        for found in found {
            let Ok(metadata) = std::fs::metadata(&found.path) else { continue };
            let key = FileKey::of(&found.path, &metadata);
            if !seen.insert(key) {
                continue;
            }
            if let Some(source) = self.sources.iter_mut().find(|source| source.key == key && !source.ended) {
                if source.path != found.path {
                    source.path = found.path;
                }
                continue;
            }
            match found.kind {
                Kind::Whole(format) => {
                    let ready = self.waiting.is_ready(key, metadata.len());
                    news.moved |= self.waiting.is_waiting(key);
                    if ready {
                        news.whole.push((found.path, key, format));
                    }
                }
                Kind::Grows(format) => self.meet(found, key, format, metadata.len(), news),
            }
        }
        self.miss(&seen);
    }

    /// A log that is not followed yet.
    fn meet(&mut self, found: Found, key: FileKey, format: Format, len: u64, news: &mut News) {
        if len == 0 || self.aside.get(&key).is_some_and(|aside| [len, FOR_GOOD].contains(aside)) {
            return;
        }
        let head = file_at(&found.path)
            .and_then(|_| Head::read(File::open(&found.path)?, format, &self.options))
            .map_err(|e| naming(&found.path, e));
        let head = match head {
            Ok(Some(head)) => head,
            Ok(None) => {
                self.begun.insert(found.path, len);
                return;
            }
            Err(e) => {
                self.aside.insert(key, len);
                news.messages.extend(self.tell(e));
                return;
            }
        };
        let candidate = Candidate { path: found.path, key, head, len, renamed: found.renamed };
        if let Some(at) = self.sources.iter().position(|source| source.head.id == candidate.head.id) {
            return self.meet_again(at, candidate, news);
        }
        if let Some(at) = news.candidates.iter().position(|other| other.head.id == candidate.head.id) {
            let other = &news.candidates[at];
            match continues(&other.path, &candidate.path, other.len.min(candidate.len)) {
                // One of them is enough, the longer one.
                Ok(true) if candidate.len > other.len => news.candidates[at] = candidate,
                // A copy, or one of them has gone meanwhile.
                Ok(true) | Err(_) => {}
                Ok(false) => {
                    let why = alike(&other.path, &candidate.path, "neither is followed");
                    self.aside.insert(other.key, other.len);
                    self.aside.insert(candidate.key, candidate.len);
                    news.candidates.remove(at);
                    news.messages.extend(self.tell(why));
                }
            }
            return;
        }
        self.aside.remove(&candidate.key);
        news.moved = true;
        news.candidates.push(candidate);
    }

    /// A file that begins as a source does: its copy, what replaced it, or another log.
    fn meet_again(&mut self, at: usize, candidate: Candidate, news: &mut News) {
        let source = &mut self.sources[at];
        if source.ended {
            // Its last rows land first; then it is seen how far that was.
            return;
        }
        let length = std::fs::metadata(&source.path).map_or(0, |metadata| metadata.len());
        let gone = self.nameless.contains_key(&source.key);
        if gone {
            // What is read of it cannot be compared any more, but for its end, before the next read.
            if candidate.len >= source.position() {
                source.move_to(candidate.path, candidate.key);
            }
            return;
        }
        match continues(&source.path, &candidate.path, length.min(candidate.len)) {
            Ok(true) if candidate.len > length && source.position() == length => {
                source.move_to(candidate.path, candidate.key);
            }
            Ok(true) => {
                self.aside.insert(candidate.key, candidate.len);
            }
            // A file went away between two looks.
            Err(_) => {}
            Ok(false) => {
                let ours = source.ours;
                let (path, id) = (source.path.clone(), source.head.id);
                let end = if ours { "only the first is followed" } else { "neither is followed" };
                let why = alike(&path, &candidate.path, end);
                self.aside.insert(candidate.key, candidate.len);
                if ours {
                    news.messages.extend(self.tell(why));
                } else {
                    // Which of them was followed before, nobody can tell.
                    news.messages.extend(self.set_aside(id, why));
                }
            }
        }
    }

    /// Gives up sources that have had no name for a while: whoever wrote to them has gone on to another file.
    fn miss(&mut self, seen: &HashSet<FileKey>) {
        let mut nameless = HashMap::new();
        for source in &mut self.sources {
            if source.ended || seen.contains(&source.key) {
                continue;
            }
            let since = self.nameless.get(&source.key).copied().unwrap_or_else(Instant::now);
            nameless.insert(source.key, since);
            if !source.is_open() || (since.elapsed() > QUIET && source.grew.elapsed() > QUIET) {
                source.ended = true;
            }
        }
        self.nameless = nameless;
    }
}

fn alike(one: &Path, other: &Path, end: &str) -> DataFusionError {
    exec_datafusion_err!(
        "{} and {} begin with the same row and go on differently: which is which could not be told after a restart, so {end}",
        one.display(),
        other.display()
    )
}

/// Whether the two files agree in their first `length` bytes; of long ones the beginning and the end are compared.
fn continues(one: &Path, other: &Path, length: u64) -> Result<bool> {
    let (mut one, mut other) = (File::open(one)?, File::open(other)?);
    let mut same = |from: u64, to: u64| -> Result<bool> {
        one.seek(SeekFrom::Start(from))?;
        other.seek(SeekFrom::Start(from))?;
        let (mut left, mut right) = (vec![0; 1 << 16], vec![0; 1 << 16]);
        let mut at = from;
        while at < to {
            let piece = (to - at).min(1 << 16) as usize;
            one.read_exact(&mut left[..piece])?;
            other.read_exact(&mut right[..piece])?;
            if left[..piece] != right[..piece] {
                return Ok(false);
            }
            at += piece as u64;
        }
        Ok(true)
    };
    if length <= COMPARED + COMPARED_BEFORE_END {
        return same(0, length);
    }
    Ok(same(0, COMPARED)? && same(length - COMPARED_BEFORE_END, length)?)
}
