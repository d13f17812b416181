//! The struct that `session_info` returns: the records of sessions and visits, laid over the rows.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, BooleanArray, PrimitiveArray, StructArray, make_array,
    new_null_array,
};
use datafusion::arrow::buffer::{BooleanBuffer, NullBuffer};
use datafusion::arrow::datatypes::{DataType, Date32Type, Field, Fields, Int32Type, Int64Type, UInt64Type};
use datafusion::common::Result;

use super::pages::{NO_ROW, Pages};
use super::visits::VisitTracker;
use crate::functions::time::TimeType;

/// The fields of the result, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InfoField {
    Session,
    SessionId,
    SessionStart,
    SessionEnd,
    DurationMs,
    SessionDt,
    IsSessionEnd,
    Events,
    Views,
    Depth,
    SessionStayMs,
    EntryPage,
    ExitPage,
    Scene,
    VisitNo,
    IsEntry,
    IsExit,
    IsBounce,
    StayMs,
    NextPage,
}

impl InfoField {
    pub(crate) const ALL: [InfoField; 20] = [
        InfoField::Session,
        InfoField::SessionId,
        InfoField::SessionStart,
        InfoField::SessionEnd,
        InfoField::DurationMs,
        InfoField::SessionDt,
        InfoField::IsSessionEnd,
        InfoField::Events,
        InfoField::Views,
        InfoField::Depth,
        InfoField::SessionStayMs,
        InfoField::EntryPage,
        InfoField::ExitPage,
        InfoField::Scene,
        InfoField::VisitNo,
        InfoField::IsEntry,
        InfoField::IsExit,
        InfoField::IsBounce,
        InfoField::StayMs,
        InfoField::NextPage,
    ];

    /// The fields that only page rows have.
    pub(crate) const OF_VISITS: &[InfoField] = Self::ALL.split_at(InfoField::VisitNo as usize).1;

    pub(crate) fn name(self) -> &'static str {
        match self {
            InfoField::Session => "session",
            InfoField::SessionId => "session_id",
            InfoField::SessionStart => "session_start",
            InfoField::SessionEnd => "session_end",
            InfoField::DurationMs => "duration_ms",
            InfoField::SessionDt => "session_dt",
            InfoField::IsSessionEnd => "is_session_end",
            InfoField::Events => "events",
            InfoField::Views => "views",
            InfoField::Depth => "depth",
            InfoField::SessionStayMs => "session_stay_ms",
            InfoField::EntryPage => "entry_page",
            InfoField::ExitPage => "exit_page",
            InfoField::Scene => "scene",
            InfoField::VisitNo => "visit_no",
            InfoField::IsEntry => "is_entry",
            InfoField::IsExit => "is_exit",
            InfoField::IsBounce => "is_bounce",
            InfoField::StayMs => "stay_ms",
            InfoField::NextPage => "next_page",
        }
    }

    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    fn data_type(self, ts: &DataType) -> DataType {
        match self {
            InfoField::Session => DataType::UInt64,
            InfoField::SessionId
            | InfoField::DurationMs
            | InfoField::Events
            | InfoField::SessionStayMs
            | InfoField::StayMs => DataType::Int64,
            InfoField::SessionStart | InfoField::SessionEnd => ts.clone(),
            InfoField::SessionDt => DataType::Date32,
            InfoField::Views | InfoField::Depth | InfoField::Scene | InfoField::VisitNo => DataType::Int32,
            InfoField::EntryPage | InfoField::ExitPage | InfoField::NextPage => DataType::Utf8View,
            InfoField::IsSessionEnd | InfoField::IsEntry | InfoField::IsExit | InfoField::IsBounce => {
                DataType::Boolean
            }
        }
    }
}

/// A set of fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InfoFields(u32);

impl InfoFields {
    pub(crate) const ALL: InfoFields = InfoFields((1 << InfoField::ALL.len()) - 1);
    pub(crate) const NONE: InfoFields = InfoFields(0);

    pub(crate) fn with(self, field: InfoField) -> Self {
        InfoFields(self.0 | 1 << field as u32)
    }

    pub(crate) fn contains(self, field: InfoField) -> bool {
        self.0 & (1 << field as u32) != 0
    }

    pub(crate) fn any(self, fields: &[InfoField]) -> bool {
        fields.iter().any(|field| self.contains(*field))
    }

    /// For plans that travel.
    pub(crate) fn bits(self) -> u32 {
        self.0
    }

    pub(crate) fn from_bits(bits: u32) -> Self {
        InfoFields(bits & Self::ALL.0)
    }

    pub(crate) fn names(self) -> Vec<&'static str> {
        InfoField::ALL.into_iter().filter(|field| self.contains(*field)).map(InfoField::name).collect()
    }
}

/// The fields of the result for a `ts` of that type.
pub(super) fn info_type(ts: &DataType) -> Fields {
    InfoField::ALL.into_iter().map(|field| Field::new(field.name(), field.data_type(ts), true)).collect()
}

/// The struct without a value, from which the fields come that nobody reads: made once, not for each batch.
#[derive(Debug)]
pub(super) struct Unread {
    fields: Fields,
    columns: Vec<ArrayRef>,
}

impl Unread {
    pub(super) fn new(ts: &DataType) -> Self {
        let fields = info_type(ts);
        let columns = fields.iter().map(|field| new_null_array(field.data_type(), 0)).collect();
        Self { fields, columns }
    }

    /// Has `rows` rows or more from now on.
    pub(super) fn reserve(&mut self, rows: usize) {
        if self.columns.iter().any(|column| column.len() < rows) {
            self.columns = self.fields.iter().map(|field| new_null_array(field.data_type(), rows)).collect();
        }
    }
}

/// What is laid over which rows.
pub(super) struct InfoSource<'a> {
    pub(super) tracker: &'a VisitTracker,
    pub(super) pages: &'a Pages,
    pub(super) time: &'a TimeType,
    pub(super) needed: InfoFields,
    pub(super) unread: &'a Unread,
}

impl InfoSource<'_> {
    /// The result for `rows`, of which those without a time are given as NULL.
    pub(super) fn columns(&self, rows: Range<u64>, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
        let mut columns = InfoColumns::new((rows.end - rows.start) as usize, self.needed);
        self.lay_sessions(&rows, &mut columns);
        self.lay_visits(&rows, &mut columns);
        columns.finish(self, nulls)
    }

    fn lay_sessions(&self, rows: &Range<u64>, columns: &mut InfoColumns) {
        for session in self.tracker.sessions().take_while(|session| session.rows.start < rows.end) {
            let from = session.rows.start.max(rows.start) - rows.start;
            let until = session.rows.end.min(rows.end).saturating_sub(rows.start);
            if from >= until {
                continue;
            }
            let here = from as usize..until as usize;
            fill(&mut columns.session, &here, session.number);
            fill(&mut columns.session_id, &here, session.id);
            fill(&mut columns.session_start, &here, session.start);
            fill(&mut columns.session_end, &here, session.end);
            fill(&mut columns.duration_ms, &here, self.tracker.duration_ms(session));
            fill(&mut columns.session_dt, &here, session.day);
            fill(&mut columns.events, &here, session.events);
            fill(&mut columns.views, &here, session.views);
            fill(&mut columns.depth, &here, session.depth);
            fill(&mut columns.session_stay_ms, &here, session.stay_ms);
            fill(&mut columns.scene, &here, session.scene);
            fill(&mut columns.entry_page, &here, session.entry.unwrap_or(NO_ROW));
            fill(&mut columns.exit_page, &here, session.exit.unwrap_or(NO_ROW));
            if session.rows.end <= rows.end {
                set(&mut columns.is_session_end, here.end - 1, true);
            }
        }
    }

    fn lay_visits(&self, rows: &Range<u64>, columns: &mut InfoColumns) {
        if !columns.has_visits {
            return;
        }
        let mut sessions = self.tracker.sessions().peekable();
        let mut visits = self.tracker.visits().peekable();
        while let Some((number, visit)) = visits.next() {
            if visit.row >= rows.end {
                break;
            }
            while sessions
                .next_if(|session| session.first_visit + u64::from(session.views.unsigned_abs()) <= number)
                .is_some()
            {}
            let Some(session) = sessions.peek() else {
                break;
            };
            let row = (visit.row - rows.start) as usize;
            let visit_no = (number - session.first_visit) as i32 + 1;
            let is_exit = visit_no == session.views;
            columns.is_visit[row] = true;
            set(&mut columns.visit_no, row, visit_no);
            set(&mut columns.is_entry, row, visit_no == 1);
            set(&mut columns.is_exit, row, is_exit);
            set(&mut columns.is_bounce, row, session.views == 1);
            set(&mut columns.stay_ms, row, visit.stay_ms);
            if !is_exit && let Some((_, next)) = visits.peek() {
                set(&mut columns.next_page, row, next.row);
            }
        }
    }
}

/// One vector for each field that somebody reads. Pages are rows until the end.
struct InfoColumns {
    len: usize,
    has_visits: bool,
    is_visit: Vec<bool>,
    session: Option<Vec<u64>>,
    session_id: Option<Vec<i64>>,
    session_start: Option<Vec<i64>>,
    session_end: Option<Vec<i64>>,
    duration_ms: Option<Vec<i64>>,
    session_dt: Option<Vec<Option<i32>>>,
    is_session_end: Option<Vec<bool>>,
    events: Option<Vec<i64>>,
    views: Option<Vec<i32>>,
    depth: Option<Vec<i32>>,
    session_stay_ms: Option<Vec<i64>>,
    entry_page: Option<Vec<u64>>,
    exit_page: Option<Vec<u64>>,
    scene: Option<Vec<Option<i32>>>,
    visit_no: Option<Vec<i32>>,
    is_entry: Option<Vec<bool>>,
    is_exit: Option<Vec<bool>>,
    is_bounce: Option<Vec<bool>>,
    stay_ms: Option<Vec<i64>>,
    next_page: Option<Vec<u64>>,
}

impl InfoColumns {
    fn new(len: usize, needed: InfoFields) -> Self {
        fn column<T: Clone>(is_needed: bool, len: usize, empty: T) -> Option<Vec<T>> {
            is_needed.then(|| vec![empty; len])
        }
        let has = |field| needed.contains(field);
        let has_visits = needed.any(InfoField::OF_VISITS);
        Self {
            len,
            has_visits,
            is_visit: vec![false; if has_visits { len } else { 0 }],
            session: column(has(InfoField::Session), len, 0),
            session_id: column(has(InfoField::SessionId), len, 0),
            session_start: column(has(InfoField::SessionStart), len, 0),
            session_end: column(has(InfoField::SessionEnd), len, 0),
            duration_ms: column(has(InfoField::DurationMs), len, 0),
            session_dt: column(has(InfoField::SessionDt), len, None),
            is_session_end: column(has(InfoField::IsSessionEnd), len, false),
            events: column(has(InfoField::Events), len, 0),
            views: column(has(InfoField::Views), len, 0),
            depth: column(has(InfoField::Depth), len, 0),
            session_stay_ms: column(has(InfoField::SessionStayMs), len, 0),
            entry_page: column(has(InfoField::EntryPage), len, NO_ROW),
            exit_page: column(has(InfoField::ExitPage), len, NO_ROW),
            scene: column(has(InfoField::Scene), len, None),
            visit_no: column(has(InfoField::VisitNo), len, 0),
            is_entry: column(has(InfoField::IsEntry), len, false),
            is_exit: column(has(InfoField::IsExit), len, false),
            is_bounce: column(has(InfoField::IsBounce), len, false),
            stay_ms: column(has(InfoField::StayMs), len, 0),
            next_page: column(has(InfoField::NextPage), len, NO_ROW),
        }
    }

    /// Every field carries the NULLs of the whole, for `get_field` hands the field out as it is.
    fn finish(self, source: &InfoSource<'_>, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
        let visits = self.has_visits.then(|| NullBuffer::from(self.is_visit));
        let (of_row, of_visit) = (nulls.as_ref(), visits.as_ref());
        let page = |rows: Option<Vec<u64>>| rows.map(|rows| source.pages.take(&rows)).transpose();
        let time = |ticks: Option<Vec<i64>>| ticks.map(|ticks| times(ticks, source.time, of_row)).transpose();
        let columns: [Option<ArrayRef>; InfoField::ALL.len()] = [
            primitive::<UInt64Type>(self.session, of_row),
            primitive::<Int64Type>(self.session_id, of_row),
            time(self.session_start)?,
            time(self.session_end)?,
            primitive::<Int64Type>(self.duration_ms, of_row),
            optional::<Date32Type>(self.session_dt, of_row),
            boolean(self.is_session_end, of_row),
            primitive::<Int64Type>(self.events, of_row),
            primitive::<Int32Type>(self.views, of_row),
            primitive::<Int32Type>(self.depth, of_row),
            primitive::<Int64Type>(self.session_stay_ms, of_row),
            page(self.entry_page)?,
            page(self.exit_page)?,
            optional::<Int32Type>(self.scene, of_row),
            primitive::<Int32Type>(self.visit_no, of_visit),
            boolean(self.is_entry, of_visit),
            boolean(self.is_exit, of_visit),
            boolean(self.is_bounce, of_visit),
            primitive::<Int64Type>(self.stay_ms, of_visit),
            page(self.next_page)?,
        ];
        let columns = source
            .unread
            .columns
            .iter()
            .zip(columns)
            .map(|(unread, column)| column.unwrap_or_else(|| unread.slice(0, self.len)))
            .collect();
        Ok(Arc::new(StructArray::try_new(source.unread.fields.clone(), columns, nulls)?))
    }
}

fn fill<T: Copy>(column: &mut Option<Vec<T>>, rows: &Range<usize>, value: T) {
    if let Some(column) = column {
        column[rows.clone()].fill(value);
    }
}

fn set<T>(column: &mut Option<Vec<T>>, row: usize, value: T) {
    if let Some(column) = column {
        column[row] = value;
    }
}

fn primitive<T: ArrowPrimitiveType>(
    values: Option<Vec<T::Native>>,
    nulls: Option<&NullBuffer>,
) -> Option<ArrayRef> {
    values.map(|values| Arc::new(PrimitiveArray::<T>::new(values.into(), nulls.cloned())) as ArrayRef)
}

fn optional<T: ArrowPrimitiveType>(
    values: Option<Vec<Option<T::Native>>>,
    nulls: Option<&NullBuffer>,
) -> Option<ArrayRef> {
    values.map(|values| {
        let nulls = if values.iter().all(Option::is_some) {
            nulls.cloned()
        } else {
            let known: NullBuffer = values.iter().map(Option::is_some).collect::<Vec<bool>>().into();
            NullBuffer::union(nulls, Some(&known))
        };
        let values: Vec<T::Native> = values.into_iter().map(Option::unwrap_or_default).collect();
        Arc::new(PrimitiveArray::<T>::new(values.into(), nulls)) as ArrayRef
    })
}

fn boolean(values: Option<Vec<bool>>, nulls: Option<&NullBuffer>) -> Option<ArrayRef> {
    values.map(|values| Arc::new(BooleanArray::new(BooleanBuffer::from(values), nulls.cloned())) as ArrayRef)
}

/// Ticks as a column of the type of `ts`.
pub(super) fn times(ticks: Vec<i64>, time: &TimeType, nulls: Option<&NullBuffer>) -> Result<ArrayRef> {
    let times = time.array(ticks)?;
    Ok(match nulls {
        Some(nulls) if *times.data_type() != DataType::Null => {
            make_array(times.to_data().into_builder().nulls(Some(nulls.clone())).build()?)
        }
        _ => times,
    })
}
