//! Numbers that no other process comes to: names of files, and waits that do not collide again.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use xxhash_rust::xxh3::xxh3_128;

/// Another number at every call, in every process.
pub(crate) fn unique() -> u128 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map(|age| age.as_nanos()).unwrap_or_default();
    // The random keys of a fresh hasher add what two processes with one id and clock do not share.
    let random = RandomState::new().hash_one(nanos);
    let seed = [
        nanos.to_le_bytes().as_slice(),
        &std::process::id().to_le_bytes(),
        &COUNT.fetch_add(1, Ordering::Relaxed).to_le_bytes(),
        &random.to_le_bytes(),
    ]
    .concat();
    xxh3_128(&seed)
}
