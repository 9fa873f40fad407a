//! How large a value is: values in it, bytes as BSON, levels, its longest array.

use crate::value::Value;

/// Size of a value or of the difference between two. BSON bytes are those of the value alone, without its key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Measure {
    pub(crate) nodes: usize,
    pub(crate) bson: usize,
    /// Levels of containers; 0 for a scalar.
    pub(crate) depth: usize,
    pub(crate) longest_array: usize,
}

pub(crate) fn measure(value: &Value) -> Measure {
    match value {
        Value::Null => scalar(0),
        Value::Bool(_) => scalar(1),
        Value::Number(number) => scalar(number_bytes(*number)),
        Value::String(text) => scalar(4 + text.len() + 1),
        Value::Array(elements) => {
            let children = elements.iter().enumerate().map(|(index, element)| (digits(index), element));
            let total = container(children);
            Measure { longest_array: total.longest_array.max(elements.len()), ..total }
        }
        Value::Object(object) => container(object.iter().map(|(key, member)| (key.len(), member))),
    }
}

/// Bytes of an element beside its value: the type, and the key with its end.
pub(crate) fn element_overhead(key_bytes: usize) -> usize {
    1 + key_bytes + 1
}

/// Length of an array index as a key.
pub(crate) fn digits(index: usize) -> usize {
    index.checked_ilog10().map_or(1, |exponent| exponent as usize + 1)
}

/// An integer is stored as one (32 bits if they suffice) as long as doubles keep each integer apart; anything else as a double.
fn number_bytes(number: f64) -> usize {
    let small = number.trunc() == number && number >= f64::from(i32::MIN) && number <= f64::from(i32::MAX);
    if small { 4 } else { 8 }
}

fn scalar(bson: usize) -> Measure {
    Measure { nodes: 1, bson, depth: 0, longest_array: 0 }
}

fn container<'a>(children: impl Iterator<Item = (usize, &'a Value)>) -> Measure {
    let mut total = Measure { nodes: 1, bson: 4 + 1, depth: 0, longest_array: 0 };
    for (key_bytes, child) in children {
        let inner = measure(child);
        total.nodes += inner.nodes;
        total.bson += element_overhead(key_bytes) + inner.bson;
        total.depth = total.depth.max(inner.depth);
        total.longest_array = total.longest_array.max(inner.longest_array);
    }
    total.depth += 1;
    total
}
