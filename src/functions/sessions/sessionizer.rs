//! Does this row start a new session? One user's rows in time order go in, one answer a row comes out.
//!
//! ```text
//! gap 30 min      a ──20──▶ b ──31──▶ c ──0──▶ d         sessions 1 1 2 2
//! ```
//!
//! A *natural* boundary is the user's first row and every row at which a rule starts a session: a gap, a row marked by
//! `restart`, a row after one marked by `close`, a session grown too long, a new local day, a new value of `split_on`, or
//! the rule of mini programs. A *cut* is what `day_bound` adds at midnight, see [`Sessionizer::is_cut`].
//!
//! No Arrow, no DataFusion, no allocation per row: the window function and the streaming operator share this machine.
//! O(1) a row; the state is a few dozen bytes and one remembered key.

use chrono_tz::Tz;

use super::unit::Unit;
use crate::calendar::LocalDays;

/// What a call asks for. All lengths are in ticks of `ts` and exclusive: a session is split when they are exceeded.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) unit: Unit,
    /// Never negative, so that rows of the same time stay together.
    pub(crate) gap: i64,
    pub(crate) max_length: Option<i64>,
    pub(crate) split_day: Option<Tz>,
    pub(crate) day_bound: Option<Tz>,
    /// The rule of mini programs, which then decides about the gap too.
    pub(crate) background: Option<Background>,
    /// Whether rows carry facts besides their time.
    pub(crate) marked_rows: bool,
}

impl Rule {
    /// Nothing but the gap counts: the caller may compare times in a loop of its own.
    pub(crate) fn is_gap_only(&self) -> bool {
        self.max_length.is_none()
            && self.split_day.is_none()
            && self.day_bound.is_none()
            && self.background.is_none()
            && !self.marked_rows
    }

    /// The zone whose days count for `session_dt` and for what is remembered.
    pub(crate) fn zone(&self) -> Tz {
        self.day_bound.or(self.split_day).unwrap_or(Tz::UTC)
    }

    fn needs_days(&self) -> bool {
        self.day_bound.is_some() || self.split_day.is_some() || self.background.is_some()
    }
}

/// After how long in the background does a show start a new session?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Background {
    LongerThan(i64),
    /// Every show does, except the one that belongs to a launch.
    Any,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Launch,
    Show,
    Hide,
    Share,
    Other,
}

impl Event {
    pub(crate) fn of(name: &str) -> Self {
        match name {
            "app_launch" => Event::Launch,
            "app_show" => Event::Show,
            "app_hide" => Event::Hide,
            "share" => Event::Share,
            _ => Event::Other,
        }
    }
}

/// The facts of one row. A row without a time must not be pushed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a> {
    pub(crate) ts: i64,
    pub(crate) restart: bool,
    pub(crate) close: bool,
    pub(crate) split_on: Option<&'a str>,
    pub(crate) event: Event,
    pub(crate) scene: Option<i32>,
    pub(crate) key: Option<&'a str>,
}

#[derive(Debug)]
pub(crate) struct Sessionizer {
    rule: Rule,
    /// The gap, where nothing else counts.
    gap_only: Option<i64>,
    days: LocalDays,
    /// Of the zone of `split_day` where that is another one.
    split_days: Option<LocalDays>,
    /// `None` before the user's first row.
    last: Option<LastRow>,
    session_start: i64,
    /// The last local day on which there was a natural boundary.
    natural_day: i32,
    split_on: Remembered,
    key: Remembered,
    opened: Option<(Opened, i32)>,
    scene: Option<(i32, i32)>,
}

#[derive(Debug, Clone, Copy)]
struct LastRow {
    ts: i64,
    close: bool,
    is_share: bool,
    day: i32,
    split_day: i32,
}

/// How the app was last opened, as far as it is known.
#[derive(Debug, Clone, Copy)]
enum Opened {
    /// Launched and not hidden since: the show that follows belongs to the launch.
    Launched,
    Hidden(i64),
}

impl Sessionizer {
    pub(crate) fn new(rule: Rule) -> Self {
        let days = LocalDays::new(rule.zone());
        let split_days = rule.split_day.filter(|zone| *zone != rule.zone()).map(LocalDays::new);
        Self {
            gap_only: rule.is_gap_only().then_some(rule.gap),
            rule,
            days,
            split_days,
            last: None,
            session_start: 0,
            natural_day: 0,
            split_on: Remembered::default(),
            key: Remembered::default(),
            opened: None,
            scene: None,
        }
    }

    /// The next row is the first one of another user.
    pub(crate) fn next_user(&mut self) {
        self.last = None;
        self.split_on.forget();
        self.key.forget();
        self.opened = None;
        self.scene = None;
    }

    /// Whether the row at `ts` is the first one of a session, `last` being the time of the user's row before. Where nothing but
    /// the gap counts, rows between the two may have gone past the machine.
    pub(crate) fn starts<'a>(&mut self, last: Option<i64>, ts: i64, row: impl FnOnce() -> Row<'a>) -> bool {
        match self.gap_only {
            Some(gap) => last.is_none_or(|last| ts.saturating_sub(last) > gap),
            None => self.push(&row()),
        }
    }

    /// Rows after the one that was pushed last, which is at `ts`, belong to its session if they are before this time, say nothing but
    /// their time and are not further apart than the gap. Of such rows the last one is [passed](Self::pass), none is pushed.
    pub(crate) fn stays_until(&self, ts: i64) -> i64 {
        let mut until = match self.rule.max_length {
            Some(length) => self.session_start.saturating_add(length).saturating_add(1),
            None => i64::MAX,
        };
        if self.rule.needs_days() {
            let unit = self.rule.unit;
            if !unit.is_instant() {
                return ts;
            }
            for days in std::iter::once(&self.days).chain(&self.split_days) {
                until = until.min(unit.ticks(days.same_until(unit.micros(ts))));
            }
        }
        until
    }

    /// The time of the last one of rows that say nothing else.
    pub(crate) fn pass(&mut self, ts: i64) {
        if let Some(last) = &mut self.last {
            *last = LastRow { ts, close: false, is_share: false, ..*last };
        }
    }

    /// Whether `row` is the first one of a session.
    fn push(&mut self, row: &Row<'_>) -> bool {
        let (day, split_day) = if self.rule.needs_days() { self.days_of(row.ts) } else { (0, 0) };
        let (natural, cut) = match self.last {
            None => (true, false),
            Some(last) => {
                let natural = self.is_natural(row, &last, day, split_day);
                (natural, !natural && self.is_cut(&last, day))
            }
        };
        if natural {
            self.natural_day = day;
        }
        if natural || cut {
            self.session_start = row.ts;
        }
        self.remember(row, natural, day);
        self.last = Some(LastRow {
            ts: row.ts,
            close: row.close,
            is_share: row.event == Event::Share,
            day,
            split_day,
        });
        natural || cut
    }

    /// The local day of an instant in the rule's zone.
    pub(crate) fn day(&mut self, ts: i64) -> Option<i32> {
        self.rule.unit.is_instant().then(|| self.days.day(self.rule.unit.micros(ts)))
    }

    fn days_of(&mut self, ts: i64) -> (i32, i32) {
        let micros = self.rule.unit.micros(ts);
        let day = self.days.day(micros);
        (day, self.split_days.as_mut().map_or(day, |days| days.day(micros)))
    }

    fn is_natural(&self, row: &Row<'_>, last: &LastRow, day: i32, split_day: i32) -> bool {
        let gap = row.ts.saturating_sub(last.ts) > self.rule.gap;
        let by_rule = match self.rule.background {
            Some(background) => self.opens_app(row, last, day, gap, background),
            None => gap,
        };
        by_rule
            || row.restart
            || last.close
            || (self.rule.split_day.is_some() && split_day != last.split_day)
            || self.rule.max_length.is_some_and(|max| row.ts.saturating_sub(self.session_start) > max)
            || row.split_on.is_some_and(|value| self.split_on.get().is_some_and(|known| known != value))
    }

    /// The rule of mini programs: the client's key decides where it is known; else a gap, a launch, a show after too long
    /// in the background, a show from another scene unless the user only comes back from sharing.
    fn opens_app(&self, row: &Row<'_>, last: &LastRow, day: i32, gap: bool, background: Background) -> bool {
        if let Some(known) = self.key.get_recent(day) {
            match row.key {
                Some(key) => return key != known,
                None if !gap => return false,
                None => {}
            }
        }
        if gap {
            return true;
        }
        match row.event {
            Event::Launch => true,
            Event::Show => match (recent(self.opened, day), background) {
                (Some(Opened::Launched), _) => false,
                (_, Background::Any) => true,
                (Some(Opened::Hidden(at)), Background::LongerThan(limit))
                    if row.ts.saturating_sub(at) > limit =>
                {
                    true
                }
                _ => {
                    !last.is_share
                        && row.scene.is_some_and(|scene| recent(self.scene, day).is_some_and(|s| s != scene))
                }
            },
            Event::Hide | Event::Share | Event::Other => false,
        }
    }

    /// `day_bound`: a session that runs over midnight is cut there when the whole day before held no natural boundary.
    ///
    /// So no session touches more than two days, and a day's sessions follow from it and its neighbours. A session that
    /// starts in the evening is still one session when it ends after midnight.
    ///
    /// ```text
    /// day 1        │ day 2        │ day 3
    /// ●──────────────────────────────────▶     ● natural boundary
    /// └ session 1 ────────────────┴ session 2  cut: day 2 held no ●
    /// ```
    fn is_cut(&self, last: &LastRow, day: i32) -> bool {
        self.rule.day_bound.is_some() && day > last.day && self.natural_day != day - 1
    }

    /// What later rows need of this one. A cut forgets nothing, or a day would depend on all days before it.
    fn remember(&mut self, row: &Row<'_>, natural: bool, day: i32) {
        if natural {
            self.split_on.forget();
        }
        if let Some(value) = row.split_on {
            self.split_on.set(value, day);
        }
        if self.rule.background.is_none() {
            return;
        }
        match row.key {
            Some(key) => self.key.set(key, day),
            None if natural => self.key.forget(),
            None => {}
        }
        match row.event {
            Event::Launch => self.opened = Some((Opened::Launched, day)),
            Event::Hide => self.opened = Some((Opened::Hidden(row.ts), day)),
            Event::Show => self.opened = self.opened.filter(|(opened, _)| matches!(opened, Opened::Launched)),
            Event::Share | Event::Other => {}
        }
        if let (Event::Launch | Event::Show, Some(scene)) = (row.event, row.scene) {
            self.scene = Some((scene, day));
        }
    }
}

/// A text that is kept without allocating for every row.
#[derive(Debug, Default)]
struct Remembered {
    text: String,
    /// The day of the last row that carried it.
    day: Option<i32>,
}

impl Remembered {
    fn get(&self) -> Option<&str> {
        self.day.map(|_| self.text.as_str())
    }

    fn get_recent(&self, day: i32) -> Option<&str> {
        self.day.filter(|recorded| is_recent(*recorded, day)).map(|_| self.text.as_str())
    }

    fn set(&mut self, text: &str, day: i32) {
        if self.text != text {
            self.text.clear();
            self.text.push_str(text);
        }
        self.day = Some(day);
    }

    fn forget(&mut self) {
        self.day = None;
    }
}

fn recent<T>(remembered: Option<(T, i32)>, day: i32) -> Option<T> {
    remembered.filter(|(_, recorded)| is_recent(*recorded, day)).map(|(value, _)| value)
}

/// Memory lasts until the end of the next local day, so that a day can be computed from the days around it.
fn is_recent(recorded: i32, day: i32) -> bool {
    day - recorded <= 1
}
