//! Operations: what an update asks for, form-checked.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::{
    canonical,
    hash::StateHash,
    limits::Limits,
    measure::{Measure, measure},
    parse,
    path::Path,
    rejection::{Reason, Rejection},
    value::Value,
};

/// One change at one place.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    pub(crate) path: Path,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    Set(Value),
    Unset,
    Inc(f64),
    /// Appends, or inserts before the element at `index`.
    Push {
        value: Value,
        index: Option<usize>,
    },
    /// Removes what matches: all, or the first `limit`.
    Pull {
        value: Value,
        limit: Option<usize>,
    },
}

impl Operation {
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    fn from_value(value: Value, limits: &Limits) -> Result<Self, Rejection> {
        let Value::Object(object) = value else {
            return Err(bad("an operation is an object"));
        };
        let [mut path, mut operation, mut operand, mut limit, mut index] = [const { None::<Value> }; 5];
        for (key, field) in object.into_entries() {
            let slot = match key.as_str() {
                "path" => &mut path,
                "operation" => &mut operation,
                "value" => &mut operand,
                "limit" => &mut limit,
                "index" => &mut index,
                // What was there before is for the server to say.
                "previous" => continue,
                _ => return Err(bad("an operation has a field that is unknown")),
            };
            *slot = Some(field);
        }
        let Some(Value::String(name)) = operation else {
            return Err(bad("`operation` is a text"));
        };
        let path = path.ok_or_else(|| bad("`path` is missing"))?;
        if limit.is_some() && name != "pull" || index.is_some() && name != "push" {
            return Err(bad("`limit` goes with `pull` and `index` with `push`"));
        }
        let limit = limit.map(|limit| count(&limit, 1)).transpose()?;
        let index = index.map(|index| count(&index, 0)).transpose()?;
        if !matches!(name.as_str(), "set" | "unset" | "inc" | "push" | "pull") {
            return Err(Rejection::new(Reason::UnknownOperation, "an operation is set, unset, inc, push or pull"));
        }
        let on_path = |rejection: Rejection| match &path {
            Value::String(text) => rejection.on_path(text),
            other => rejection.on_path(&other.to_json()),
        };
        let checked = Path::from_value(&path, limits).map_err(on_path)?;
        let kind = match (name.as_str(), operand) {
            ("unset", _) => Kind::Unset,
            (_, None) => return Err(on_path(Rejection::new(Reason::MissingValue, "`value` is missing"))),
            ("set", Some(value)) => Kind::Set(value),
            ("push", Some(value)) => Kind::Push { value, index },
            ("pull", Some(value)) => Kind::Pull { value, limit },
            (_, Some(Value::Number(number))) => Kind::Inc(number),
            (_, Some(_)) => return Err(on_path(Rejection::new(Reason::NotANumber, "`inc` adds a number"))),
        };
        Ok(Self { path: checked, kind })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let (name, value, number): (_, Option<&Value>, Option<(&str, usize)>) = match &self.kind {
            Kind::Set(value) => ("set", Some(value), None),
            Kind::Unset => ("unset", None, None),
            Kind::Inc(_) => ("inc", None, None),
            Kind::Push { value, index } => ("push", Some(value), index.map(|index| ("index", index))),
            Kind::Pull { value, limit } => ("pull", Some(value), limit.map(|limit| ("limit", limit))),
        };
        out.push(b'{');
        if let Some((key, number)) = number {
            canonical::write_string(key, out);
            out.push(b':');
            canonical::write_number(number as f64, out);
            out.push(b',');
        }
        out.extend_from_slice(b"\"operation\":\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\",\"path\":");
        self.path.write(out);
        if let Kind::Inc(by) = self.kind {
            out.extend_from_slice(b",\"value\":");
            canonical::write_number(by, out);
        }
        if let Some(value) = value {
            out.extend_from_slice(b",\"value\":");
            canonical::write(value, out);
        }
        out.push(b'}');
    }
}

/// A list of operations, applied one after another, all or none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Operations {
    list: Vec<Operation>,
}

impl Operations {
    /// Reads the JSON text of a list, strictly: unknown fields, duplicate keys, unsafe numbers and forbidden keys are refused.
    pub fn parse(json: &str, limits: &Limits) -> Result<Self, Rejection> {
        // Two levels for the list and the operation around each value.
        let value = parse::parse(json, limits.levels() + 2).map_err(|refused| match refused.element {
            Some(element) => refused.rejection.in_operation(element),
            None => refused.rejection,
        })?;
        let Value::Array(elements) = value else {
            return Err(bad("operations are an array"));
        };
        if elements.len() > limits.operations {
            return Err(too_many(limits, elements.len()));
        }
        let list = elements.into_iter().enumerate();
        let list = list.map(|(index, element)| Operation::from_value(element, limits).map_err(|rejection| rejection.in_operation(index)));
        Ok(Self { list: list.collect::<Result<_, _>>()? })
    }

    /// SHA-256 of the canonical form: the same for the same operations, however they were written.
    pub fn digest(&self) -> Digest {
        Digest(Sha256::digest(self.to_json()).into())
    }

    /// The canonical JSON array.
    pub fn to_json(&self) -> String {
        /// Of a usual operation.
        const BYTES: usize = 120;
        let mut out = Vec::with_capacity(self.list.len() * BYTES);
        out.push(b'[');
        for (index, operation) in self.list.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            operation.write(&mut out);
        }
        out.push(b']');
        canonical::into_string(out)
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Operation> + DoubleEndedIterator {
        self.list.iter()
    }
}

impl FromIterator<Operation> for Operations {
    fn from_iter<I: IntoIterator<Item = Operation>>(operations: I) -> Self {
        Self { list: operations.into_iter().collect() }
    }
}

/// What tells the same update from another one under the same id.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        StateHash::from_bytes(self.0).fmt(f)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

pub(crate) fn too_many(limits: &Limits, actual: usize) -> Rejection {
    Rejection::new(Reason::TooManyOperations, "too many operations in one update").limited(limits.operations, actual)
}

/// Refuses a value that may not stand below so many segments, or that holds too long an array.
pub(crate) fn check_value(value: &Value, segments: usize, limits: &Limits) -> Result<Measure, Rejection> {
    let size = measure(value);
    let depth = segments + size.depth;
    if depth > limits.levels() {
        return Err(Rejection::new(Reason::TooDeep, "the state would have too many levels").limited(limits.levels(), depth));
    }
    if size.longest_array > limits.array_elements {
        return Err(array_too_long(limits, size.longest_array));
    }
    Ok(size)
}

pub(crate) fn array_too_long(limits: &Limits, actual: usize) -> Rejection {
    Rejection::new(Reason::StateTooLarge, "too many elements in one array").limited(limits.array_elements, actual)
}

fn bad(message: &'static str) -> Rejection {
    Rejection::new(Reason::BadOperation, message)
}

/// An integer of at least `least`, small enough to be a number of elements.
fn count(value: &Value, least: u32) -> Result<usize, Rejection> {
    match value {
        Value::Number(number) if number.trunc() == *number && *number >= f64::from(least) && *number <= f64::from(u32::MAX) =>
        {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an integer within u32")]
            Ok(*number as usize)
        }
        _ => Err(bad("`limit` is an integer from 1, `index` one from 0")),
    }
}
