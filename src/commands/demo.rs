//! `footfall demo`: a real log and a made-up shop, from file to page, by the very commands that one would type.

use std::io::Write;
use std::path::Path;

use clap::Parser;
use datafusion::common::{DataFusionError, Result};
use footfall::ask::OutputFile;

use crate::cli::{Cli, DemoArgs, Limits};
use crate::commands::{Outcome, say, stdout};

/// The files, whose READMEs say where they come from: one day of a real web server, a month of a made-up shop.
const FILES: [(&str, &[u8]); 4] = [
    ("nasa_ksc_19950801.parquet", include_bytes!("../../data/nasa_ksc_19950801/events.parquet")),
    ("shop_month/events.parquet", include_bytes!("../../data/shop_month/events.parquet")),
    ("shop_month/events.toml", include_bytes!("../../data/shop_month/events.toml")),
    ("shop_month/users.parquet", include_bytes!("../../data/shop_month/users.parquet")),
];

/// What is run, `{}` being the folder.
const COMMANDS: [&str; 8] = [
    "land {}/nasa_ksc_19950801.parquet --store {}/nasa --map nasa --tz UTC",
    "land {}/shop_month/events.parquet --store {}/shop --catalogue {}/shop_month/events.toml",
    "land {}/shop_month/users.parquet --store {}/shop --table users",
    "compact --store {}/shop",
    "report --store {}/nasa --format csv -o {}/reports/nasa",
    "report --store {}/shop --format json --only datacube -o {}/reports/shop",
    "report --store {}/nasa --format html --lang en -o {}/page/nasa",
    "report --store {}/shop --format html -p steps=product_view,add_to_cart,order_submit,pay_success -o {}/page/shop",
];

/// What is shown: a store, a question, and the query that answers it.
const QUESTIONS: [(&str, &str, &str); 3] = [
    (
        "nasa",
        "How many came to NASA's server, how often, and how many left after one page?",
        "select count(*) as opens, count(distinct user_id) as visitors, sum(views) as page_views, \
         bounce_rate(is_bounce) as bounce_rate from sessions",
    ),
    (
        "nasa",
        "Which of its pages are read most, and where do people leave?",
        "select page, count(*) as visits, count(distinct user_id) as visitors, exit_rate(is_exit) as exit_rate \
         from visits group by page order by visits desc, page limit 10",
    ),
    (
        "shop",
        "How far do the shop's customers get within a day?",
        "select step, users, round(conv_prev, 4) as of_step_before from funnel_report(events, user_id, ts, interval '1 day', \
         event = 'product_view', event = 'add_to_cart', event = 'order_submit', event = 'pay_success') order by step",
    ),
];

pub(crate) async fn run(args: &DemoArgs, limits: &Limits) -> Result<Outcome> {
    let folder = args.output.as_path();
    for (name, bytes) in FILES {
        let mut file = OutputFile::create(&folder.join(name))?;
        file.write_all(bytes)?;
        file.commit()?;
    }
    let shown = folder.display().to_string();
    for command in COMMANDS {
        let words: Vec<String> = command.split(' ').map(|word| word.replace("{}", &shown)).collect();
        execute(&words, limits).await?;
    }
    for (store, question, sql) in QUESTIONS {
        let mut out = stdout();
        writeln!(out, "\n{question}\n")?;
        out.flush()?;
        let store = format!("{shown}/{store}");
        execute(&["sql", "--store", &store, sql].map(str::to_string), limits).await?;
    }
    let mut out = stdout();
    write!(out, "{}", next(folder))?;
    out.flush()?;
    Ok(Outcome::Done)
}

/// Says the command and runs it.
async fn execute(words: &[String], limits: &Limits) -> Result<()> {
    let typed: Vec<String> = words.iter().map(|word| shell(word)).collect();
    say(limits, format!("$ footfall {}", typed.join(" ")));
    let words = std::iter::once("footfall".to_string()).chain(words.iter().cloned());
    let mut cli = Cli::try_parse_from(words).map_err(|e| DataFusionError::External(Box::new(e)))?;
    cli.limits = limits.clone();
    Box::pin(crate::run(cli)).await.map(drop)
}

fn next(folder: &Path) -> String {
    let shown = shell(&folder.display().to_string());
    format!(
        "\nOpen {shown}/page/shop/index.html and {shown}/page/nasa/index.html in a browser.\n\nTry next\n\n  \
         footfall repl --store {shown}/shop\n  \
         footfall sql --store {shown}/shop \"show tables\"\n  \
         footfall sql --store {shown}/shop \"select * from sessions limit 5\"\n  \
         footfall sql \"select visitor, count(*) from '{shown}/nasa_ksc_19950801.parquet' group by 1 order by 2 desc limit 5\"\n  \
         footfall report --store {shown}/shop --only overview --date 2026-03-31\n  \
         footfall report --list\n  footfall functions sessionize\n\nYour own log: footfall land FILE --store DIR, \
         with --map FILE.toml where its columns have other names.\n"
    )
}

/// As a shell takes it.
fn shell(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@=".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_string();
    }
    if text.contains(['"', '$', '`', '\\', '!']) {
        return format!("'{}'", text.replace('\'', "'\\''"));
    }
    format!("\"{text}\"")
}
