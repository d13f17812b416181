//! Events as Parquet. The encodings are chosen for rows in order of receipt: batches of one open stand together, so ids
//! share beginnings and times differ by little.

use std::io::Write;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Int32Builder, Int64Builder, MapBuilder, MapFieldNames, RecordBatch, StringBuilder,
    TimestampMillisecondBuilder,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::common::Result;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};

use super::EventSink;
use super::event::{Event, Props};
use super::spelling;

/// Rows that are encoded at once.
const BATCH: usize = 1 << 14;

/// Columns that always have a value.
const REQUIRED: [&str; 8] = ["user_id", "ts", "seq", "event", "scene", "platform", "event_id", "received_at"];

pub(super) struct Columns<'a> {
    writer: ArrowWriter<&'a mut (dyn Write + Send)>,
    schema: SchemaRef,
    builders: Builders,
    rows: usize,
}

impl<'a> Columns<'a> {
    pub(super) fn new(out: &'a mut (dyn Write + Send)) -> Result<Self> {
        let mut builders = Builders::new();
        let fields = builders
            .finish()
            .into_iter()
            .map(|(name, column)| Field::new(name, column.data_type().clone(), !REQUIRED.contains(&name)));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let mut properties = properties()?;
        for column in ["ts", "seq", "duration_ms", "received_at"] {
            properties = encoded(properties, column, Encoding::DELTA_BINARY_PACKED);
        }
        properties = encoded(properties, "event_id", Encoding::DELTA_BYTE_ARRAY);
        let writer = writer(out, &schema, properties.build())?;
        Ok(Self { writer, schema, builders, rows: 0 })
    }

    fn flush(&mut self) -> Result<()> {
        if self.rows > 0 {
            self.rows = 0;
            let columns = self.builders.finish().into_iter().map(|(_, column)| column).collect();
            self.writer.write(&RecordBatch::try_new(Arc::clone(&self.schema), columns)?)?;
        }
        Ok(())
    }
}

impl EventSink for Columns<'_> {
    fn write(&mut self, events: &[Event]) -> Result<()> {
        for event in events {
            self.builders.append(event)?;
            self.rows += 1;
            if self.rows == BATCH {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.flush()?;
        self.writer.finish()?;
        Ok(())
    }
}

/// What all generated Parquet files are written with: nothing in them depends on when and where.
pub(super) fn properties() -> Result<WriterPropertiesBuilder> {
    Ok(WriterProperties::builder()
        .set_created_by(concat!("footfall ", env!("CARGO_PKG_VERSION")).to_string())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_statistics_enabled(EnabledStatistics::Chunk))
}

/// The Arrow schema is not embedded; what other engines read is all there is.
pub(super) fn writer<'a>(
    out: &'a mut (dyn Write + Send),
    schema: &SchemaRef,
    properties: WriterProperties,
) -> Result<ArrowWriter<&'a mut (dyn Write + Send)>> {
    let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    Ok(ArrowWriter::try_new_with_options(out, Arc::clone(schema), options)?)
}

fn encoded(properties: WriterPropertiesBuilder, column: &str, encoding: Encoding) -> WriterPropertiesBuilder {
    properties
        .set_column_dictionary_enabled(column.into(), false)
        .set_column_encoding(column.into(), encoding)
}

/// The columns of the mapping `footfall`, under construction.
struct Builders {
    user_id: StringBuilder,
    ts: TimestampMillisecondBuilder,
    seq: Int64Builder,
    event: StringBuilder,
    page: StringBuilder,
    query: StringBuilder,
    referrer: StringBuilder,
    scene: Int32Builder,
    session_key: StringBuilder,
    duration_ms: Int64Builder,
    share_channel: StringBuilder,
    os: StringBuilder,
    platform: StringBuilder,
    brand: StringBuilder,
    model: StringBuilder,
    network: StringBuilder,
    app_version: StringBuilder,
    props: MapBuilder<StringBuilder, StringBuilder>,
    event_id: StringBuilder,
    received_at: TimestampMillisecondBuilder,
    /// Text that is being spelled.
    text: Vec<u8>,
}

impl Builders {
    fn new() -> Self {
        let text = || StringBuilder::with_capacity(BATCH, BATCH * 8);
        let names = MapFieldNames { entry: "entries".into(), key: "key".into(), value: "value".into() };
        Self {
            user_id: StringBuilder::with_capacity(BATCH, BATCH * 28),
            ts: instants(),
            seq: Int64Builder::new(),
            event: text(),
            page: text(),
            query: text(),
            referrer: text(),
            scene: Int32Builder::new(),
            session_key: text(),
            duration_ms: Int64Builder::new(),
            share_channel: text(),
            os: text(),
            platform: text(),
            brand: text(),
            model: text(),
            network: text(),
            app_version: text(),
            props: MapBuilder::new(Some(names), text(), text()),
            event_id: text(),
            received_at: instants(),
            text: vec![],
        }
    }

    fn append(&mut self, event: &Event) -> Result<()> {
        let device = event.device();
        let (has_model, has_system) = (event.has_model(), event.has_system());
        let text = &mut self.text;
        spelled(&mut self.user_id, text, |out| spelling::user_id(out, event.user));
        self.ts.append_value(event.ts);
        self.seq.append_value(i64::from(event.seq));
        self.event.append_value(event.event());
        self.page.append_option(event.page());
        spelled(&mut self.query, text, |out| event.query.put(out));
        self.referrer.append_option(event.referrer.map(|page| page.path()));
        self.scene.append_value(event.scene());
        let session_key = |out: &mut Vec<u8>| {
            if event.has_session_key() {
                spelling::open_key(out, event.open);
            }
        };
        spelled(&mut self.session_key, text, session_key);
        self.duration_ms.append_option(event.duration.map(i64::from));
        self.share_channel.append_option(event.share_channel());
        self.os.append_option(has_system.then_some(device.os));
        self.platform.append_value(device.platform);
        self.brand.append_option(has_system.then_some(device.brand));
        self.model.append_option(has_model.then_some(device.model));
        self.network.append_option(has_system.then_some(event.network()));
        let version = |out: &mut Vec<u8>| {
            if has_model {
                event.put_version(out);
            }
        };
        spelled(&mut self.app_version, text, version);
        let (keys, values) = self.props.entries();
        event.props.each(|name, value| {
            keys.append_value(name);
            spelled(values, text, |out| value.put(out));
        });
        self.props.append(!matches!(event.props, Props::None))?;
        spelled(&mut self.event_id, text, |out| event.put_event_id(out));
        self.received_at.append_value(event.received);
        Ok(())
    }

    fn finish(&mut self) -> Vec<(&'static str, ArrayRef)> {
        vec![
            ("user_id", Arc::new(self.user_id.finish())),
            ("ts", Arc::new(self.ts.finish())),
            ("seq", Arc::new(self.seq.finish())),
            ("event", Arc::new(self.event.finish())),
            ("page", Arc::new(self.page.finish())),
            ("query", Arc::new(self.query.finish())),
            ("referrer", Arc::new(self.referrer.finish())),
            ("scene", Arc::new(self.scene.finish())),
            ("session_key", Arc::new(self.session_key.finish())),
            ("duration_ms", Arc::new(self.duration_ms.finish())),
            ("share_channel", Arc::new(self.share_channel.finish())),
            ("os", Arc::new(self.os.finish())),
            ("platform", Arc::new(self.platform.finish())),
            ("brand", Arc::new(self.brand.finish())),
            ("model", Arc::new(self.model.finish())),
            ("network", Arc::new(self.network.finish())),
            ("app_version", Arc::new(self.app_version.finish())),
            ("props", Arc::new(self.props.finish())),
            ("event_id", Arc::new(self.event_id.finish())),
            ("received_at", Arc::new(self.received_at.finish())),
        ]
    }
}

fn instants() -> TimestampMillisecondBuilder {
    TimestampMillisecondBuilder::new()
        .with_data_type(DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())))
}

/// Appends what is spelled; nothing spelled is NULL.
fn spelled(column: &mut StringBuilder, text: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) {
    text.clear();
    put(text);
    // What is spelled is made of whole texts, so it is UTF-8.
    column.append_option(std::str::from_utf8(text).ok().filter(|text| !text.is_empty()));
}
