//! Events of many groups in no order, kept where those of a group are found again at little cost.
//!
//! ```text
//! arrival   u7 u1500 u7 u3 u1024 …        pages   groups 0 … 1023      u7 u7 u3 …
//!                                                 groups 1024 … 2047   u1500 u1024 …
//! ```
//!
//! One vector for all groups would be walked through at random, once for each event, when the groups are told apart. Here
//! an event is appended to the page of its group, and a page that leaves fits the processor's cache, where a counting sort
//! brings the events of each group together. Pages grow by chunks that never move; a chunk is freed as soon as it is read.

use std::mem::size_of;

use datafusion::common::Result;

use super::event::Event;

/// How many groups share a page.
const WIDTH: u32 = 1 << 10;
/// Events of a full chunk.
const CHUNK: usize = 1 << 12;
/// A page of more events is cut into parts before it is sorted.
const LARGE: usize = 1 << 18;
const PARTS: u32 = 32;

#[derive(Debug, Clone, Default)]
pub(super) struct Pages {
    pages: Vec<Page>,
    events: usize,
    heap: usize,
}

/// The events of neighbouring groups, in order of arrival.
#[derive(Debug, Clone, Default)]
struct Page {
    chunks: Vec<Vec<Event>>,
    events: usize,
}

/// Memory for one page at a time.
#[derive(Default)]
struct Scratch {
    events: Vec<Event>,
    /// Where each group begins in `events`, and ends once it is filled.
    places: Vec<u32>,
}

impl Pages {
    pub(super) fn len(&self) -> usize {
        self.events
    }

    #[inline]
    pub(super) fn push(&mut self, event: Event) {
        let page = (event.group / WIDTH) as usize;
        if page >= self.pages.len() {
            self.pages.resize_with(page + 1, Page::default);
        }
        self.events += 1;
        self.heap += self.pages[page].push(event);
    }

    /// Takes out the first groups and shows each one's events in order of arrival, those of groups without events too. Where
    /// others stay, they are renumbered from 0.
    pub(super) fn take(
        &mut self,
        groups: usize,
        others_stay: bool,
        mut visit: impl FnMut(&mut [Event]) -> Result<()>,
    ) -> Result<()> {
        let Self { pages, .. } = std::mem::take(self);
        let mut scratch = Scratch::default();
        let mut shown = 0;
        for mut page in pages {
            let width = (groups - shown).min(WIDTH as usize);
            if others_stay && width < WIDTH as usize {
                page = self.keep(page, groups);
            }
            // Fits: a group's number does.
            page.show(shown as u32, width as u32, &mut scratch, &mut visit)?;
            shown += width;
        }
        (shown..groups).try_for_each(|_| visit(&mut []))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Event> {
        self.pages.iter_mut().flat_map(|page| page.chunks.iter_mut().flatten())
    }

    /// Heap bytes, by capacity.
    pub(super) fn size(&self) -> usize {
        self.pages.capacity() * size_of::<Page>() + self.heap
    }

    /// Keeps the events of groups behind the first ones, and gives the others back.
    fn keep(&mut self, page: Page, groups: usize) -> Page {
        let mut leaving = Page::default();
        for event in page.chunks.into_iter().flatten() {
            match event.group.checked_sub(groups as u32) {
                Some(group) => self.push(Event { group, ..event }),
                None => {
                    leaving.push(event);
                }
            }
        }
        leaving
    }
}

impl Page {
    /// How many heap bytes more there are.
    #[inline]
    fn push(&mut self, event: Event) -> usize {
        self.events += 1;
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < chunk.capacity() => {
                chunk.push(event);
                0
            }
            _ => self.push_chunk(event),
        }
    }

    #[cold]
    fn push_chunk(&mut self, event: Event) -> usize {
        let mut chunk = Vec::with_capacity(self.events.clamp(CHUNK / 64, CHUNK));
        chunk.push(event);
        let bytes = chunk.capacity() * size_of::<Event>() + size_of::<Vec<Event>>();
        self.chunks.push(chunk);
        bytes
    }

    /// Shows the events of each of its `width` groups, of which `first` is the first.
    fn show(
        self,
        first: u32,
        width: u32,
        scratch: &mut Scratch,
        visit: &mut impl FnMut(&mut [Event]) -> Result<()>,
    ) -> Result<()> {
        if width <= 1 || self.events <= LARGE {
            return self.show_sorted(first, width, scratch, visit);
        }
        let part_width = width.div_ceil(PARTS);
        let mut parts = vec![Page::default(); width.div_ceil(part_width) as usize];
        for event in self.chunks.into_iter().flatten() {
            parts[((event.group - first) / part_width) as usize].push(event);
        }
        for (part, place) in parts.into_iter().zip(0..) {
            let first_of_part = first + place * part_width;
            part.show(first_of_part, part_width.min(first + width - first_of_part), scratch, visit)?;
        }
        Ok(())
    }

    fn show_sorted(
        self,
        first: u32,
        width: u32,
        Scratch { events, places }: &mut Scratch,
        visit: &mut impl FnMut(&mut [Event]) -> Result<()>,
    ) -> Result<()> {
        events.clear();
        if width <= 1 {
            events.extend(self.chunks.into_iter().flatten());
            return if width == 0 { Ok(()) } else { visit(events) };
        }
        places.clear();
        places.resize(width as usize + 1, 0);
        for event in self.chunks.iter().flatten() {
            places[(event.group - first) as usize + 1] += 1;
        }
        for group in 1..places.len() {
            places[group] += places[group - 1];
        }
        events.resize(self.events, Event { ts: 0, mask: 0, payload: 0, group: 0 });
        for event in self.chunks.into_iter().flatten() {
            let place = &mut places[(event.group - first) as usize];
            events[*place as usize] = event;
            *place += 1;
        }
        let mut start = 0;
        for end in &places[..width as usize] {
            let end = *end as usize;
            visit(&mut events[start..end])?;
            start = end;
        }
        Ok(())
    }
}
