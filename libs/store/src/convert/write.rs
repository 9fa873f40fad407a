//! JSON to BSON: canonical text as a stream, without a tree between, or a value that is at hand.

use std::fmt;

use game_state::Value;
use mongodb::bson::RawDocumentBuf;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{EXACT, element};

/// A value that BSON would bend, or text that is not JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot be stored: {0}")]
pub(crate) struct Unstorable(String);

/// Appends a field with the value that `json` is to a document.
pub(crate) fn append_json(document: RawDocumentBuf, key: &str, json: &[u8]) -> Result<RawDocumentBuf, Unstorable> {
    append(document, key, |out| {
        let mut reader = serde_json::Deserializer::from_slice(json);
        let written = AnyValue { out }.deserialize(&mut reader).and_then(|kind| reader.end().map(|()| kind));
        written.map_err(|error| Unstorable(error.to_string()))
    })
}

/// Appends a field with a value to a document.
pub(crate) fn append_value(document: RawDocumentBuf, key: &str, value: &Value) -> Result<RawDocumentBuf, Unstorable> {
    append(document, key, |out| write_value(out, value))
}

fn append(
    document: RawDocumentBuf,
    key: &str,
    write: impl FnOnce(&mut Vec<u8>) -> Result<u8, Unstorable>,
) -> Result<RawDocumentBuf, Unstorable> {
    let mut out = document.into_bytes();
    out.pop();
    let kind = begin_element(&mut out, key)?;
    out[kind] = write(&mut out)?;
    close(&mut out, 0)?;
    RawDocumentBuf::from_bytes(out).map_err(|error| Unstorable(error.to_string()))
}

fn write_value(out: &mut Vec<u8>, value: &Value) -> Result<u8, Unstorable> {
    Ok(match value {
        Value::Null => element::NULL,
        Value::Bool(truth) => write_bool(out, *truth),
        Value::Number(number) => write_number(out, *number),
        Value::String(text) => write_text(out, text)?,
        Value::Array(elements) => {
            let start = open(out);
            for (index, value) in elements.iter().enumerate() {
                let kind = begin_index(out, index);
                out[kind] = write_value(out, value)?;
            }
            close(out, start)?;
            element::ARRAY
        }
        Value::Object(object) => {
            let start = open(out);
            for (key, value) in object.iter() {
                let kind = begin_element(out, key)?;
                out[kind] = write_value(out, value)?;
            }
            close(out, start)?;
            element::DOCUMENT
        }
    })
}

/// Writes any value behind what is there and gives its type.
struct AnyValue<'a> {
    out: &'a mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for AnyValue<'_> {
    type Value = u8;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u8, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AnyValue<'_> {
    type Value = u8;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<u8, E> {
        Ok(element::NULL)
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<u8, E> {
        Ok(write_bool(self.out, truth))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "integers above 2^53 in canonical text are the shortest digits of a double: this rounds to it"
    )]
    fn visit_i64<E: Error>(self, number: i64) -> Result<u8, E> {
        Ok(write_number(self.out, number as f64))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "integers above 2^53 in canonical text are the shortest digits of a double: this rounds to it"
    )]
    fn visit_u64<E: Error>(self, number: u64) -> Result<u8, E> {
        Ok(write_number(self.out, number as f64))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<u8, E> {
        Ok(write_number(self.out, number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<u8, E> {
        write_text(self.out, text).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<u8, A::Error> {
        let out = self.out;
        let start = open(out);
        for index in 0.. {
            // The key is written before it is known whether there is another element, and taken back at the end.
            let kind = begin_index(out, index);
            match elements.next_element_seed(AnyValue { out })? {
                Some(found) => out[kind] = found,
                None => {
                    out.truncate(kind);
                    break;
                }
            }
        }
        close(out, start).map_err(A::Error::custom)?;
        Ok(element::ARRAY)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<u8, A::Error> {
        let out = self.out;
        let start = open(out);
        while let Some(kind) = members.next_key_seed(Key { out })? {
            out[kind] = members.next_value_seed(AnyValue { out })?;
        }
        close(out, start).map_err(A::Error::custom)?;
        Ok(element::DOCUMENT)
    }
}

/// Begins an element with the key that comes, and gives the place of its type.
struct Key<'a> {
    out: &'a mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<usize, E> {
        begin_element(self.out, key).map_err(E::custom)
    }
}

fn begin_element(out: &mut Vec<u8>, key: &str) -> Result<usize, Unstorable> {
    if key.is_empty() || key.starts_with('$') || key.contains('\0') {
        return Err(Unstorable("a key that is empty, starts with `$` or holds a NUL".to_owned()));
    }
    let kind = out.len();
    out.push(element::NULL);
    out.extend_from_slice(key.as_bytes());
    out.push(0);
    Ok(kind)
}

fn begin_index(out: &mut Vec<u8>, index: usize) -> usize {
    let kind = out.len();
    out.push(element::NULL);
    let mut digits = [0; 20];
    let mut start = digits.len();
    let mut rest = index;
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
    out.push(0);
    kind
}

fn open(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    start
}

fn close(out: &mut Vec<u8>, start: usize) -> Result<(), Unstorable> {
    out.push(0);
    let length = i32::try_from(out.len() - start).map_err(|_| Unstorable("more than 2 GiB".to_owned()))?;
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

fn write_bool(out: &mut Vec<u8>, truth: bool) -> u8 {
    out.push(u8::from(truth));
    element::BOOLEAN
}

fn write_text(out: &mut Vec<u8>, text: &str) -> Result<u8, Unstorable> {
    let length = i32::try_from(text.len() + 1).map_err(|_| Unstorable("a string of more than 2 GiB".to_owned()))?;
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(text.as_bytes());
    out.push(0);
    Ok(element::STRING)
}

fn write_number(out: &mut Vec<u8>, number: f64) -> u8 {
    if number.trunc() != number || number.abs() > EXACT {
        out.extend_from_slice(&number.to_le_bytes());
        return element::DOUBLE;
    }
    #[expect(clippy::cast_possible_truncation, reason = "an integer of at most 2^53")]
    let whole = number as i64;
    if let Ok(small) = i32::try_from(whole) {
        out.extend_from_slice(&small.to_le_bytes());
        element::INT32
    } else {
        out.extend_from_slice(&whole.to_le_bytes());
        element::INT64
    }
}
