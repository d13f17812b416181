//! Columns in, facts of a row out: the only place that knows in which types the arguments of a call may come.

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int32Array, Int64Array, StringViewArray,
};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::compute::{CastOptions, cast, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Int32Type};
use datafusion::common::Result;

use super::options::SessionSpec;
use super::sessionizer::{Event, Row};

/// The facts of one batch that decide about boundaries.
pub(crate) struct Facts {
    pub(crate) ts: Int64Array,
    restart: Option<BooleanBuffer>,
    close: Option<BooleanBuffer>,
    split_on: Option<StringViewArray>,
    events: Option<Vec<Event>>,
    scene: Option<Int32Array>,
    key: Option<StringViewArray>,
}

impl Facts {
    /// `inputs` are the values of [`SessionSpec::inputs`].
    pub(crate) fn new(spec: &SessionSpec, inputs: &[ArrayRef]) -> Result<Self> {
        let columns = &spec.columns;
        let column = |index: Option<usize>| index.map(|index| &inputs[index]);
        Ok(Self {
            ts: spec.time.ticks(&inputs[0])?,
            restart: column(columns.restart).map(flags).transpose()?,
            close: column(columns.close).map(flags).transpose()?,
            split_on: column(columns.split_on).map(text).transpose()?,
            events: column(columns.event).map(events).transpose()?,
            scene: column(columns.scene).map(int32).transpose()?,
            key: column(columns.key).map(text).transpose()?,
        })
    }

    pub(crate) fn row(&self, i: usize) -> Row<'_> {
        Row {
            ts: self.ts.value(i),
            restart: self.restart.as_ref().is_some_and(|flags| flags.value(i)),
            close: self.close.as_ref().is_some_and(|flags| flags.value(i)),
            split_on: self.split_on.as_ref().and_then(|values| value(values, i)),
            event: self.event(i),
            scene: self.scene(i),
            key: self.key.as_ref().and_then(|values| value(values, i)),
        }
    }

    /// The marked rows: those that say more than their time and their page, and not what the row before them said. `None` where
    /// there is none. At a row without a mark a session goes on unless the gap or the calendar ends it.
    pub(crate) fn marks(&self, visits: &VisitFacts) -> Option<BooleanBuffer> {
        let rows = self.ts.len();
        let mut all: Option<BooleanBuffer> = None;
        let mut add = |marks: BooleanBuffer| {
            if marks.count_set_bits() > 0 {
                all = Some(all.take().map_or_else(|| marks.clone(), |all| &all | &marks));
            }
        };
        if let Some(nulls) = self.ts.nulls() {
            add(!nulls.inner());
        }
        if let Some(close) = &self.close {
            // The row behind it, too, is not like any other.
            add(BooleanBuffer::collect_bool(rows, |i| close.value(i) || (i > 0 && close.value(i - 1))));
        }
        let (hide, show) = match &visits.hide_show {
            HideShow::Flags(hide, show) => (hide.as_ref(), show.as_ref()),
            HideShow::Events => (None, None),
        };
        [self.restart.as_ref(), hide, show].into_iter().flatten().for_each(|flags| add(flags.clone()));
        if let Some(events) = &self.events {
            add(BooleanBuffer::collect_bool(rows, |i| events[i] != Event::Other));
        }
        for texts in [&self.split_on, &self.key].into_iter().flatten() {
            add(changes(texts, |i| texts.views()[i]));
        }
        if let Some(scene) = &self.scene {
            add(changes(scene, |i| scene.value(i)));
        }
        all
    }

    pub(crate) fn event(&self, i: usize) -> Event {
        self.events.as_ref().map_or(Event::Other, |events| events[i])
    }

    pub(crate) fn scene(&self, i: usize) -> Option<i32> {
        self.scene.as_ref().filter(|scene| scene.is_valid(i)).map(|scene| scene.value(i))
    }
}

/// The facts of one batch that make visits.
pub(crate) struct VisitFacts {
    pub(crate) is_page: BooleanBuffer,
    pub(crate) pages: StringViewArray,
    hide_show: HideShow,
}

enum HideShow {
    Flags(Option<BooleanBuffer>, Option<BooleanBuffer>),
    /// By the event's name, which is what `hide` and `show` mean where neither is given.
    Events,
}

impl VisitFacts {
    pub(crate) fn new(spec: &SessionSpec, inputs: &[ArrayRef]) -> Result<Self> {
        let columns = &spec.columns;
        let column = |index: Option<usize>| index.map(|index| &inputs[index]);
        let page = &inputs[columns.page.unwrap_or(0)];
        let pages = text(page)?;
        let hide_show = match (column(columns.hide), column(columns.show)) {
            (None, None) => HideShow::Events,
            (hide, show) => HideShow::Flags(hide.map(flags).transpose()?, show.map(flags).transpose()?),
        };
        Ok(Self { is_page: page_rows(spec, inputs)?, pages, hide_show })
    }

    /// Whether the row sends the app to the background, and whether it brings it back.
    pub(crate) fn hide_show(&self, facts: &Facts, i: usize) -> (bool, bool) {
        match &self.hide_show {
            HideShow::Flags(hide, show) => (
                hide.as_ref().is_some_and(|flags| flags.value(i)),
                show.as_ref().is_some_and(|flags| flags.value(i)),
            ),
            HideShow::Events => {
                let event = facts.event(i);
                (event == Event::Hide, event == Event::Show)
            }
        }
    }
}

/// Which rows show a page: those that `is_page` marks; without it those with a page.
pub(super) fn page_rows(spec: &SessionSpec, inputs: &[ArrayRef]) -> Result<BooleanBuffer> {
    if let Some(is_page) = spec.columns.is_page {
        return flags(&inputs[is_page]);
    }
    let page = &inputs[spec.columns.page.unwrap_or(0)];
    let nulls = page.logical_nulls();
    Ok(nulls.map_or_else(|| BooleanBuffer::new_set(page.len()), |nulls| nulls.inner().clone()))
}

/// The users of a batch as text, integers by their digits.
pub(super) fn users(spec: &SessionSpec, inputs: &[ArrayRef]) -> Result<StringViewArray> {
    let user = &inputs[spec.columns.user.unwrap_or(0)];
    match user.data_type() {
        integer if integer.is_integer() => text(&cast(user, &DataType::Utf8)?),
        _ => text(user),
    }
}

/// The rows whose value is not NULL and, as far as is easily seen, not that of the row before.
fn changes<T: PartialEq>(values: &dyn Array, value: impl Fn(usize) -> T) -> BooleanBuffer {
    if values.null_count() == values.len() {
        return BooleanBuffer::new_unset(values.len());
    }
    let is_new = |i: usize| i == 0 || values.is_null(i - 1) || value(i - 1) != value(i);
    BooleanBuffer::collect_bool(values.len(), |i| values.is_valid(i) && is_new(i))
}

fn value(values: &StringViewArray, i: usize) -> Option<&str> {
    values.is_valid(i).then(|| values.value(i))
}

fn text(array: &ArrayRef) -> Result<StringViewArray> {
    Ok(cast(array, &DataType::Utf8View)?.as_string_view().clone())
}

/// NULL is false.
fn flags(array: &ArrayRef) -> Result<BooleanBuffer> {
    let array: BooleanArray = cast(array, &DataType::Boolean)?.as_boolean().clone();
    Ok(match array.nulls() {
        Some(nulls) => array.values() & nulls.inner(),
        None => array.values().clone(),
    })
}

fn int32(array: &ArrayRef) -> Result<Int32Array> {
    let strict = CastOptions { safe: false, ..Default::default() };
    Ok(cast_with_options(array, &DataType::Int32, &strict)?.as_primitive::<Int32Type>().clone())
}

fn events(array: &ArrayRef) -> Result<Vec<Event>> {
    let classify = |values: &StringViewArray| -> Vec<Event> {
        values.iter().map(|name| name.map_or(Event::Other, Event::of)).collect()
    };
    let Some(dictionary) = array.as_any_dictionary_opt().filter(|names| !names.values().is_empty()) else {
        return Ok(classify(&text(array)?));
    };
    let values = classify(&text(dictionary.values())?);
    let keys = dictionary.normalized_keys();
    Ok(keys
        .into_iter()
        .enumerate()
        .map(|(i, key)| if array.is_null(i) { Event::Other } else { values[key] })
        .collect())
}
