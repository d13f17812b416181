//! Bytes of a text format on their way out, packed or not.

use std::io::Write;

use datafusion::common::Result;
use flate2::Compression;
use flate2::write::GzEncoder;

/// Bytes that are passed on at once.
const CHUNK: usize = 1 << 20;

pub(super) struct Output<'a> {
    /// What is to be written next.
    pub(super) buffer: Vec<u8>,
    target: Target<'a>,
}

enum Target<'a> {
    Plain(&'a mut (dyn Write + Send)),
    Gzip(Box<GzEncoder<&'a mut (dyn Write + Send)>>),
}

impl<'a> Output<'a> {
    pub(super) fn new(out: &'a mut (dyn Write + Send), gzip: bool) -> Self {
        let target = match gzip {
            false => Target::Plain(out),
            true => Target::Gzip(Box::new(GzEncoder::new(out, Compression::fast()))),
        };
        Self { buffer: Vec::with_capacity(CHUNK + (CHUNK >> 4)), target }
    }

    /// Passes the buffer on once it is worth it.
    pub(super) fn pass(&mut self) -> Result<()> {
        if self.buffer.len() >= CHUNK { self.flush() } else { Ok(()) }
    }

    pub(super) fn finish(&mut self) -> Result<()> {
        self.flush()?;
        if let Target::Gzip(encoder) = &mut self.target {
            encoder.try_finish()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        match &mut self.target {
            Target::Plain(out) => out.write_all(&self.buffer)?,
            Target::Gzip(encoder) => encoder.write_all(&self.buffer)?,
        }
        self.buffer.clear();
        Ok(())
    }
}
