//! What `cohort(relation, user, ts, unit)` answers.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::{RELATION, SECTION, USER};

pub(super) static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        SECTION,
        "Of the users who came first in a period, how many came back so many periods later? One row a cell of the cohort \
         matrix.\n\n\
         Result: a relation of\n\n\
         - cohort Date32: the first day of the period in which its users began; Int64, the number of the period, where ts is \
         an integer\n\
         - offset Int64: periods since then, 0 for the first one; the name wants quotes, `\"offset\"`\n\
         - users Int64: users of the cohort who came in that period\n\
         - rate Float64: users over all users of the cohort\n\
         - complete Boolean: whether that period is over\n\n\
         A cell without users has no row. Days, weeks and months are those of a calendar, whatever their number of hours: of \
         the zone of option `zone`, else of the session (`footfall.time_zone`). A timestamp without a zone is UTC, a date is \
         a day already. Each user counts once a period, however often he came; duplicates and the order of rows make no \
         difference. A row whose ts is NULL does not count, a NULL condition is false. An empty relation has no cohorts.\n\n\
         `complete` is false for the newest period that any user of the answer was seen in, which may go on; with `until` \
         for all that end after that day.\n\n\
         ```text\n\
         ann   1 Jan   3 Jan        cohort  offset  users  rate  complete\n\
         bob   1 Jan                1 Jan   0       2      1     true\n\
         eve   2 Jan   3 Jan        1 Jan   2       1      0.5   false      3 Jan is the newest day: it may not be over\n\
         \x20                          2 Jan   0       1      1     true\n\
         \x20                          2 Jan   1       1      1     false\n\
         ```\n\n\
         Errors while planning: a number of arguments other than 3 or 4, a relation that is none or is not found, an unknown \
         column, unit, zone, kind or option, a unit other than 'day' or a zone over an integer ts, a zone over a date, \
         week_start without weeks, a start or return that is not Boolean, an until of another kind than ts.\n\n\
         Cost: one group a user with the set of his periods, no join and no order; `recurring` looks at every pair of a \
         user's periods.\n\n\
         `retention_rollup` gives the same matrix from bitmaps (`active_bitmap`) that can be stored, and rolling 24 hours, \
         brackets and unbounded retention.",
        "cohort(relation, user, ts [, 'day' | 'week' | 'month'] [, {name: value, ...}])",
    )
    .with_argument("relation", RELATION)
    .with_argument("user", USER)
    .with_argument(
        "ts",
        "When it happened: a timestamp of any unit and zone, a date, or an integer that counts the periods itself.",
    )
    .with_argument("unit", "'day' (default), 'week' or 'month', as the fourth argument or as an option.")
    .with_argument("zone", "Option: the IANA time zone whose days count, by default `footfall.time_zone`.")
    .with_argument("week_start", "Option of weeks: 'monday' (default) or 'sunday'.")
    .with_argument("start", "Option, Boolean: which rows begin a cohort; all without it.")
    .with_argument(
        "return",
        "Option, Boolean: which rows are a return; all without it. A start is a return too only where it satisfies this. A \
         return in a period before the start does not count; a start without any return counts in the size of the cohort.",
    )
    .with_argument(
        "kind",
        "Option: 'first' (default), the first period with a start is the user's only cohort; 'recurring', every period \
         with a start is one.",
    )
    .with_argument(
        "until",
        "Option: the last day that is over, as a date, a timestamp or text such as '2026-03-31'; an integer where ts is one.",
    )
    .with_sql_example(
        "WITH visits(u, d) AS (\n    \
             VALUES ('ann', DATE '2026-01-01'), ('ann', DATE '2026-01-03'), ('bob', DATE '2026-01-01'),\n           \
                    ('eve', DATE '2026-01-02'), ('eve', DATE '2026-01-03'))\n\
         SELECT * FROM cohort(visits, u, d) ORDER BY cohort, \"offset\";\n\
         -- 2026-01-01 | 0 | 2 | 1.0 | true\n\
         -- 2026-01-01 | 2 | 1 | 0.5 | false\n\
         -- 2026-01-02 | 0 | 1 | 1.0 | true\n\
         -- 2026-01-02 | 1 | 1 | 1.0 | false",
    )
    .with_related_udf("retention_rollup")
    .with_related_udf("retention")
    .build()
});
