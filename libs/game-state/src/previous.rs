//! What an operation found: for history, and for undoing an update by a later one.

use crate::{
    canonical,
    limits::Limits,
    operation::{Kind, Operation, Operations},
    parse,
    rejection::{Reason, Rejection},
    value::Value,
};

/// What stood at an operation's place just before it.
#[derive(Debug, Clone, PartialEq)]
pub enum Previous {
    /// This value.
    Value(Value),
    /// This value, as the element of an array that was taken out.
    Element { index: usize, value: Value },
    /// Nothing. So many leading segments of the path name the topmost level that was missing.
    Absent(usize),
    /// An array of so many elements.
    Length(usize),
    /// An array that held these elements, with their indexes in it.
    Removed(Vec<(usize, Value)>),
}

impl Previous {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Value(value) => {
                out.extend_from_slice(b"{\"value\":");
                canonical::write(value, out);
            }
            Self::Element { index, value } => {
                out.extend_from_slice(b"{\"index\":");
                canonical::write_number(*index as f64, out);
                out.extend_from_slice(b",\"value\":");
                canonical::write(value, out);
            }
            Self::Absent(segments) => {
                out.extend_from_slice(b"{\"absent\":");
                canonical::write_number(*segments as f64, out);
            }
            Self::Length(length) => {
                out.extend_from_slice(b"{\"length\":");
                canonical::write_number(*length as f64, out);
            }
            Self::Removed(elements) => {
                out.extend_from_slice(b"{\"removed\":[");
                for (nth, (index, value)) in elements.iter().enumerate() {
                    out.extend_from_slice(if nth > 0 { b",[" } else { b"[" });
                    canonical::write_number(*index as f64, out);
                    out.push(b',');
                    canonical::write(value, out);
                    out.push(b']');
                }
                out.push(b']');
            }
        }
        out.push(b'}');
    }

    fn from_value(value: Value) -> Option<Self> {
        let Value::Object(object) = value else {
            return None;
        };
        let mut entries = object.into_entries();
        let last = entries.pop()?;
        match (entries.pop(), last.0.as_str(), last.1) {
            (None, "value", value) => Some(Self::Value(value)),
            (None, "absent", value) => count(&value).map(Self::Absent),
            (None, "length", value) => count(&value).map(Self::Length),
            (None, "removed", Value::Array(elements)) => {
                let pairs = elements.into_iter().map(|pair| match pair {
                    Value::Array(pair) => {
                        let [index, value] = <[Value; 2]>::try_from(pair).ok()?;
                        Some((count(&index)?, value))
                    }
                    _ => None,
                });
                pairs.collect::<Option<_>>().map(Self::Removed)
            }
            (Some((key, index)), "value", value) if key == "index" && entries.is_empty() => {
                Some(Self::Element { index: count(&index)?, value })
            }
            _ => None,
        }
    }
}

/// The JSON text of previous values, one for each operation.
pub fn previous_to_json(previous: &[Previous]) -> String {
    let mut out = vec![b'['];
    for (index, entry) in previous.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        entry.write(&mut out);
    }
    out.push(b']');
    canonical::into_string(out)
}

/// Reads what [`previous_to_json`] wrote.
pub fn previous_from_json(json: &str) -> Result<Vec<Previous>, Rejection> {
    // The list, the entry, and of `removed` the list and the pair stand around each value.
    let value = parse::parse(json, Limits::unbounded().levels() + 4).map_err(|refused| refused.rejection)?;
    let entries = if let Value::Array(entries) = value { entries.into_iter().map(Previous::from_value).collect() } else { None };
    entries.ok_or_else(|| Rejection::new(Reason::BadOperation, "not a list of previous values"))
}

/// The operations that undo an update, as a normal update on the state that it led to. `previous` belongs to `resolved`.
///
/// A `pull` of many elements is undone by as many operations: that list may be longer than an update may be.
pub fn inverse(resolved: &Operations, previous: &[Previous]) -> Operations {
    resolved.iter().zip(previous).rev().flat_map(|(operation, previous)| undo_of(operation, previous)).collect()
}

fn undo_of(Operation { path, kind }: &Operation, previous: &Previous) -> Vec<Operation> {
    let push = |path, index, value: &Value| Operation { path, kind: Kind::Push { value: value.clone(), index: Some(index) } };
    match (kind, previous) {
        (_, Previous::Value(value)) => vec![Operation { path: path.clone(), kind: Kind::Set(value.clone()) }],
        (_, Previous::Element { index, value }) => vec![push(path.prefix(path.len() - 1), *index, value)],
        (Kind::Unset, Previous::Absent(_)) => Vec::new(),
        (_, Previous::Absent(segments)) => vec![Operation { path: path.prefix((*segments).clamp(1, path.len())), kind: Kind::Unset }],
        (Kind::Push { index, .. }, Previous::Length(length)) => {
            vec![Operation { path: path.child(index.unwrap_or(*length)), kind: Kind::Unset }]
        }
        (_, Previous::Length(_)) => Vec::new(),
        (_, Previous::Removed(elements)) => elements.iter().map(|(index, value)| push(path.clone(), *index, value)).collect(),
    }
}

fn count(value: &Value) -> Option<usize> {
    let number = value.as_f64().filter(|number| number.trunc() == *number && (0.0..=f64::from(u32::MAX)).contains(number))?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an integer within u32")]
    Some(number as usize)
}
