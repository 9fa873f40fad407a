//! BSON as JSON values, for looking at documents and for commands. A second reading of what the store writes.
//!
//! Dates, object ids and bytes are `{"$date": milliseconds}`, `{"$oid": hex}` and `{"$binary": hex}` in both directions; `{"$long": number}` encodes
//! 64 bits even of a small number, and `{"$uuid": hex}` the bytes of a UUID.

use anyhow::{Context, bail, ensure};
use serde_json::{Map, Number, Value};

/// Encodes one object. `first` and `last` frame its fields: a command's name must come first.
pub fn encode(first: Option<(&str, &Value)>, fields: &Map<String, Value>, last: Option<(&str, &Value)>) -> anyhow::Result<Vec<u8>> {
    let mut out = vec![0; 4];
    let framed = first.into_iter().chain(fields.iter().map(|(key, value)| (key.as_str(), value))).chain(last);
    for (key, value) in framed {
        element(&mut out, key, value)?;
    }
    finish(&mut out, 0)?;
    Ok(out)
}

fn finish(out: &mut Vec<u8>, start: usize) -> anyhow::Result<()> {
    out.push(0);
    let length = i32::try_from(out.len() - start)?;
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

fn element(out: &mut Vec<u8>, key: &str, value: &Value) -> anyhow::Result<()> {
    ensure!(!key.contains('\0'), "a key of BSON has no NUL");
    let kind = out.len();
    out.push(0);
    out.extend_from_slice(key.as_bytes());
    out.push(0);
    out[kind] = match value {
        Value::Null => 0x0a,
        Value::Bool(flag) => {
            out.push(u8::from(*flag));
            0x08
        }
        Value::Number(number) => encode_number(out, number)?,
        Value::String(text) => {
            out.extend_from_slice(&i32::try_from(text.len() + 1)?.to_le_bytes());
            out.extend_from_slice(text.as_bytes());
            out.push(0);
            0x02
        }
        Value::Array(items) => {
            let start = out.len();
            out.extend_from_slice(&[0; 4]);
            for (index, item) in items.iter().enumerate() {
                element(out, &index.to_string(), item)?;
            }
            finish(out, start)?;
            0x04
        }
        Value::Object(fields) => encode_object(out, fields)?,
    };
    Ok(())
}

fn encode_number(out: &mut Vec<u8>, number: &Number) -> anyhow::Result<u8> {
    if let Some(whole) = number.as_i64() {
        if let Ok(small) = i32::try_from(whole) {
            out.extend_from_slice(&small.to_le_bytes());
            return Ok(0x10);
        }
        out.extend_from_slice(&whole.to_le_bytes());
        return Ok(0x12);
    }
    out.extend_from_slice(&number.as_f64().context("a number is a double")?.to_le_bytes());
    Ok(0x01)
}

fn encode_object(out: &mut Vec<u8>, fields: &Map<String, Value>) -> anyhow::Result<u8> {
    if fields.len() == 1 {
        if let Some(at) = fields.get("$date").and_then(Value::as_i64) {
            out.extend_from_slice(&at.to_le_bytes());
            return Ok(0x09);
        }
        if let Some(whole) = fields.get("$long").and_then(Value::as_i64) {
            out.extend_from_slice(&whole.to_le_bytes());
            return Ok(0x12);
        }
        if let Some(hex) = fields.get("$oid").and_then(Value::as_str) {
            ensure!(hex.len() == 24, "an object id is 24 hexadecimal digits");
            out.extend(from_hex(hex)?);
            return Ok(0x07);
        }
        for (name, subtype) in [("$binary", 0), ("$uuid", 4)] {
            if let Some(hex) = fields.get(name).and_then(Value::as_str) {
                let bytes = from_hex(hex)?;
                out.extend_from_slice(&i32::try_from(bytes.len())?.to_le_bytes());
                out.push(subtype);
                out.extend(bytes);
                return Ok(0x05);
            }
        }
    }
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    for (key, value) in fields {
        element(out, key, value)?;
    }
    finish(out, start)?;
    Ok(0x03)
}

/// Decodes one document that takes all of `bytes`.
pub fn decode(bytes: &[u8]) -> anyhow::Result<Value> {
    let mut reader = Reader { rest: bytes };
    let value = reader.document(false)?;
    ensure!(reader.rest.is_empty(), "{} bytes after the document", reader.rest.len());
    Ok(value)
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> anyhow::Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count).context("the document ends early")?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> anyhow::Result<[u8; N]> {
        Ok(self.take(N)?.try_into()?)
    }

    fn length(&mut self) -> anyhow::Result<usize> {
        Ok(usize::try_from(i32::from_le_bytes(self.array()?))?)
    }

    fn key(&mut self) -> anyhow::Result<&'a str> {
        let end = self.rest.iter().position(|byte| *byte == 0).context("a key ends early")?;
        let key = std::str::from_utf8(self.take(end)?)?;
        self.take(1)?;
        Ok(key)
    }

    fn text(&mut self) -> anyhow::Result<&'a str> {
        let length = self.length()?;
        let text = self.take(length.checked_sub(1).context("a text has its final NUL")?)?;
        ensure!(self.take(1)? == [0], "a text ends with NUL");
        Ok(std::str::from_utf8(text)?)
    }

    fn document(&mut self, array: bool) -> anyhow::Result<Value> {
        self.length()?;
        let (mut fields, mut items) = (Map::new(), Vec::new());
        loop {
            let kind = self.array::<1>()?[0];
            if kind == 0 {
                return Ok(if array { Value::Array(items) } else { Value::Object(fields) });
            }
            let key = self.key()?;
            let value = self.value(kind).with_context(|| format!("in {key}"))?;
            if array {
                items.push(value);
            } else {
                ensure!(fields.insert(key.to_owned(), value).is_none(), "the key {key} stands twice");
            }
        }
    }

    fn value(&mut self, kind: u8) -> anyhow::Result<Value> {
        Ok(match kind {
            0x01 => Number::from_f64(f64::from_le_bytes(self.array()?)).context("a number that JSON does not have")?.into(),
            0x02 => self.text()?.into(),
            0x03 => self.document(false)?,
            0x04 => self.document(true)?,
            0x05 => {
                let length = self.length()?;
                self.take(1)?;
                serde_json::json!({"$binary": hex(self.take(length)?)})
            }
            0x07 => serde_json::json!({"$oid": hex(self.take(12)?)}),
            0x08 => (self.array::<1>()? == [1]).into(),
            0x09 => serde_json::json!({"$date": i64::from_le_bytes(self.array()?)}),
            0x0a => Value::Null,
            0x10 => i32::from_le_bytes(self.array()?).into(),
            0x11 => serde_json::json!({"$timestamp": u64::from_le_bytes(self.array()?)}),
            0x12 => i64::from_le_bytes(self.array()?).into(),
            other => bail!("BSON of kind {other:#04x} is not read here"),
        })
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn from_hex(hex: &str) -> anyhow::Result<Vec<u8>> {
    ensure!(hex.len().is_multiple_of(2) && hex.is_ascii(), "hexadecimal digits come in pairs");
    (0..hex.len()).step_by(2).map(|at| Ok(u8::from_str_radix(&hex[at..at + 2], 16)?)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        let document = json!({
            "a": null, "b": true, "c": 1, "d": 5_000_000_000_i64, "e": 0.5, "f": "ü\u{1f600}", "g": [1, [2], {"h": []}],
            "i": {"$date": 7}, "j": {"$oid": "0123456789abcdef01234567"}, "k": {"$binary": "00ff10"}, "": {},
        });
        let bytes = encode(None, document.as_object().unwrap(), None).unwrap();
        assert_eq!(decode(&bytes).unwrap(), document);
        for cut in 0..bytes.len() {
            assert!(decode(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    }
}
