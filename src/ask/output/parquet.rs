//! Rows as a Parquet file, row group by row group.

use std::io::Write;

use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

/// Writes every batch; the number of rows.
pub(super) async fn write(
    mut stream: SendableRecordBatchStream,
    out: &mut (dyn Write + Send),
) -> Result<u64> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_created_by(format!("footfall {}", env!("CARGO_PKG_VERSION")))
        .build();
    let mut writer = ArrowWriter::try_new(out, stream.schema(), Some(properties))?;
    let mut count = 0;
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        count += batch.num_rows() as u64;
        writer.write(&batch)?;
    }
    writer.close()?;
    Ok(count)
}
