//! Everything that is tested from outside the crate and is not a SQL file. One binary: linking DataFusion is what takes the time.

#[expect(dead_code, reason = "its main is what a user runs; the test calls what it runs")]
#[path = "../embed/functions.rs"]
mod embed_functions;
#[expect(dead_code, reason = "its main is what a user runs; the test calls what it runs")]
#[path = "../embed/store.rs"]
mod embed_store;
mod support;

mod at_once; // landings at the same moment
mod bad_rows; // bad rows do not stop good ones
mod batch; // reports of many days
mod calls; // every aggregate, called
mod catalogue; // declared events and properties
mod clocks; // impossible, skewed and ambiguous times
mod command_line; // exit codes, whole files or none
mod conformance; // the cases that other engines and their users wrote down
mod damage; // broken Parquet files
mod durability; // kill -9 while landing
mod embedding; // the programs under tests/embed give the right answers
mod errors; // what wrong statements are told, word by word
mod examples; // what the reference shows
mod exit_codes; // every fault has its code
mod follow; // files that grow
mod generate; // made-up traffic is always the same
mod golden_reports; // reports, byte for byte
mod inputs; // compressed files, patterns, stdin, nested columns
mod keeping; // verify, vacuum, compaction, what changed
mod keyed_aggregates; // groups known by the order or by the numbers of their keys
mod landing; // what lands, what does not, and why
mod laws; // split, order, batches and partitions do not show in an aggregate
mod layouts; // files, shards and partitions do not show in a scan
mod limits; // memory limits and queries given up
mod lineage; // where each column of a result comes from
mod mappings; // the logs of others
mod oracle_attribution; // every touch and every conversion
mod oracle_days; // day filters on the views
mod oracle_funnel; // exhaustive search
mod oracle_funnel_options; // all chains under every option
mod oracle_next_node; // rows after an anchor
mod oracle_paths; // steps and edges
mod oracle_rates; // counting by hand
mod oracle_retention; // calendars and sets by hand
mod oracle_rollups; // sums and sets by hand
mod oracle_sequences; // all ways to match a pattern
mod oracle_session_info; // every field, session by session
mod oracle_session_rows; // starts, keys, neighbours
mod oracle_sessions; // boundaries, row by row
mod oracle_table_forms; // the same figures without the forms
mod oracle_window_funnel; // all chains in every mode
mod outputs_for_programs; // agent's rows, what JSON says of a store and of functions
mod page; // one file for a browser
mod power_loss; // what is left on the disk
mod repl_completion; // what Tab offers
mod repl_shown; // how answers look at the prompt
mod repl_told; // what the prompt says, through a pipe
mod same_input; // an input counts once
mod schema_growth; // new columns, wider numbers, clashes
mod segments; // views that stay, and the users they name
mod shuffled; // rows in another order, in other files, twice
mod sizes; // what an aggregate says it holds

mod streamed; // users one after the other
mod tidy; // house rules
mod unknown_values; // what no row has
mod users; // profiles
mod writers; // many processes, one store
