//! Numbers as few bytes, for states: seven bits a byte, the lowest first, the top bit says that more follow.

use datafusion::common::{Result, exec_err};

pub(crate) fn write_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Small whatever the sign.
pub(crate) fn write_signed(out: &mut Vec<u8>, number: i64) {
    write_number(out, ((number << 1) ^ (number >> 63)) as u64);
}

/// Takes a number off the front of `from`.
pub(crate) fn read_number(from: &mut &[u8]) -> Result<u64> {
    let mut number = 0_u64;
    for (i, &byte) in from.iter().enumerate().take(10) {
        number |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            *from = &from[i + 1..];
            return Ok(number);
        }
    }
    damaged()
}

pub(crate) fn read_signed(from: &mut &[u8]) -> Result<i64> {
    let number = read_number(from)?;
    Ok((number >> 1) as i64 ^ -((number & 1) as i64))
}

/// Takes `length` bytes off the front of `from`.
pub(crate) fn take<'a>(from: &mut &'a [u8], length: u64) -> Result<&'a [u8]> {
    let taken = usize::try_from(length).ok().and_then(|length| from.split_at_checked(length));
    match taken {
        Some((taken, rest)) => {
            *from = rest;
            Ok(taken)
        }
        None => damaged(),
    }
}

fn damaged<T>() -> Result<T> {
    exec_err!("a stored state is damaged: it ends before its content does")
}
