//! Dotted keys and the tree of sections that they lead into.

use serde_json::{Map, Value};

/// What the tree has at a key. A section whose default is empty takes any key below it.
pub(super) fn find<'a>(tree: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    static ANYTHING: Value = Value::Null;
    let (first, rest) = key.split_once('.').map_or((key, None), |(first, rest)| (first, Some(rest)));
    let value = tree.get(first)?;
    match (value, rest) {
        (_, None) => Some(value),
        (Value::Object(below), Some(_)) if below.is_empty() => Some(&ANYTHING),
        (Value::Object(below), Some(rest)) => find(below, rest),
        _ => None,
    }
}

/// Whether keys may stand below a value of the schema.
pub(super) fn is_section(value: &Value) -> bool {
    value.is_object()
}

/// Every key of the tree that has a value.
pub(super) fn all(tree: &Map<String, Value>) -> Vec<String> {
    let mut keys = Vec::new();
    for (name, value) in tree {
        match value {
            Value::Object(below) if !below.is_empty() => keys.extend(all(below).into_iter().map(|key| format!("{name}.{key}"))),
            _ => keys.push(name.clone()),
        }
    }
    keys
}

/// The known key that was most likely meant.
pub(super) fn nearest(tree: &Map<String, Value>, key: &str) -> Option<String> {
    /// Below this likeness a hint would only confuse.
    const LIKENESS: f64 = 0.6;
    let scored = all(tree).into_iter().map(|known| (strsim::normalized_damerau_levenshtein(&known, key), known));
    scored.filter(|(likeness, _)| *likeness >= LIKENESS).max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, known)| known)
}

/// Sets a key, making the sections above it.
pub(super) fn insert(tree: &mut Map<String, Value>, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            tree.insert(key.to_owned(), value);
        }
        Some((first, rest)) => {
            let below = tree.entry(first.to_owned()).or_insert_with(|| Value::Object(Map::new()));
            if !below.is_object() {
                *below = Value::Object(Map::new());
            }
            if let Value::Object(below) = below {
                insert(below, rest, value);
            }
        }
    }
}
