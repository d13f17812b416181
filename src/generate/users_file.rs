//! The users file: a row for each user of whom anything is known.

use std::io::Write;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int32Builder, RecordBatch, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::Result;

use super::form::{Form, Format};
use super::output::Output;
use super::profiles::{Profile, profile};
use super::span::Span;
use super::{GenerateOptions, columns, spelling};

/// Rows that are encoded at once.
const BATCH: usize = 1 << 14;

const NAMES: [&str; 6] = ["user_id", "gender", "birth_year", "province", "city", "member_level"];

/// Writes the attributes of some of the users of the traffic that the same options give; the number of rows.
pub fn write_users(options: &GenerateOptions, form: Form, out: &mut (dyn Write + Send)) -> Result<u64> {
    let year = Span::new(options.from, options.days, options.time_zone)?.year;
    let known = (0..options.users).filter_map(|user| profile(options.seed, user, year));
    match form.format {
        Format::Parquet => parquet(known, out),
        Format::Jsonl => text(known, Output::new(out, form.gzip), line),
        Format::Csv => {
            let mut output = Output::new(out, form.gzip);
            output.buffer.extend_from_slice(NAMES.join(",").as_bytes());
            output.buffer.push(b'\n');
            text(known, output, record)
        }
    }
}

fn text(
    known: impl Iterator<Item = Profile>,
    mut output: Output<'_>,
    put: impl Fn(&mut Vec<u8>, &Profile),
) -> Result<u64> {
    let mut rows = 0;
    for profile in known {
        put(&mut output.buffer, &profile);
        output.pass()?;
        rows += 1;
    }
    output.finish()?;
    Ok(rows)
}

fn line(out: &mut Vec<u8>, profile: &Profile) {
    out.extend_from_slice(b"{\"user_id\":\"");
    spelling::user_id(out, profile.user);
    out.push(b'"');
    let mut put = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            for piece in [",\"", name, "\":\"", value, "\""] {
                out.extend_from_slice(piece.as_bytes());
            }
        }
    };
    put("gender", profile.gender);
    put("province", profile.province);
    put("city", profile.city);
    put("member_level", profile.member_level);
    if let Some(year) = profile.birth_year {
        out.extend_from_slice(b",\"birth_year\":");
        spelling::integer(out, i64::from(year));
    }
    out.extend_from_slice(b"}\n");
}

fn record(out: &mut Vec<u8>, profile: &Profile) {
    spelling::user_id(out, profile.user);
    let year = profile.birth_year.map(|year| year.to_string());
    let values = [profile.gender, year.as_deref(), profile.province, profile.city, profile.member_level];
    for value in values {
        out.push(b',');
        out.extend_from_slice(value.unwrap_or_default().as_bytes());
    }
    out.push(b'\n');
}

fn parquet(known: impl Iterator<Item = Profile>, out: &mut (dyn Write + Send)) -> Result<u64> {
    let fields = NAMES.map(|name| match name {
        "birth_year" => Field::new(name, DataType::Int32, true),
        _ => Field::new(name, DataType::Utf8, name != "user_id"),
    });
    let schema = Arc::new(Schema::new(fields.to_vec()));
    let properties = columns::properties()?.set_column_dictionary_enabled("user_id".into(), false);
    let mut writer = columns::writer(out, &schema, properties.build())?;
    let mut known = known.peekable();
    let mut rows = 0;
    while known.peek().is_some() {
        let columns = batch(known.by_ref().take(BATCH));
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns)?;
        rows += batch.num_rows() as u64;
        writer.write(&batch)?;
    }
    writer.close()?;
    Ok(rows)
}

fn batch(known: impl Iterator<Item = Profile>) -> Vec<ArrayRef> {
    let mut texts: [StringBuilder; 5] = Default::default();
    let mut birth_year = Int32Builder::new();
    let mut id = vec![];
    for profile in known {
        id.clear();
        spelling::user_id(&mut id, profile.user);
        let id = String::from_utf8_lossy(&id);
        let values = [Some(&*id), profile.gender, profile.province, profile.city, profile.member_level];
        for (column, value) in texts.iter_mut().zip(values) {
            column.append_option(value);
        }
        birth_year.append_option(profile.birth_year);
    }
    let mut columns: Vec<ArrayRef> =
        texts.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef).collect();
    columns.insert(2, Arc::new(birth_year.finish()));
    columns
}
