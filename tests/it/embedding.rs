//! The programs under `tests/embed` are what a reader copies: they must run, and be right.

use crate::support::block_on;
use crate::{embed_functions, embed_store};

#[test]
fn functions_in_a_session_of_ones_own() {
    // Expected: sessions and sessions of one edit, by DuckDB and ClickHouse (tests/peers/figures.py).
    let (sessions, bounce_rate) = block_on(embed_functions::run()).expect("the program runs");
    assert_eq!(sessions, 16_097);
    assert_eq!(bounce_rate, 12_315.0 / 16_097.0);
}

#[test]
fn a_store_of_ones_own() {
    // Expected: page views, visitors, sessions and bounces of the NASA log, by DuckDB and ClickHouse (tests/peers/figures.py).
    let dir = tempfile::tempdir().expect("a temporary folder");
    let figures = block_on(embed_store::run(&dir.path().join("store"))).expect("the program runs");
    assert_eq!(figures, [8_202, 2_184, 2_713, 1_379]);
}
