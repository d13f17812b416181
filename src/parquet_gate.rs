//! Is a file Parquet as far as its two ends tell? Readers trust the footer's length, and fail badly where it is wrong.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use datafusion::common::{Result, exec_err};

const MAGIC: &[u8] = b"PAR1";

/// Length, magic bytes and length of the footer, before anything trusts them. Returns the file's length.
pub(crate) fn gate(file: &mut File) -> Result<u64> {
    let length = file.metadata()?.len();
    if length < 12 {
        return exec_err!("it is not Parquet: {length} bytes are too few");
    }
    let mut head = [0; 4];
    file.read_exact(&mut head)?;
    let mut tail = [0; 8];
    file.seek(SeekFrom::End(-8))?;
    file.read_exact(&mut tail)?;
    file.rewind()?;
    let [f0, f1, f2, f3, magic @ ..] = tail;
    if head == *b"PARE" || magic == *b"PARE" {
        return exec_err!("it is encrypted Parquet, which is not read");
    }
    if head != *MAGIC {
        return exec_err!("it is not Parquet: it does not start with PAR1");
    }
    if magic != *MAGIC {
        return exec_err!("it is Parquet that was cut short: it does not end with PAR1");
    }
    let footer = u64::from(u32::from_le_bytes([f0, f1, f2, f3]));
    if footer + 12 > length {
        return exec_err!("it is broken Parquet: a footer of {footer} bytes in a file of {length}");
    }
    Ok(length)
}
