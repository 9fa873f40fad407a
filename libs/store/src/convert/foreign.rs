//! Documents that another program wrote: object ids and dates become the strings that its JSON had for them.

use game_state::Value;
use mongodb::bson::RawBsonRef;

use super::{Unreadable, read::any};

pub(crate) fn foreign_value(bson: RawBsonRef<'_>) -> Result<Value, Unreadable> {
    any(bson, |bson| match bson {
        RawBsonRef::ObjectId(id) => Some(Ok(Value::String(id.to_hex()))),
        RawBsonRef::DateTime(at) => {
            Some(at.try_to_rfc3339_string().map(|text| Value::String(with_milliseconds(&text))).map_err(Unreadable::here))
        }
        RawBsonRef::Symbol(text) => Some(Ok(Value::String(text.to_owned()))),
        RawBsonRef::Undefined => Some(Ok(Value::Null)),
        _ => None,
    })
}

/// JavaScript prints three digits of a second, always.
fn with_milliseconds(text: &str) -> String {
    let Some(text) = text.strip_suffix('Z') else { return text.to_owned() };
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{seconds}.{fraction:0<3}Z")
}
