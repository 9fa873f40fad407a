//! The five keys of a state. What stands below them is the game's and is trusted.

use crate::{
    path::{Path, Segment},
    rejection::{Reason, Rejection},
    value::Value,
};

const KEYS: [&str; 5] = ["actors", "characters", "currentEncounter", "items", "pluginData"];

/// Checks a whole state.
pub(crate) fn check(root: &Value) -> Result<(), Rejection> {
    let Value::Object(object) = root else {
        return Err(bad("a state is an object"));
    };
    object.iter().try_for_each(|(key, member)| check_kind(key, member).map_err(|rejection| rejection.on_path(key)))?;
    match KEYS.iter().find(|key| object.get(key).is_none()) {
        Some(missing) => Err(bad("a key of the state is missing").on_path(missing)),
        None => Ok(()),
    }
}

/// Checks what an operation would make of a member of the root: its new value, or that it is gone.
pub(crate) fn check_member(path: &Path, value: Option<&Value>) -> Result<(), Rejection> {
    match (path.segments(), value) {
        ([Segment::Name(key)], Some(value)) => check_kind(key, value),
        ([_], None) => Err(bad("a state keeps its five keys; an encounter that is over is set to null")),
        _ => Ok(()),
    }
}

pub(crate) fn unknown_member() -> Rejection {
    bad("a state has only the keys characters, actors, items, currentEncounter and pluginData")
}

fn check_kind(key: &str, value: &Value) -> Result<(), Rejection> {
    match (key, value) {
        ("characters" | "actors" | "items", Value::Array(_)) => Ok(()),
        ("characters" | "actors" | "items", _) => Err(bad("characters, actors and items are arrays")),
        ("currentEncounter", Value::Object(_) | Value::Null) => Ok(()),
        ("currentEncounter", _) => Err(bad("currentEncounter is an object or null")),
        ("pluginData", Value::Object(_)) => Ok(()),
        ("pluginData", _) => Err(bad("pluginData is an object")),
        _ => Err(unknown_member()),
    }
}

fn bad(message: &'static str) -> Rejection {
    Rejection::new(Reason::BadStructure, message)
}
