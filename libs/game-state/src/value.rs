//! The tree of JSON values that states and operations are made of.

use crate::{
    canonical, key,
    limits::Limits,
    parse,
    rejection::{Reason, Rejection},
};

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    /// Finite, and never -0: [`Value::parse`] and the entry of a value into a state see to it.
    Number(f64),
    String(String),
    Array(Vec<Value>),
    Object(Object),
}

impl Value {
    /// Reads JSON text strictly: no duplicate keys, no forbidden keys, no numbers that a double cannot keep.
    pub fn parse(json: &str, limits: &Limits) -> Result<Self, Rejection> {
        parse::parse(json, limits.levels()).map_err(|refused| refused.rejection)
    }

    /// The RFC 8785 form.
    pub fn to_json(&self) -> String {
        canonical::to_string(self)
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Self::Array(elements) => Some(elements),
            _ => None,
        }
    }

    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The member of an object.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_object()?.get(key)
    }

    /// Children of a container; 0 for a scalar.
    pub(crate) fn children(&self) -> usize {
        match self {
            Self::Array(elements) => elements.len(),
            Self::Object(object) => object.len(),
            _ => 0,
        }
    }

    /// The child at a position: an element, or a member in key order.
    pub(crate) fn child(&self, position: usize) -> Option<&Value> {
        match self {
            Self::Array(elements) => elements.get(position),
            Self::Object(object) => object.entries.get(position).map(|(_, value)| value),
            _ => None,
        }
    }

    pub(crate) fn child_mut(&mut self, position: usize) -> Option<&mut Value> {
        match self {
            Self::Array(elements) => elements.get_mut(position),
            Self::Object(object) => object.entries.get_mut(position).map(|(_, value)| value),
            _ => None,
        }
    }
}

/// The members of an object, in the order of their keys' UTF-16 code units.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Object {
    entries: Vec<(String, Value)>,
}

impl Object {
    /// Takes members in any order. A duplicate or forbidden key is refused.
    pub fn from_entries(mut entries: Vec<(String, Value)>) -> Result<Self, Rejection> {
        entries.iter().try_for_each(|(name, _)| key::check(name))?;
        // What we wrote ourselves is in order already.
        if !entries.is_sorted_by(|(a, _), (b, _)| key::compare(a, b).is_lt()) {
            entries.sort_by(|(a, _), (b, _)| key::compare(a, b));
            if entries.windows(2).any(|pair| pair[0].0 == pair[1].0) {
                return Err(Rejection::new(Reason::DuplicateKey, "an object names a key twice"));
            }
        }
        Ok(Self { entries })
    }

    pub fn get(&self, key: &str) -> Option<&Value> {
        self.position(key).ok().map(|position| &self.entries[position].1)
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value))
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn into_entries(self) -> Vec<(String, Value)> {
        self.entries
    }

    /// Where the key stands, or where it would.
    pub(crate) fn position(&self, key: &str) -> Result<usize, usize> {
        self.entries.binary_search_by(|(other, _)| key::compare(other, key))
    }

    pub(crate) fn entry(&self, position: usize) -> (&str, &Value) {
        let (key, value) = &self.entries[position];
        (key, value)
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut Value> {
        self.entries.iter_mut().map(|(_, value)| value)
    }

    pub(crate) fn insert_at(&mut self, position: usize, key: String, value: Value) {
        self.entries.insert(position, (key, value));
    }

    pub(crate) fn remove_at(&mut self, position: usize) -> (String, Value) {
        self.entries.remove(position)
    }
}
