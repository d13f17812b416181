//! Events as JSON lines. No text of the traffic needs escaping, so a line is put together from its pieces.

use datafusion::common::Result;

use super::EventSink;
use super::event::{Event, Props, Query};
use super::output::Output;
use super::spelling;

pub(super) struct JsonLines<'a> {
    output: Output<'a>,
}

impl<'a> JsonLines<'a> {
    pub(super) fn new(output: Output<'a>) -> Self {
        Self { output }
    }
}

impl EventSink for JsonLines<'_> {
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
    out.extend_from_slice(b"{\"user_id\":\"");
    spelling::user_id(out, event.user);
    integer(out, "\",\"ts\":", event.ts);
    integer(out, ",\"seq\":", i64::from(event.seq));
    text(out, ",\"event\":\"", event.event());
    if let Some(page) = event.page() {
        text(out, ",\"page\":\"", page);
    }
    if event.query != Query::None {
        out.extend_from_slice(b",\"query\":\"");
        event.query.put(out);
        out.push(b'"');
    }
    if let Some(referrer) = event.referrer {
        text(out, ",\"referrer\":\"", referrer.path());
    }
    integer(out, ",\"scene\":", i64::from(event.scene()));
    if event.has_session_key() {
        out.extend_from_slice(b",\"session_key\":\"");
        spelling::open_key(out, event.open);
        out.push(b'"');
    }
    if let Some(duration) = event.duration {
        integer(out, ",\"duration_ms\":", i64::from(duration));
    }
    if let Some(channel) = event.share_channel() {
        text(out, ",\"share_channel\":\"", channel);
    }
    device(out, event);
    props(out, event.props);
    out.extend_from_slice(b",\"event_id\":\"");
    event.put_event_id(out);
    integer(out, "\",\"received_at\":", event.received);
    out.extend_from_slice(b"}\n");
}

fn device(out: &mut Vec<u8>, event: &Event) {
    let device = event.device();
    if event.has_system() {
        text(out, ",\"os\":\"", device.os);
    }
    text(out, ",\"platform\":\"", device.platform);
    if event.has_system() {
        text(out, ",\"brand\":\"", device.brand);
    }
    if event.has_model() {
        text(out, ",\"model\":\"", device.model);
    }
    if event.has_system() {
        text(out, ",\"network\":\"", event.network());
    }
    if event.has_model() {
        out.extend_from_slice(b",\"app_version\":\"");
        event.put_version(out);
        out.push(b'"');
    }
}

fn props(out: &mut Vec<u8>, props: Props) {
    if !matches!(props, Props::None) {
        out.extend_from_slice(b",\"props\":");
        object(out, props, "\"");
    }
}

/// Properties as a JSON object, in which `quote` stands for each quotation mark.
pub(super) fn object(out: &mut Vec<u8>, props: Props, quote: &str) {
    let quote = quote.as_bytes();
    let mut opening: &[u8] = b"{";
    props.each(|name, value| {
        let quotes: &[u8] = if value.is_text() { quote } else { b"" };
        for piece in [opening, quote, name.as_bytes(), quote, b":", quotes] {
            out.extend_from_slice(piece);
        }
        value.put(out);
        out.extend_from_slice(quotes);
        opening = b",";
    });
    out.push(b'}');
}

/// `before` includes the opening quotation mark.
fn text(out: &mut Vec<u8>, before: &str, text: &str) {
    out.extend_from_slice(before.as_bytes());
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

fn integer(out: &mut Vec<u8>, before: &str, number: i64) {
    out.extend_from_slice(before.as_bytes());
    spelling::integer(out, number);
}
