//! Which logs are there, and what was appended to them? The files are looked at again and again; nothing depends on
//! notices of the operating system, which network folders do not send.
//!
//! A file is told from others by its number in the file system while it is watched, and by its content ([`Head`]) when it is
//! seen for the first time. So a renamed log is read on, a new file under the old name begins at its own beginning, and a
//! copy of a log that was cut afterwards (copytruncate) is known as what it is.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::common::{DataFusionError, Result, exec_datafusion_err};

use super::super::input::file_at;
use super::super::pass::naming;
use super::super::{Format, LandOptions};
use super::candidate::{Candidate, continues};
use super::head::{Head, may_pass};
use super::places::{Found, Kind, Place};
use super::source::{Again, FileKey, Grown, QUIET, Source};
use super::whole::Waiting;
use crate::store::Followed;

/// How often files are looked for, which costs more than a look at those that are known.
const LOOK_FOR: Duration = Duration::from_millis(500);
/// With more sources than this, those are closed of which nothing is left to read.
const KEPT_OPEN: usize = 256;
/// A source that is closed and has no name for so long is given up.
const UNSEEN: Duration = Duration::from_secs(5);
/// Messages that are remembered, so that none is told twice.
const TOLD: usize = 10_000;

/// A file that is not followed.
#[derive(Clone, Copy, Debug)]
enum Aside {
    /// Until it no longer has this length.
    At(u64),
    /// The same, and it has begun.
    Begun(u64),
    /// As long as it is not shorter: what it is made of cannot land.
    ForGood(u64),
    /// It cannot be read at present.
    Until(Again),
}

/// What a look has found.
#[derive(Default)]
pub(super) struct News {
    pub(super) candidates: Vec<Candidate>,
    /// Files that are ready to land as a whole.
    pub(super) whole: Vec<(PathBuf, FileKey, Format)>,
    /// What a person should know, each once.
    pub(super) messages: Vec<DataFusionError>,
    /// Something was appended, or is about to land.
    pub(super) moved: bool,
}

/// See the module.
pub(super) struct Watch {
    options: Arc<LandOptions>,
    places: Vec<Place>,
    pub(super) sources: Vec<Source>,
    aside: HashMap<FileKey, Aside>,
    told: HashSet<String>,
    pub(super) waiting: Waiting,
    /// Files with too few whole rows to know them.
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

    /// Follows a candidate from where the store says, behind the bytes `before`; unless it does not count, or has to wait for
    /// what is followed under the same hash: the store knows which of them that is once it has landed.
    pub(super) fn follow(&mut self, candidate: Candidate, reached: Followed, before: Vec<u8>) -> bool {
        if candidate.renamed && reached.landed == 0 && reached.rejected == 0 {
            self.aside.insert(candidate.key, Aside::At(candidate.len));
            return false;
        }
        if self.source(candidate.head.id).is_some() {
            return false;
        }
        self.aside.remove(&candidate.key);
        self.sources.push(Source::new(candidate.path, candidate.key, candidate.head, reached, before));
        true
    }

    /// A candidate waits until it is longer.
    pub(super) fn wait_for(&mut self, candidate: Candidate) {
        let aside = if candidate.renamed { Aside::At(candidate.len) } else { Aside::Begun(candidate.len) };
        self.aside.insert(candidate.key, aside);
        if !candidate.renamed {
            self.begun.insert(candidate.path, candidate.len);
        }
    }

    /// A file could not be looked at.
    pub(super) fn put_off(
        &mut self,
        path: &Path,
        key: FileKey,
        len: u64,
        why: DataFusionError,
    ) -> Option<DataFusionError> {
        if let DataFusionError::IoError(e) = why.find_root()
            && e.kind() == std::io::ErrorKind::NotFound
        {
            // Renamed between two looks: it is met under its new name.
            return None;
        }
        let aside = match self.aside.get(&key) {
            _ if !may_pass(&why) => Aside::At(len),
            Some(Aside::Until(last)) => Aside::Until(Again::after(Some(*last))),
            _ => Aside::Until(Again::after(None)),
        };
        self.aside.insert(key, aside);
        self.tell(path, naming(path, why))
    }

    pub(super) fn source(&mut self, id: u128) -> Option<&mut Source> {
        self.sources.iter_mut().find(|source| source.head.id == id)
    }

    /// Gives a source up for good, and says why.
    pub(super) fn set_aside(&mut self, id: u128, why: DataFusionError) -> Option<DataFusionError> {
        let source = self.forget(id)?;
        self.aside.insert(source.key, Aside::ForGood(source.position()));
        self.tell(&source.path, why)
    }

    /// Follows a source no longer: its file is met as if it were new.
    pub(super) fn forget(&mut self, id: u128) -> Option<Source> {
        let at = self.sources.iter().position(|source| source.head.id == id)?;
        Some(self.sources.swap_remove(at))
    }

    /// The message, if it has not been told yet `of` that file.
    pub(super) fn tell(&mut self, of: &Path, message: DataFusionError) -> Option<DataFusionError> {
        let mut key = of.display().to_string();
        // Lengths and places are others the next time.
        key.extend(message.to_string().chars().filter(|c| !c.is_ascii_digit()));
        if self.told.len() >= TOLD {
            self.told.clear();
        }
        self.told.insert(key).then_some(message)
    }

    /// Reads what was appended to the sources.
    fn read(&mut self, news: &mut News) {
        let mut room = self.all.saturating_sub(self.sources.iter().map(Source::held).sum());
        let count = self.sources.len();
        let (mut unread, mut broken) = (vec![], vec![]);
        self.turn = self.turn.wrapping_add(1);
        for step in 0..count {
            let source = &mut self.sources[(self.turn % count + step) % count];
            if source.ended {
                continue;
            }
            let held = source.held();
            // A row that has not ended may be longer than a part.
            let most = if source.waiting().0 == 0 { usize::MAX } else { self.part.saturating_sub(held) };
            match source.read(most.min(room).min(self.part), count <= KEPT_OPEN) {
                Ok(Grown::No) => {}
                Ok(Grown::Yes) => news.moved = true,
                Ok(Grown::Cut) => source.ended = true,
                Err(e) if may_pass(&e) => unread.push((source.path.clone(), e)),
                Err(e) => broken.push((source.head.id, naming(&source.path, e))),
            }
            room = room.saturating_sub(source.held().saturating_sub(held));
        }
        for (path, why) in unread {
            news.messages.extend(self.tell(&path, naming(&path, why)));
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
            self.aside.retain(|_, aside| matches!(aside, Aside::ForGood(_)));
        }
    }

    /// Looks for files that are new, renamed or gone.
    fn find(&mut self, news: &mut News) {
        let mut found = vec![];
        let mut unreadable = vec![];
        for place in &self.places {
            match place.list(&self.options) {
                Ok(files) => found.extend(files),
                Err(e) => unreadable.push(e),
            }
        }
        let mut saw_all = unreadable.is_empty();
        news.messages.extend(unreadable.into_iter().filter_map(|why| self.tell(Path::new(""), why)));
        // What was named comes before what it was renamed to.
        found.sort_by_key(|found| found.renamed);
        let mut seen: HashSet<FileKey> = HashSet::new();
        let mut files = vec![];
        for found in found {
            match std::fs::metadata(&found.path) {
                Ok(metadata) => {
                    let key = FileKey::of(&found.path, &metadata);
                    if seen.insert(key) {
                        files.push((found, key, metadata.len()));
                    }
                }
                Err(e) => saw_all &= e.kind() == std::io::ErrorKind::NotFound,
            }
        }
        // What is followed comes first: the others are compared with it, under its present name.
        let mut known: HashMap<FileKey, usize> = HashMap::new();
        known.extend(
            self.sources
                .iter()
                .enumerate()
                .filter(|(_, source)| !source.ended)
                .map(|(at, source)| (source.key, at)),
        );
        files.retain(|(found, key, _)| {
            let Some(at) = known.get(key) else { return true };
            self.sources[*at].path.clone_from(&found.path);
            false
        });
        self.begun.clear();
        for (found, key, len) in files {
            match found.kind {
                Kind::Whole(format) => {
                    let ready = self.waiting.is_ready(key, len);
                    news.moved |= self.waiting.is_waiting(key);
                    if ready {
                        news.whole.push((found.path, key, format));
                    }
                }
                Kind::Grows(format) => self.meet(found, (key, len), format, &seen, news),
            }
        }
        if saw_all {
            self.miss(&seen);
            self.aside.retain(|key, _| seen.contains(key));
            self.waiting.keep(&seen);
        }
    }

    /// A log that is not followed yet.
    fn meet(
        &mut self,
        found: Found,
        (key, len): (FileKey, u64),
        format: Format,
        seen: &HashSet<FileKey>,
        news: &mut News,
    ) {
        let is_aside = match self.aside.get(&key) {
            Some(Aside::At(known)) => *known == len,
            Some(Aside::Begun(known)) if *known == len => {
                self.begun.insert(found.path.clone(), len);
                true
            }
            Some(Aside::ForGood(known)) => *known <= len,
            Some(Aside::Until(again)) => !again.is_due(),
            Some(Aside::Begun(_)) | None => false,
        };
        if len == 0 || is_aside {
            return;
        }
        let read = || -> Result<Option<Head>> {
            file_at(&found.path)?;
            Head::read(File::open(&found.path)?, format, &self.options)
        };
        match read() {
            Ok(Some(head)) => {
                let candidate = Candidate { path: found.path, key, head, len, renamed: found.renamed };
                self.compare(candidate, seen, news);
            }
            Ok(None) => {
                self.begun.insert(found.path, len);
            }
            Err(e) => news.messages.extend(self.put_off(&found.path, key, len, e)),
        }
    }

    /// Is it a copy of what is there, or what replaced it? Else the store says which log it is.
    fn compare(&mut self, candidate: Candidate, seen: &HashSet<FileKey>, news: &mut News) {
        let first = candidate.head.first;
        let alike = self.sources.iter_mut().filter(|source| source.head.first == first);
        for source in alike {
            if source.ended {
                // Its last rows land first; then it is seen how far that was.
                return;
            }
            if !seen.contains(&source.key) {
                // It has no name: what is read of it cannot be compared any more, but for its end.
                if source.goes_on_in(&candidate.path).unwrap_or(false) {
                    source.move_to(candidate.path, candidate.key);
                    return;
                }
                continue;
            }
            let length = std::fs::metadata(&source.path).map_or(0, |metadata| metadata.len());
            match continues(&source.path, &candidate.path, length.min(candidate.len)) {
                Ok(true) if candidate.len > length && source.position() == length => {
                    source.move_to(candidate.path, candidate.key);
                    return;
                }
                Ok(true) => {
                    self.aside.insert(candidate.key, Aside::At(candidate.len));
                    return;
                }
                Ok(false) => {}
                // A file went away between two looks.
                Err(_) => return,
            }
        }
        for other in &mut news.candidates {
            if other.head.first != first {
                continue;
            }
            match continues(&other.path, &candidate.path, other.len.min(candidate.len)) {
                // One of them is enough, the longer one.
                Ok(true) => {
                    if candidate.len > other.len {
                        *other = candidate;
                    }
                    return;
                }
                Ok(false) => {}
                Err(_) => return,
            }
        }
        news.candidates.push(candidate);
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
            let patience = if source.is_open() { QUIET } else { UNSEEN };
            if since.elapsed() > patience && (!source.is_open() || source.grew.elapsed() > QUIET) {
                source.ended = true;
            }
        }
        self.nameless = nameless;
    }
}
