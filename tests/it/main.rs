//! Everything that is tested from outside the crate and is not a SQL file. One binary: linking DataFusion is what takes the time.

#[expect(dead_code, reason = "its main is what a user runs; the test calls what it runs")]
#[path = "../embed/functions.rs"]
mod embed_functions;
#[expect(dead_code, reason = "its main is what a user runs; the test calls what it runs")]
#[path = "../embed/store.rs"]
mod embed_store;
mod support;

mod command_line; // exit codes, whole files or none
mod conformance; // the cases that other engines and their users wrote down
mod damage; // broken Parquet files
mod durability; // kill -9 while landing
mod embedding; // the programs under tests/embed give the right answers
mod landing; // what lands, what does not, and why
mod laws; // split, order, batches and partitions do not show in an aggregate
mod layouts; // files, shards and partitions do not show in a scan
mod oracle_days; // day filters on the views
mod oracle_funnel; // exhaustive search
mod oracle_rates; // counting by hand
mod oracle_session_info; // every field, session by session
mod oracle_sessions; // boundaries, row by row
mod same_input; // an input counts once
mod tidy; // house rules
