//! Keys of objects: their order, and the ones that no state may hold.

use std::cmp::Ordering;

use crate::rejection::{Reason, Rejection};

/// What a plain JavaScript object inherits, and `prototype`: as keys they could reach into a client's objects.
const INHERITED: [&str; 13] = [
    "__defineGetter__",
    "__defineSetter__",
    "__lookupGetter__",
    "__lookupSetter__",
    "__proto__",
    "constructor",
    "hasOwnProperty",
    "isPrototypeOf",
    "propertyIsEnumerable",
    "prototype",
    "toLocaleString",
    "toString",
    "valueOf",
];

/// The order of RFC 8785: by UTF-16 code units.
///
/// It differs from the order of UTF-8 bytes in one thing: characters above U+FFFF start with a surrogate, which sorts
/// before U+E000..U+FFFF. In UTF-8 those two groups have lead bytes from 0xF0 and 0xEE..=0xEF.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    // Nearly all keys: one of them is ASCII, so where they differ, bytes have the order of code units.
    if a.is_ascii() || b.is_ascii() {
        return a.as_bytes().cmp(b.as_bytes());
    }
    let rank = |byte: u8| match byte {
        0xEE | 0xEF => 0xFF,
        other => other,
    };
    let differing = a.bytes().zip(b.bytes()).find(|(x, y)| x != y);
    differing.map_or_else(|| a.len().cmp(&b.len()), |(x, y)| rank(x).cmp(&rank(y)).then(x.cmp(&y)))
}

pub(crate) fn check(key: &str) -> Result<(), Rejection> {
    let message = match key.as_bytes() {
        [] => "an empty key",
        [b'$', ..] => "a key that starts with `$`",
        bytes if bytes.contains(&0) => "a key with a NUL",
        _ if INHERITED.contains(&key) => "a key that JavaScript objects inherit",
        _ => return Ok(()),
    };
    Err(Rejection::new(Reason::ForbiddenKey, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_ordered_by_utf16_code_units() {
        let keys = [
            "",
            "\u{0}",
            "0",
            "10",
            "9",
            "A",
            "a",
            "aa",
            "é",
            "€",
            "\u{d7ff}",
            "😀",
            "😁",
            "\u{10ffff}",
            "\u{e000}",
            "\u{fb33}",
            "\u{ffff}",
        ];
        for a in keys {
            for b in keys {
                let expected = a.encode_utf16().cmp(b.encode_utf16());
                assert_eq!(compare(a, b), expected, "{a:?} {b:?}");
                assert_eq!(
                    compare(&format!("x{a}y"), &format!("x{b}y")),
                    format!("x{a}y").encode_utf16().cmp(format!("x{b}y").encode_utf16())
                );
            }
        }
    }
}
