//! Landing what is appended to growing logs, while it is appended.
//!
//! ```text
//!           watch (five times a second)            batch (one commit)                beside
//! files ─▶ new, renamed, cut? what was appended ─▶ whole rows ─▶ shape ─▶ store      compaction of the small files,
//!                                                  from offset to offset             files that land as a whole
//! ```
//!
//! Rows of a source are committed when the oldest has waited for [`FollowOptions::every`], or when there are many. The commit
//! records how far the source has landed, so nothing else needs to be kept, and nothing lands twice or is left out: whoever
//! follows the source next goes on there. What can never land is told once and left; a file that cannot be read and a store
//! that takes nothing are tried again. Files that were written are merged by `Store::compact_tail` beside the landing, and
//! once a day a vacuum removes what was merged a week ago; `footfall compact` does the rest.
//!
//! To follow a log and to land it as a file are two different inputs: a log that was landed without following and is then
//! followed lands twice, where its events have no ids that tell.

mod batch;
mod breaks;
mod candidate;
mod head;
mod places;
mod source;
mod watch;
mod whole;

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::common::{DataFusionError, Result};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::input::MAX_ROW;
use super::pass::Counts;
use super::{Format, LandOptions, Landed};
use crate::store::{self, Store};
use batch::{Failure, Lander, Outcome};
use candidate::{Candidate, Verdict};
use source::{FileKey, Source, Stood};
use watch::{News, Watch};
use whole::{Ended, land_whole, off_thread};

/// How often the files are looked at.
const POLL: Duration = Duration::from_millis(200);
/// Rows and bytes of a source that are committed whatever their age.
const PART_ROWS: u64 = 200_000;
const PART_BYTES: usize = 64 << 20;
/// Commits after which it is seen whether small files are to be merged.
const COMMITS_A_COMPACTION: u64 = 4;
/// How often a vacuum runs, and how long it retains what was replaced.
const VACUUM: Duration = Duration::from_secs(86_400);
const RETAIN: Duration = Duration::from_secs(7 * 86_400);
/// Waits before a store that took nothing is tried again.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// How growing logs are landed.
#[derive(Clone, Copy, Debug)]
pub struct FollowOptions {
    /// A row is committed at most so long after it was read.
    pub every: Duration,
    /// Return when nothing was appended for so long; never if `None`.
    pub idle_exit: Option<Duration>,
}

impl Default for FollowOptions {
    fn default() -> Self {
        Self { every: Duration::from_secs(2), idle_exit: None }
    }
}

/// What became of one log: `rows = left_out + landed + duplicates + quarantined`.
#[derive(Clone, Debug, Default)]
pub struct Followed {
    /// What it was called last.
    pub source: PathBuf,
    pub rows: u64,
    /// Rows that the mapping's `where` leaves out.
    pub left_out: u64,
    pub landed: u64,
    pub duplicates: u64,
    pub quarantined: u64,
    /// Micro-batches.
    pub commits: u64,
    /// Bytes at its end that wait for the end of their row.
    pub unfinished: u64,
    /// Bytes that another process has landed meanwhile; their rows are not counted here.
    pub elsewhere: u64,
}

/// How far the following is.
#[derive(Clone, Copy, Debug)]
pub struct FollowState {
    /// Logs that are followed.
    pub sources: usize,
    /// Rows that were read and committed.
    pub rows: u64,
    pub landed: u64,
    /// How long the oldest row has been waiting that was read and not committed.
    pub lag: Duration,
}

/// Hears what happens while logs are followed.
pub trait FollowListener: Send + Sync {
    /// After every look at the files.
    fn state(&self, _state: &FollowState) {}
    /// Something is not as it should be, and the following goes on; each is told once.
    fn trouble(&self, _trouble: &DataFusionError) {}
    /// A file has landed as a whole.
    fn landed(&self, _landed: &Landed) {}
}

/// Lands what is and will be appended to the files, folders and patterns `given`, until nothing more comes
/// ([`FollowOptions::idle_exit`]) or the future is dropped: what was read by then is committed or is not, row by row.
pub async fn follow(
    store: &Store,
    given: &[String],
    options: &LandOptions,
    follow: &FollowOptions,
    listener: &dyn FollowListener,
) -> Result<Vec<Followed>> {
    let mut options = options.clone();
    options.batch_rows = options.batch_rows.max(1);
    let options = Arc::new(options);
    let part = (options.memory_limit / 16).clamp(1 << 20, PART_BYTES);
    // A row that has not ended may be longer than a part.
    let mut watch = Watch::new(given, &options, part, 2 * part + 2 * MAX_ROW)?;
    let mut following = Following {
        store,
        follow,
        listener,
        lander: Lander::new(store.clone(), Arc::clone(&options)),
        options,
        part,
        accounts: BTreeMap::new(),
        beside: Beside::default(),
        trouble: Trouble::default(),
        unsure: HashSet::new(),
        active: None,
    };
    loop {
        let news;
        (watch, news) = off_thread(move || {
            let news = watch.look();
            Ok((watch, news))
        })
        .await?;
        following.hear(&mut watch, news).await;
        following.land_due(&mut watch).await?;
        following.look_beside(&mut watch);
        listener.state(&following.state(&watch));
        if following.is_over(&watch) {
            return Ok(following.finish(&watch).await);
        }
        tokio::time::sleep(POLL).await;
    }
}

struct Following<'a> {
    store: &'a Store,
    options: Arc<LandOptions>,
    follow: &'a FollowOptions,
    listener: &'a dyn FollowListener,
    lander: Lander,
    /// Bytes of a source that are committed whatever their age.
    part: usize,
    accounts: BTreeMap<u128, Followed>,
    beside: Beside,
    trouble: Trouble,
    /// Sources whose last commit failed: perhaps part of it is there.
    unsure: HashSet<u128>,
    /// When something last happened; nothing has before the first files were heard of.
    active: Option<Instant>,
}

impl Following<'_> {
    async fn hear(&mut self, watch: &mut Watch, news: News) {
        let mut moved = news.moved || self.active.is_none();
        news.messages.iter().for_each(|message| self.listener.trouble(message));
        self.beside.queue.extend(news.whole);
        let mut candidates = news.candidates;
        while !candidates.is_empty() {
            let verdicts = match judge(self.store, &self.options, candidates).await {
                Ok(verdicts) => verdicts,
                Err(e) => {
                    // They are met again at the next look.
                    self.fail(e);
                    moved = true;
                    break;
                }
            };
            candidates = vec![];
            for verdict in verdicts {
                match verdict {
                    Verdict::Same(candidate, reached, before) => {
                        let (id, path) = (candidate.head.id, candidate.path.clone());
                        if watch.follow(candidate, reached, before) {
                            self.accounts.entry(id).or_default().source = path;
                            moved = true;
                        }
                    }
                    Verdict::Other(candidate) => candidates.push(candidate),
                    Verdict::TooShort(candidate) => watch.wait_for(candidate),
                    Verdict::Gone => {}
                    Verdict::Unread(candidate, e) => {
                        let told = watch.put_off(&candidate.path, candidate.key, candidate.len, e);
                        told.iter().for_each(|message| self.listener.trouble(message));
                    }
                }
            }
        }
        if moved {
            self.active = Some(Instant::now());
        }
    }

    /// Commits what has waited long enough, the oldest first.
    async fn land_due(&mut self, watch: &mut Watch) -> Result<()> {
        let is_due = |source: &Source| {
            let (bytes, rows) = source.waiting();
            let waited = source.since.is_some_and(|since| since.elapsed() >= self.follow.every);
            bytes > 0 && (waited || source.ended || rows >= PART_ROWS || bytes >= self.part / 2)
        };
        let mut due: Vec<(Option<Instant>, u128)> = watch
            .sources
            .iter()
            .filter(|source| is_due(source))
            .map(|source| (source.since, source.head.id))
            .collect();
        due.sort_unstable();
        for (_, id) in due {
            if self.trouble.is_to_wait() {
                break;
            }
            self.land_part(watch, id).await?;
            self.active = Some(Instant::now());
        }
        Ok(())
    }

    async fn land_part(&mut self, watch: &mut Watch, id: u128) -> Result<()> {
        if self.unsure.contains(&id) {
            match self.store.followed(id).await {
                Ok(reached) => self.stand_at(watch, id, reached),
                Err(e) => {
                    self.fail(e);
                    return Ok(());
                }
            }
            self.unsure.remove(&id);
        }
        let Some(part) = watch.source(id).and_then(|source| source.part()) else { return Ok(()) };
        let taken = Instant::now();
        match self.lander.land(&part).await {
            Ok(Outcome::Landed(counts)) => {
                if let Some(source) = watch.source(id) {
                    source.landed(part.to, taken);
                }
                self.trouble = Trouble::default();
                self.beside.commits += 1;
                let account = self.accounts.entry(id).or_default();
                account.source = part.path;
                account.commits += 1;
                account.count(&counts);
            }
            Ok(Outcome::Elsewhere(reached)) => self.stand_at(watch, id, reached),
            Err(Failure::Source(e)) => {
                if let Some(message) = watch.set_aside(id, e) {
                    self.listener.trouble(&message);
                }
            }
            Err(Failure::Store(e)) => {
                self.unsure.insert(id);
                self.fail(e);
            }
            Err(memory) => return Err(memory.into_error()),
        }
        Ok(())
    }

    /// Another process has landed something under the hash of this source.
    fn stand_at(&mut self, watch: &mut Watch, id: u128, reached: store::Followed) {
        let Some(source) = watch.source(id) else { return };
        match source.stand_at(reached) {
            Stood::There(bytes) => self.accounts.entry(id).or_default().elsewhere += bytes,
            Stood::Beyond(bytes) => {
                self.accounts.entry(id).or_default().elsewhere += bytes;
                watch.forget(id);
            }
            Stood::Another => {
                watch.forget(id);
            }
        }
    }

    /// The store does not take anything at present.
    fn fail(&mut self, error: DataFusionError) {
        if self.trouble.until.is_none() {
            self.listener.trouble(&error.context("nothing is lost, it is tried again until it works"));
        }
        self.trouble.wait_longer();
    }

    fn tell(&self, watch: &mut Watch, of: &Path, error: DataFusionError) {
        if let Some(message) = watch.tell(of, error) {
            self.listener.trouble(&message);
        }
    }

    /// Sees what has ended beside the landing, and begins what is due.
    fn look_beside(&mut self, watch: &mut Watch) {
        while let Some(done) = self.beside.tasks.try_join_next() {
            self.end(watch, done);
        }
        if !self.beside.compacts && self.beside.commits >= COMMITS_A_COMPACTION {
            self.beside.commits = 0;
            self.beside.compacts = true;
            let (store, memory) = (self.store.clone(), self.options.memory_limit / 8);
            let runtime = Handle::current();
            // On a thread of its own, because merging leaves a thread of the runtime no time for anything else.
            self.beside.tasks.spawn_blocking(move || {
                Done::Compacted(runtime.block_on(async {
                    while store.compact_tail(memory).await?.is_some() {}
                    Ok::<(), DataFusionError>(())
                }))
            });
        }
        // Only what was merged is worth a vacuum.
        let is_due = self.beside.vacuumed.is_none_or(|last| last.elapsed() >= VACUUM);
        if self.beside.compacts && !self.beside.vacuums && is_due {
            self.beside.vacuums = true;
            self.beside.vacuumed = Some(Instant::now());
            let (store, runtime) = (self.store.clone(), Handle::current());
            self.beside.tasks.spawn_blocking(move || {
                Done::Vacuumed(runtime.block_on(store.vacuum(RETAIN, false)).map(drop))
            });
        }
        if !self.beside.lands
            && let Some((path, key, format)) = self.beside.queue.pop_front()
        {
            self.beside.lands = true;
            let store = self.store.clone();
            let mut options = LandOptions::clone(&self.options);
            options.memory_limit /= 2;
            let runtime = Handle::current();
            self.beside.tasks.spawn_blocking(move || {
                let ended = runtime.block_on(land_whole(store, path.clone(), key, format, options));
                Done::Whole(path, key, ended)
            });
        }
    }

    fn end(&mut self, watch: &mut Watch, done: Result<Done, tokio::task::JoinError>) {
        match done {
            Ok(Done::Compacted(ended)) => {
                self.beside.compacts = false;
                if let Err(e) = ended {
                    self.tell(watch, Path::new(""), e.context("small files are not merged"));
                }
            }
            Ok(Done::Vacuumed(ended)) => {
                self.beside.vacuums = false;
                if let Err(e) = ended
                    && !std::mem::replace(&mut self.beside.told_of_vacuum, true)
                {
                    self.listener.trouble(&e.context("files that nobody needs any more are not removed"));
                }
            }
            Ok(Done::Whole(path, key, ended)) => {
                self.active = Some(Instant::now());
                self.beside.lands = false;
                watch.waiting.ended(key, ended.is_ok());
                match ended {
                    Ok(Ended::Landed(landed)) => self.listener.landed(&landed),
                    Ok(Ended::Rest(id, counts)) => {
                        let account = self.accounts.entry(id).or_default();
                        account.source = path;
                        account.count(&counts);
                    }
                    Err(e) => self.tell(watch, &path, super::pass::naming(&path, e)),
                }
            }
            Err(e) => {
                (self.beside.compacts, self.beside.lands, self.beside.vacuums) = (false, false, false);
                self.tell(watch, Path::new(""), DataFusionError::External(Box::new(e)));
            }
        }
    }

    fn state(&self, watch: &Watch) -> FollowState {
        let oldest = watch.sources.iter().filter_map(|source| source.since).min();
        FollowState {
            sources: watch.sources.len(),
            rows: self.accounts.values().map(|account| account.rows).sum(),
            landed: self.accounts.values().map(|account| account.landed).sum(),
            lag: oldest.map(|oldest| oldest.elapsed()).unwrap_or_default(),
        }
    }

    fn is_over(&self, watch: &Watch) -> bool {
        let waits = watch.sources.iter().any(|source| source.waiting().0 > 0 || !source.looked_at);
        let busy = waits || self.beside.lands || !self.beside.queue.is_empty();
        !busy
            && self
                .follow
                .idle_exit
                .is_some_and(|idle| self.active.is_some_and(|active| active.elapsed() >= idle))
    }

    async fn finish(mut self, watch: &Watch) -> Vec<Followed> {
        // What is merged at the moment is worth waiting for; it would be done again.
        while self.beside.tasks.join_next().await.is_some() {}
        for source in &watch.sources {
            let account = self.accounts.entry(source.head.id).or_default();
            account.source = source.path.clone();
            account.unfinished = source.unfinished();
        }
        let begun = watch.begun.iter().map(|(path, bytes)| Followed {
            source: path.clone(),
            unfinished: *bytes,
            ..Followed::default()
        });
        let mut all: Vec<Followed> = self.accounts.into_values().chain(begun).collect();
        all.sort_by(|one, other| one.source.cmp(&other.source));
        all
    }
}

/// Which logs are they, by what has landed?
async fn judge(
    store: &Store,
    options: &Arc<LandOptions>,
    candidates: Vec<Candidate>,
) -> Result<Vec<Verdict>> {
    let ids: Vec<u128> = candidates.iter().map(|candidate| candidate.head.id).collect();
    let reached = store.followed_all(&ids).await?;
    let options = Arc::clone(options);
    off_thread(move || {
        let all = candidates.into_iter().zip(reached);
        Ok(all.map(|(candidate, reached)| candidate.judge(reached, &options)).collect())
    })
    .await
}

impl Followed {
    fn count(&mut self, counts: &Counts) {
        self.rows += counts.rows;
        self.left_out += counts.left_out;
        self.landed += counts.landed;
        self.duplicates += counts.duplicates;
        self.quarantined += counts.quarantined;
    }
}

fn add(sum: &mut Counts, more: &Counts) {
    sum.rows += more.rows;
    sum.left_out += more.left_out;
    sum.landed += more.landed;
    sum.duplicates += more.duplicates;
    sum.quarantined += more.quarantined;
}

/// What runs beside the landing of rows, which it must not hold up.
#[derive(Default)]
struct Beside {
    tasks: JoinSet<Done>,
    compacts: bool,
    /// Commits since the last compaction began.
    commits: u64,
    vacuums: bool,
    /// When the last vacuum began.
    vacuumed: Option<Instant>,
    told_of_vacuum: bool,
    lands: bool,
    queue: VecDeque<(PathBuf, FileKey, Format)>,
}

enum Done {
    Compacted(Result<()>),
    Vacuumed(Result<()>),
    Whole(PathBuf, FileKey, Result<Ended>),
}

/// A store that takes nothing is asked again after growing waits.
#[derive(Default)]
struct Trouble {
    wait: Duration,
    until: Option<Instant>,
}

impl Trouble {
    fn wait_longer(&mut self) {
        self.wait = (self.wait * 2).clamp(FIRST_WAIT, LONGEST_WAIT);
        self.until = Some(Instant::now() + self.wait);
    }

    fn is_to_wait(&self) -> bool {
        self.until.is_some_and(|until| until > Instant::now())
    }
}
