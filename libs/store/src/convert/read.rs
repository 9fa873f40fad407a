//! BSON to a value. Only what JSON has is read; a date or an object id in a state is not ours.

use game_state::{Object, Value};
use mongodb::bson::{RawArray, RawBsonRef, RawDocument};

/// Where a document holds what no state can hold, and what it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {fault}")]
pub(crate) struct Unreadable {
    path: String,
    fault: String,
}

impl Unreadable {
    pub(super) fn here(fault: impl ToString) -> Self {
        Self { path: String::new(), fault: fault.to_string() }
    }

    /// Puts a level before the path, on the way out.
    pub(super) fn under(mut self, key: impl std::fmt::Display) -> Self {
        self.path = if self.path.is_empty() { key.to_string() } else { format!("{key}.{}", self.path) };
        self
    }
}

/// Reads what a reader of other types does not: it gives `None` for them.
pub(super) type Other = fn(RawBsonRef<'_>) -> Option<Result<Value, Unreadable>>;

pub(crate) fn value(bson: RawBsonRef<'_>) -> Result<Value, Unreadable> {
    any(bson, |_| None)
}

pub(super) fn any(bson: RawBsonRef<'_>, other: Other) -> Result<Value, Unreadable> {
    match bson {
        RawBsonRef::Null => Ok(Value::Null),
        RawBsonRef::Boolean(truth) => Ok(Value::Bool(truth)),
        RawBsonRef::Int32(number) => Ok(Value::Number(number.into())),
        RawBsonRef::Int64(number) => integer(number),
        // Adding +0 turns -0 into 0: there is one zero.
        RawBsonRef::Double(number) if number.is_finite() => Ok(Value::Number(number + 0.0)),
        RawBsonRef::String(text) => Ok(Value::String(text.to_owned())),
        RawBsonRef::Array(elements) => array(elements, other),
        RawBsonRef::Document(members) => object(members, other),
        bson => other(bson).unwrap_or_else(|| Err(Unreadable::here(format!("a value of the type {:?}", bson.element_type())))),
    }
}

fn integer(number: i64) -> Result<Value, Unreadable> {
    #[expect(clippy::cast_precision_loss, reason = "doubles keep integers up to 2^53 apart")]
    let exact = (number.unsigned_abs() <= 1 << 53).then_some(number as f64);
    exact.map(Value::Number).ok_or_else(|| Unreadable::here("an integer that a double does not keep"))
}

fn array(elements: &RawArray, other: Other) -> Result<Value, Unreadable> {
    let mut read = Vec::new();
    for (index, element) in elements.into_iter().enumerate() {
        let element = element.map_err(Unreadable::here).and_then(|element| any(element, other));
        read.push(element.map_err(|fault| fault.under(index))?);
    }
    Ok(Value::Array(read))
}

fn object(members: &RawDocument, other: Other) -> Result<Value, Unreadable> {
    let mut read = Vec::new();
    for member in members {
        let (key, member) = member.map_err(Unreadable::here)?;
        let member = any(member, other).map_err(|fault| fault.under(key))?;
        read.push((key.as_str().to_owned(), member));
    }
    Object::from_entries(read).map(Value::Object).map_err(Unreadable::here)
}
