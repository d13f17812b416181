//! From where is the mini program opened? Scenes as often as new and returning users come through them, and the page to
//! which each leads.

use super::event::Channel;
use super::random::Random;

/// A scene value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scene {
    pub(super) value: u16,
    /// Weights among the first opens of users, and among later ones.
    first: u32,
    later: u32,
    pub(super) entry: Entry,
}

/// Where a scene leads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Entry {
    Home,
    /// The page that is still there, if the program is; else home.
    Kept,
    Store,
    Search,
    Detail,
    Activity,
    Orders,
    My,
    /// What a friend has shared.
    Shared(Channel),
}

/// The first page of what was shared to Moments, alone and without login.
pub(super) const SINGLE_PAGE: u16 = 1154;
/// The whole program, opened from there.
pub(super) const FROM_SINGLE_PAGE: u16 = 1155;
/// The list of recently used ones in the task bar.
pub(super) const RECENT: u16 = 1089;

const fn scene(value: u16, first: u32, later: u32, entry: Entry) -> Scene {
    Scene { value, first, later, entry }
}

const SCENES: [Scene; 34] = [
    scene(1001, 60, 150, Entry::Home),
    scene(1005, 110, 40, Entry::Home),
    scene(1006, 50, 20, Entry::Search),
    scene(1007, 150, 90, Entry::Shared(Channel::Friend)),
    scene(1008, 110, 70, Entry::Shared(Channel::Group)),
    scene(1011, 90, 25, Entry::Store),
    scene(1012, 40, 10, Entry::Activity),
    scene(1013, 15, 4, Entry::Activity),
    scene(1014, 0, 50, Entry::Orders),
    scene(1019, 5, 4, Entry::My),
    scene(1020, 20, 15, Entry::Home),
    scene(1023, 0, 15, Entry::Home),
    scene(1026, 25, 5, Entry::Store),
    scene(1034, 5, 8, Entry::Home),
    scene(1035, 30, 45, Entry::Home),
    scene(1037, 30, 15, Entry::Activity),
    scene(1038, 0, 20, Entry::Kept),
    scene(1043, 0, 30, Entry::Orders),
    scene(1045, 30, 4, Entry::Activity),
    scene(1047, 60, 15, Entry::Store),
    scene(1053, 90, 20, Entry::Search),
    scene(1058, 40, 25, Entry::Detail),
    scene(1067, 50, 6, Entry::Activity),
    scene(1073, 0, 12, Entry::Detail),
    scene(1074, 5, 15, Entry::Detail),
    scene(RECENT, 0, 230, Entry::Kept),
    scene(1090, 0, 12, Entry::Kept),
    scene(1095, 40, 6, Entry::Activity),
    scene(1103, 0, 70, Entry::Home),
    scene(1104, 0, 130, Entry::Home),
    scene(1107, 0, 15, Entry::Orders),
    // The platform's crawler: reports may leave it out.
    scene(1129, 2, 1, Entry::Home),
    scene(1131, 0, 25, Entry::Kept),
    scene(SINGLE_PAGE, 40, 8, Entry::Shared(Channel::Timeline)),
];

pub(super) fn pick(is_first: bool, random: &mut Random) -> Scene {
    let weights = SCENES.iter().map(|scene| if is_first { scene.first } else { scene.later });
    SCENES[random.pick(weights)]
}

/// A scene for who was to open something shared where nothing has been shared yet.
pub(super) fn instead(is_first: bool) -> Scene {
    let value = if is_first { 1005 } else { 1001 };
    scene(value, 0, 0, Entry::Home)
}
