//! What `funnel_report(relation, user, ts, window, step1, …, stepN)` answers.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::{RELATION, SECTION, TS, USER};

pub(super) static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        SECTION,
        "How many users took each step of a funnel, and where were the others lost? One row a step.\n\n\
         Result: a relation of\n\n\
         - step Int32: from 1 to the number of steps\n\
         - users Int64: who took this step, so all users whose level is at least the step\n\
         - conv_prev Float64: their share of the users of the step before; at step 1 of itself\n\
         - conv_total Float64: their share of the users of step 1\n\
         - drop Int64: users of the step before who did not take this one; 0 at step 1\n\n\
         With `{levels: true}` it is one row instead, of level_0 to level_N Int64: the users whose level it is, which is not \
         cumulative.\n\n\
         A user's level is that of `window_funnel(window, ts, step1, ..., stepN)`, or with any option of `funnel` that of \
         `funnel`; ties, bounds and NULLs are theirs: the window includes its bound, the rows of a user come in any \
         order, a row whose ts is NULL does not count, a NULL condition is false. A share is NULL where the users it \
         divides by are 0. An empty relation gives every step with 0 users.\n\n\
         ```text\n\
         100 users view, 40 of them add to the cart, 10 of those pay\n\n\
         step  users  conv_prev  conv_total  drop\n\
         1     100    1          1           0\n\
         2     40     0.4        0.4         60        60 of the 100 did not take step 2\n\
         3     10     0.25       0.1         30\n\
         ```\n\n\
         Errors while planning: fewer than 5 arguments, no step or more than 64, a relation that is none or is not found, an \
         unknown column, a step that is not Boolean, mode together with an option of `funnel`, a window as an option, and \
         all errors of `window_funnel` or `funnel`.\n\n\
         Cost: that of `window_funnel` or `funnel`, grouped by user, and 8 bytes a step.\n\n\
         It is `funnel_rollup` over these levels. Grouped by more than the user, as for a trend or a breakdown, write \
         that.",
        "funnel_report(relation, user, ts, window, step1, ..., stepN [, {name: value, ...}])",
    )
    .with_argument("relation", RELATION)
    .with_argument("user", USER)
    .with_argument("ts", TS)
    .with_argument(
        "window",
        "How long after step 1 the last step may come: a literal INTERVAL, or an integer in the unit of an integer ts. \
         Months are calendar months in `footfall.time_zone`.",
    )
    .with_argument("step1, ..., stepN", "The steps as Boolean conditions, 1 to 64, or all of them as one array [step1, ...].")
    .with_argument("mode", "Option: the modes of `window_funnel` in one text literal, such as 'strict_order, strict_once'.")
    .with_argument("levels", "Option: true gives the one row of levels.")
    .with_argument(
        "order, entry, step_windows, optional, exclude, hold, grace, tie, ...",
        "Options of `funnel`, all but window: the level is then that of `funnel`, in which one event never fills two steps.",
    )
    .with_sql_example(
        "WITH shop(u, s, e) AS (\n    \
             VALUES ('ann', 0, 'view'), ('ann', 60, 'cart'), ('ann', 120, 'pay'), ('bob', 0, 'view'), ('bob', 3600, 'cart'),\n           \
                    ('eve', 5, 'view'), ('joe', 0, 'view'), ('joe', 3601, 'cart'))\n\
         SELECT * FROM funnel_report(shop, u, s, 3600, e = 'view', e = 'cart', e = 'pay') ORDER BY step;\n\
         -- 1 | 4 | 1.0 | 1.0 | 0\n\
         -- 2 | 2 | 0.5 | 0.5 | 2\n\
         -- 3 | 1 | 0.5 | 0.25 | 1",
    )
    .with_related_udf("window_funnel")
    .with_related_udf("funnel")
    .with_related_udf("funnel_rollup")
    .build()
});
