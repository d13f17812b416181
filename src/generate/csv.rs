//! Events as comma-separated values. Only properties need quotes.

use datafusion::common::Result;

use super::EventSink;
use super::event::{Event, Props};
use super::jsonl::object;
use super::output::Output;
use super::spelling;

const HEADER: &[u8] =
    b"user_id,ts,seq,event,page,query,referrer,scene,session_key,duration_ms,share_channel,\
os,platform,brand,model,network,app_version,props,event_id,received_at\n";

pub(super) struct Csv<'a> {
    output: Output<'a>,
}

impl<'a> Csv<'a> {
    pub(super) fn new(mut output: Output<'a>) -> Self {
        output.buffer.extend_from_slice(HEADER);
        Self { output }
    }
}

impl EventSink for Csv<'_> {
    fn write(&mut self, events: &[Event]) -> Result<()> {
        for event in events {
            line(&mut self.output.buffer, event);
            self.output.pass()?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.output.finish()
    }
}

fn line(out: &mut Vec<u8>, event: &Event) {
    spelling::user_id(out, event.user);
    integer(out, Some(event.ts));
    integer(out, Some(i64::from(event.seq)));
    text(out, Some(event.event()));
    text(out, event.page());
    out.push(b',');
    event.query.put(out);
    text(out, event.referrer.map(|page| page.path()));
    integer(out, Some(i64::from(event.scene())));
    out.push(b',');
    if event.has_session_key() {
        spelling::open_key(out, event.open);
    }
    integer(out, event.duration.map(i64::from));
    text(out, event.share_channel());
    let device = event.device();
    let of_system = |text: &'static str| event.has_system().then_some(text);
    text(out, of_system(device.os));
    text(out, Some(device.platform));
    text(out, of_system(device.brand));
    text(out, event.has_model().then_some(device.model));
    text(out, of_system(event.network()));
    out.push(b',');
    if event.has_model() {
        event.put_version(out);
    }
    out.push(b',');
    if !matches!(event.props, Props::None) {
        out.push(b'"');
        object(out, event.props, "\"\"");
        out.push(b'"');
    }
    out.push(b',');
    event.put_event_id(out);
    integer(out, Some(event.received));
    out.push(b'\n');
}

fn text(out: &mut Vec<u8>, text: Option<&str>) {
    out.push(b',');
    out.extend_from_slice(text.unwrap_or_default().as_bytes());
}

fn integer(out: &mut Vec<u8>, number: Option<i64>) {
    out.push(b',');
    if let Some(number) = number {
        spelling::integer(out, number);
    }
}
