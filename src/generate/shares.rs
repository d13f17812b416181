//! What was shared lately, for friends to open.

use std::collections::VecDeque;

use super::event::Channel;
use super::pages::Page;
use super::random::Random;

/// Shares that are remembered in each channel.
const KEPT: usize = 512;

/// A page that somebody sent to friends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shared {
    pub(super) at: i64,
    pub(super) user: u32,
    /// Key of the open in which it was sent.
    pub(super) open: u64,
    pub(super) page: Page,
    /// The product of a detail page; 0 is none.
    pub(super) product: u16,
}

#[derive(Debug, Default)]
pub(super) struct Shares([VecDeque<Shared>; 3]);

impl Shares {
    pub(super) fn add(&mut self, channel: Channel, shared: Shared) {
        let ring = &mut self.0[channel as usize];
        if ring.len() == KEPT {
            ring.pop_front();
        }
        ring.push_back(shared);
    }

    /// Something that another user had shared by `time`.
    pub(super) fn pick(&self, channel: Channel, user: u32, time: i64, random: &mut Random) -> Option<Shared> {
        let ring = &self.0[channel as usize];
        let tries = if ring.is_empty() { 0 } else { 4 };
        (0..tries)
            .map(|_| ring[random.below(ring.len() as u64) as usize])
            .find(|shared| shared.user != user && shared.at <= time)
    }
}
