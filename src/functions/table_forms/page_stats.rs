//! What `page_stats(relation, user, ts, gap, page)` answers.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::{RELATION, SECTION, TS, USER};

pub(super) static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        SECTION,
        "Which pages are seen, where do sessions begin and end, how long does a page hold? One row a page.\n\n\
         Result: a relation of\n\n\
         - page, of the type of page\n\
         - views Int64: page views\n\
         - visitors Int64: users who saw it\n\
         - visits Int64: sessions that saw it, once each\n\
         - entries, exits Int64: sessions whose first or last page view it was\n\
         - bounces Int64: sessions whose only page view it was\n\
         - exit_rate Float64: exits over views, or over visits by `basis`\n\
         - bounce_rate Float64: bounces over entries; NULL without entries\n\
         - stay_ms Int64: the stays of its views, each as in `session_info`; in the unit of ts where that is an integer\n\
         - mean_stay_ms Float64: stay_ms over views\n\n\
         A row whose page is NULL is no page view, unless `is_page` says so: views of no page are a row of their own then. \
         A row whose ts is NULL does not count. Rows of one user and ts have an order only by `tie`: name one where \
         entries and exits matter. The totals of entries and of exits are both the number of sessions with a page view; \
         visitors do not add up over pages. An empty relation has no pages.\n\n\
         ```text\n\
         ann  home ──10 s──▶ list        bob  home\n\n\
         page  views  visitors  visits  entries  exits  bounces  exit_rate  bounce_rate  stay_ms  mean_stay_ms\n\
         home  2      2         2       2        1      1        0.5        0.5          10000    5000\n\
         list  1      1         1       0        1      0        1          NULL         0        0\n\
         ```\n\n\
         Errors while planning: those of `sessions`, and an unknown basis.\n\n\
         Cost: that of `session_info`, and a group for each pair of user and page: no set of users is kept for a page.\n\n\
         Definition: `exit_rate` is WeChat's and Plausible's, with basis 'visits' Matomo's and Piano's, as in the function \
         of that name. A bounce rate of 1 beside an exit rate of 0.5 is right: of a page that is left at once where it is \
         the entry, and passed where it is not.",
        "page_stats(relation, user, ts, gap, page [, {name: value, ...}])",
    )
    .with_argument("relation", RELATION)
    .with_argument("user", USER)
    .with_argument("ts", TS)
    .with_argument("gap", "A literal: an INTERVAL, or an integer in the unit of an integer ts.")
    .with_argument("page", "Text: the page, NULL on rows that show none. Any expression: `split_part(page, '/', 1)` groups.")
    .with_argument(
        "basis",
        "Option: what exit_rate divides by. 'views' (default), which is 'wechat' and 'plausible'; or 'visits', which is \
         'matomo' and 'piano'.",
    )
    .with_argument("tie and all other options", "As in `sessions`.")
    .with_sql_example(
        "WITH clicks(u, ts, page) AS (\n    \
             VALUES ('ann', TIMESTAMP '2026-01-01 10:00:00', 'home'),\n           \
                    ('ann', TIMESTAMP '2026-01-01 10:00:10', 'list'),\n           \
                    ('bob', TIMESTAMP '2026-01-01 10:00:00', 'home'))\n\
         SELECT page, views, visitors, entries, exits, bounces, exit_rate, bounce_rate, mean_stay_ms\n\
         FROM page_stats(clicks, u, ts, INTERVAL '30 minutes', page)\n\
         ORDER BY page;\n\
         -- home | 2 | 2 | 2 | 1 | 1 | 0.5 | 0.5 | 5000.0\n\
         -- list | 1 | 1 | 0 | 1 | 0 | 1.0 | NULL | 0.0",
    )
    .with_related_udf("sessions")
    .with_related_udf("exit_rate")
    .with_related_udf("bounce_rate")
    .build()
});
