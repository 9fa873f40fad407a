//! The forms that an earlier program gave to ids and to states: lists, or maps from id to content.

use game_state::{Object, Value};
use store::Kind;

use crate::decide::Refusal;

/// The ids of a field: a list of them, or a map that has them as keys. Absent or null: none.
pub(crate) fn ids(fields: &Value, field: &str) -> Result<Vec<String>, Refusal> {
    match fields.get(field) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(list)) => {
            let one = |id: &Value| id.as_str().map(str::to_owned).ok_or_else(|| Refusal::new(field, "holds something that is no id"));
            list.iter().map(one).collect()
        }
        // `false` takes somebody off such a map.
        Some(Value::Object(map)) => Ok(map.iter().filter(|(_, is)| is.as_bool() != Some(false)).map(|(id, _)| id.to_owned()).collect()),
        Some(_) => Err(Refusal::new(field, "is neither a list nor a map")),
    }
}

/// A state as an earlier program kept it, in our form: entities as lists, in the order of a list or of a map's ids. What is
/// absent is empty. A key that a state of ours has no place for stays, and is refused with the state.
pub(crate) fn state(old: &Value, field: &str) -> Result<Value, Refusal> {
    let mut members = Vec::new();
    let mut documents = old.get("documents").map(|all| documents(all, &format!("{field}.documents"))).transpose()?.unwrap_or_default();
    for kind in [Kind::Character, Kind::Actor, Kind::Item] {
        let key = kind.collection();
        let mut list = old.get(key).map(|all| entities(all, &format!("{field}.{key}"))).transpose()?.unwrap_or_default();
        list.extend(documents.extract_if(.., |(of, _)| *of == kind).map(|(_, entity)| entity));
        members.push((key.to_owned(), Value::Array(list)));
    }
    let encounter = match old.get("currentEncounter").filter(|encounter| !encounter.is_null()) {
        Some(encounter) => encounter.clone(),
        None => documents.pop().map_or(Value::Null, |(_, encounter)| encounter),
    };
    if !documents.is_empty() {
        return Err(Refusal::new(format!("{field}.documents"), "holds more than one encounter"));
    }
    members.push(("currentEncounter".to_owned(), encounter));
    let plugin_data = old.get("pluginData").filter(|data| !data.is_null()).cloned();
    members.push(("pluginData".to_owned(), plugin_data.unwrap_or(Value::Object(Object::default()))));
    let known = |key: &str| key == "documents" || members.iter().any(|(known, _)| known == key);
    let others: Vec<_> = old
        .as_object()
        .into_iter()
        .flat_map(Object::iter)
        .filter(|(key, _)| !known(key))
        .map(|(key, value)| (key.to_owned(), value.clone()))
        .collect();
    members.extend(others);
    Object::from_entries(members).map(Value::Object).map_err(|rejection| Refusal::new(field, rejection.to_string()))
}

fn entities(all: &Value, field: &str) -> Result<Vec<Value>, Refusal> {
    match all {
        Value::Null => Ok(Vec::new()),
        Value::Array(list) => list.iter().map(|entity| with_id(entity, None, field)).collect(),
        Value::Object(map) => map.iter().map(|(id, entity)| with_id(entity, Some(id), field)).collect(),
        _ => Err(Refusal::new(field, "is neither a list nor a map")),
    }
}

/// Entities of all kinds in one place, each with its kind as its `documentType`.
fn documents(all: &Value, field: &str) -> Result<Vec<(Kind, Value)>, Refusal> {
    let with_kind = |entity: Value| {
        let word = entity.get("documentType").and_then(Value::as_str);
        match word.and_then(|word| Kind::ALL.into_iter().find(|kind| kind.to_string() == word)) {
            Some(kind) => Ok((kind, entity)),
            None => Err(Refusal::new(field, format!("documentType {word:?} has no place in a state"))),
        }
    };
    entities(all, field)?.into_iter().map(with_kind).collect()
}

/// An entity under its id, which may stand as its key or as `_id` alone.
fn with_id(entity: &Value, key: Option<&str>, field: &str) -> Result<Value, Refusal> {
    let Some(object) = entity.as_object() else { return Err(Refusal::new(field, "holds something that is no object")) };
    if object.get("id").is_some() {
        return Ok(entity.clone());
    }
    let id = object.get("_id").and_then(Value::as_str).or(key);
    let id = id.ok_or_else(|| Refusal::new(field, "holds an entity without an id"))?;
    let mut members: Vec<_> = object.iter().filter(|(key, _)| *key != "_id").map(|(key, value)| (key.to_owned(), value.clone())).collect();
    members.push(("id".to_owned(), Value::String(id.to_owned())));
    Object::from_entries(members).map(Value::Object).map_err(|rejection| Refusal::new(field, rejection.to_string()))
}
