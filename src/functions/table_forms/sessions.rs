//! What `sessions(relation, user, ts, gap, page)` answers.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::{RELATION, SECTION, TS, USER};

pub(super) static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        SECTION,
        "What happened in each session? One row a session, with where it began and ended, what it saw and how long it \
         took.\n\n\
         Result: a relation of\n\n\
         - user_id, of the type of user\n\
         - session UInt64: 1 for the user's first session, one more for each that follows\n\
         - session_id Int64: the start in microseconds, or one more than the id before where that is not greater; it stays \
         the same when earlier rows are left out\n\
         - session_start, session_end, of the type of ts: the first and the last row\n\
         - session_dt Date32: the local day of the start in the zone of `day_bound`, else `split_day`, else UTC; NULL for \
         an integer ts\n\
         - duration_ms Int64: from the first to the last row; in the unit of ts where that is an integer\n\
         - events Int64: rows with a time\n\
         - views Int32: page views, so 0 for a session without any\n\
         - depth Int32: different pages among them\n\
         - stay_ms Int64: the stays of its page views; a stay lasts to the next page view, the next hide or the last row, \
         whatever comes first\n\
         - entry_page, exit_page Utf8View: the page of the first and of the last page view; NULL without one\n\
         - scene Int32: the first one, with option `scene`\n\
         - is_bounce Boolean: exactly one page view\n\n\
         A gap equal to the limit does not split, rows of the same time are never split by a gap. Rows of one user and ts \
         have an order only by `tie`: name one where entry and exit pages matter. A row whose ts is NULL belongs to no \
         session, a row whose page is NULL is no page view but lengthens the session. An empty relation has no sessions.\n\n\
         ```text\n\
         ann  10:00 home ──10 s──▶ 10:00:10 list ──(50 min)──▶ 10:50 home\n\n\
         user_id  session  session_start  duration_ms  views  depth  entry_page  exit_page  is_bounce\n\
         ann      1        10:00:00       10000        2      2      home        list       false\n\
         ann      2        10:50:00       0            1      1      home        home       true\n\
         ```\n\n\
         Errors while planning, each with the form, the place and the name: a number of arguments other than 5, a relation \
         that is none or is not found, an unknown column, a ts or page of another type, an unknown option or one given \
         twice, an aggregate or window function as an argument, and all errors of `session_info`.\n\n\
         Cost: that of `session_info`, of which columns that nobody reads are not computed. Over rows in order of user and \
         time, such as a store's, nothing is sorted and memory follows the longest open session; else the rows are sorted \
         first.\n\n\
         It is the last row of each session under `session_info(ts, gap, page) OVER (PARTITION BY user ORDER BY ts)`. A \
         table or view `sessions`, such as that of a store, is meant where no bracket follows the name.",
        "sessions(relation, user, ts, gap, page [, {name: value, ...}])",
    )
    .with_argument("relation", RELATION)
    .with_argument("user", USER)
    .with_argument("ts", TS)
    .with_argument("gap", "A literal: an INTERVAL, or an integer in the unit of an integer ts.")
    .with_argument("page", "Text: the page, NULL on rows that show none.")
    .with_argument("tie", "Option: an expression that orders rows of one user and ts.")
    .with_argument(
        "restart, close, gap_open, max_length, split_day, split_on, rule, event, scene, key, day_bound",
        "Options of `sessionize`: what else begins a session, and the rules of mini programs.",
    )
    .with_argument(
        "is_page, hide, show",
        "Options of `session_info`: which rows are page views, which send the app to the background, which bring it back.",
    )
    .with_sql_example(
        "WITH clicks(u, ts, page) AS (\n    \
             VALUES ('ann', TIMESTAMP '2026-01-01 10:00:00', 'home'),\n           \
                    ('ann', TIMESTAMP '2026-01-01 10:00:10', 'list'),\n           \
                    ('ann', TIMESTAMP '2026-01-01 11:00:00', 'home'))\n\
         SELECT user_id, session, session_start, duration_ms, views, entry_page, exit_page, is_bounce\n\
         FROM sessions(clicks, u, ts, INTERVAL '30 minutes', page)\n\
         ORDER BY user_id, session;\n\
         -- ann | 1 | 2026-01-01T10:00:00 | 10000 | 2 | home | list | false\n\
         -- ann | 2 | 2026-01-01T11:00:00 | 0 | 1 | home | home | true",
    )
    .with_related_udf("session_info")
    .with_related_udf("sessionize")
    .with_related_udf("page_stats")
    .build()
});
