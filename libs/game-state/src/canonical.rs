//! Writing the RFC 8785 form: of a whole value, and of what it is made of.

use crate::value::Value;

pub(crate) fn to_string(value: &Value) -> String {
    let mut out = Vec::with_capacity(128);
    write(value, &mut out);
    into_string(out)
}

/// What this module writes is UTF-8: pieces of strings and ASCII.
pub(crate) fn into_string(out: Vec<u8>) -> String {
    String::from_utf8(out).unwrap_or_else(|_| unreachable!("only text is written"))
}

pub(crate) fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Array(elements) => {
            out.push(b'[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(element, out);
            }
            out.push(b']');
        }
        Value::Object(object) => {
            out.push(b'{');
            for (index, (key, member)) in object.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_string(key, out);
                out.push(b':');
                write(member, out);
            }
            out.push(b'}');
        }
        scalar => write_scalar(scalar, out),
    }
}

/// Writes anything but a container.
pub(crate) fn write_scalar(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => write_number(*number, out),
        Value::String(text) => write_string(text, out),
        _ => out.extend_from_slice(b"null"),
    }
}

pub(crate) fn number_to_string(number: f64) -> String {
    let mut out = Vec::new();
    write_number(number, &mut out);
    into_string(out)
}

pub(crate) fn write_number(number: f64, out: &mut Vec<u8>) {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    // Most numbers of a game are small integers: no need for the shortest-digits search.
    if number.abs() < EXACT && number.trunc() == number {
        #[expect(clippy::cast_possible_truncation, reason = "an integer below 2^53")]
        write_integer(number as i64, out);
    } else {
        out.extend_from_slice(ryu_js::Buffer::new().format_finite(number).as_bytes());
    }
}

pub(crate) fn write_integer(number: i64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    let mut rest = number.unsigned_abs();
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[start..]);
}

pub(crate) fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(index) = first_to_escape(rest) {
        out.extend_from_slice(&rest[..index]);
        write_escape(rest[index], out);
        rest = &rest[index + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Where the first byte stands that a string does not hold as it is: a control character, `"` or `\`. Eight bytes at a time.
fn first_to_escape(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    /// The high bit of each byte that is less than `limit`. Above the first such byte there may be others in error.
    fn less(word: u64, limit: u64) -> u64 {
        word.wrapping_sub(ONES * limit) & !word & (ONES << 7)
    }
    let equal = |word: u64, byte: u8| less(word ^ (ONES * u64::from(byte)), 1);
    let (words, last) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = less(word, 0x20) | equal(word, b'"') | equal(word, b'\\');
        if found != 0 {
            return Some(index * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let in_last = last.iter().position(|byte| *byte < 0x20 || *byte == b'"' || *byte == b'\\');
    in_last.map(|index| bytes.len() - last.len() + index)
}

fn write_escape(byte: u8, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        0x08 => out.extend_from_slice(b"\\b"),
        b'\t' => out.extend_from_slice(b"\\t"),
        b'\n' => out.extend_from_slice(b"\\n"),
        0x0c => out.extend_from_slice(b"\\f"),
        b'\r' => out.extend_from_slice(b"\\r"),
        _ => {
            out.extend_from_slice(b"\\u00");
            out.push(DIGITS[usize::from(byte >> 4)]);
            out.push(DIGITS[usize::from(byte & 15)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Byte by byte, as RFC 8785 says it.
    fn plainly(text: &str) -> Vec<u8> {
        let mut out = vec![b'"'];
        for byte in text.bytes() {
            if byte < 0x20 || byte == b'"' || byte == b'\\' { write_escape(byte, &mut out) } else { out.push(byte) }
        }
        out.push(b'"');
        out
    }

    #[test]
    fn every_byte_is_escaped_or_kept_wherever_it_stands() {
        let characters = (0..=0x7f_u8).map(char::from).chain(['\u{80}', 'ä', '\u{7ff}', '€', '\u{ffff}', '😀']);
        for character in characters {
            for place in 0..19 {
                for neighbour in ['!', '~', ' ', '"', '\u{1f}', '\u{80}', '[', ']'] {
                    let text: String = (0..19).map(|at| if at == place { character } else { neighbour }).collect();
                    let mut written = Vec::new();
                    write_string(&text, &mut written);
                    assert_eq!(written, plainly(&text), "{text:?}");
                }
            }
        }
    }
}
