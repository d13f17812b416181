//! Numbers, ids and times as text, written straight into a buffer: the text formats spend their time here.

/// Characters of an id; six bits each.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// An openid: `o` and 27 characters.
pub(super) fn user_id(out: &mut Vec<u8>, number: u64) {
    out.push(b'o');
    spell(out, number, 11);
    spell(out, super::random::mix(number ^ 0x5bd1_e995), 11);
    spell(out, super::random::mix(number ^ 0x1b87_3593), 5);
}

/// Key of an open: eight characters.
pub(super) fn open_key(out: &mut Vec<u8>, key: u64) {
    spell(out, key, 8);
}

fn spell(out: &mut Vec<u8>, mut number: u64, characters: usize) {
    let mut text = [0; 11];
    for character in &mut text[..characters] {
        *character = ALPHABET[(number & 63) as usize];
        number >>= 6;
    }
    out.extend_from_slice(&text[..characters]);
}

pub(super) fn integer(out: &mut Vec<u8>, number: i64) {
    if number < 0 {
        out.push(b'-');
    }
    let mut left = number.unsigned_abs();
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// 5990 cents as 59.9: the shortest text of the number, as it is read back from JSON.
pub(super) fn cents(out: &mut Vec<u8>, cents: u64) {
    integer(out, (cents / 100) as i64);
    let (tens, ones) = ((cents / 10 % 10) as u8, (cents % 10) as u8);
    if tens > 0 || ones > 0 {
        out.extend_from_slice(&[b'.', b'0' + tens]);
        if ones > 0 {
            out.push(b'0' + ones);
        }
    }
}

/// Milliseconds since 1970 as RFC 3339 in UTC.
pub(super) fn instant(out: &mut Vec<u8>, millis: i64) {
    let (day, time) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
    let (year, month, date) = civil(day);
    padded(out, year, 4);
    for (mark, value, width) in [
        (b'-', month, 2),
        (b'-', date, 2),
        (b'T', time / 3_600_000, 2),
        (b':', time / 60_000 % 60, 2),
        (b':', time / 1000 % 60, 2),
        (b'.', time % 1000, 3),
    ] {
        out.push(mark);
        padded(out, value, width);
    }
    out.push(b'Z');
}

/// Year, month and day of a day since 1970; the year is counted from March, so that leap days come last.
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year + era * 400 + i64::from(month <= 2), month, of_year - (153 * from_march + 2) / 5 + 1)
}

fn padded(out: &mut Vec<u8>, number: i64, width: u32) {
    for place in (0..width).rev() {
        out.push(b'0' + (number / 10_i64.pow(place) % 10) as u8);
    }
}

/// Text as it stands in a query string: whatever is not ASCII is written by its bytes.
pub(super) fn percent_encoded(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        match byte.is_ascii_alphanumeric() {
            true => out.push(byte),
            false => out.extend_from_slice(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]),
        }
    }
}
