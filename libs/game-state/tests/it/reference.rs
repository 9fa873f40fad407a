//! What a state's canonical form, hash and sizes must be, computed from scratch with nothing of the code under test but its tree.

use game_state::{GameState, StateHash, StateSize, Value};
use sha2::{Digest, Sha256};

pub(crate) fn to_serde(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(truth) => (*truth).into(),
        Value::Number(number) => (*number).into(),
        Value::String(text) => text.as_str().into(),
        Value::Array(elements) => elements.iter().map(to_serde).collect(),
        Value::Object(object) => {
            object.iter().map(|(key, member)| (key.to_owned(), to_serde(member))).collect::<serde_json::Map<_, _>>().into()
        }
    }
}

pub(crate) fn canonical(value: &serde_json::Value) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value).unwrap()
}

pub(crate) fn hash(canonical: &[u8]) -> StateHash {
    StateHash::from_bytes(Sha256::digest(canonical).into())
}

/// Bytes as BSON and number of values, by the documented formula.
fn bson_and_nodes(value: &serde_json::Value) -> (usize, usize) {
    use serde_json::Value as V;
    let container = |children: Vec<(usize, &V)>| {
        children.into_iter().fold((5, 1), |(bytes, nodes), (key, child)| {
            let (inner_bytes, inner_nodes) = bson_and_nodes(child);
            (bytes + 2 + key + inner_bytes, nodes + inner_nodes)
        })
    };
    match value {
        V::Null => (0, 1),
        V::Bool(_) => (1, 1),
        V::Number(number) => {
            let number = number.as_f64().unwrap();
            (if number.fract() == 0.0 && i32::try_from(number as i64).is_ok() { 4 } else { 8 }, 1)
        }
        V::String(text) => (5 + text.len(), 1),
        V::Array(elements) => container(elements.iter().enumerate().map(|(index, element)| (index.to_string().len(), element)).collect()),
        V::Object(members) => container(members.iter().map(|(key, member)| (key.len(), member)).collect()),
    }
}

/// Everything that an observer can tell of a state.
#[derive(Debug, PartialEq)]
pub(crate) struct Observed {
    pub(crate) canonical: Vec<u8>,
    pub(crate) hash: StateHash,
    pub(crate) size: StateSize,
}

pub(crate) fn observe(state: &mut GameState) -> Observed {
    let canonical = state.canonical();
    let bytes = canonical.to_vec();
    assert_eq!(canonical.len(), bytes.len());
    assert_eq!(canonical.hash(), state.hash());
    assert_eq!(canonical.chunks().map(<[u8]>::len).sum::<usize>(), bytes.len());
    Observed { canonical: bytes, hash: state.hash(), size: state.size() }
}

/// Holds a state equal to its computation from scratch.
pub(crate) fn check(state: &mut GameState) -> Observed {
    let observed = observe(state);
    let tree = to_serde(state.root());
    let expected = canonical(&tree);
    assert_eq!(String::from_utf8_lossy(&observed.canonical), String::from_utf8_lossy(&expected));
    assert_eq!(observed.hash, hash(&expected));
    let (bson_bytes, nodes) = bson_and_nodes(&tree);
    assert_eq!(observed.size, StateSize { canonical_bytes: expected.len(), bson_bytes, nodes });
    observed
}
