//! The five operations on plain JSON values, as the conformance vectors describe them.

use anyhow::{Context, bail, ensure};
use serde_json::{Map, Number, Value};

use super::path::{self, Segment};

/// Applies a list of operations. After an error the state is of no use.
pub fn apply(state: &mut Value, operations: &Value) -> anyhow::Result<()> {
    let operations = operations.as_array().context("operations are a list")?;
    for (index, operation) in operations.iter().enumerate() {
        one(state, operation).with_context(|| format!("operation {index}: {operation}"))?;
    }
    Ok(())
}

fn one(state: &mut Value, operation: &Value) -> anyhow::Result<()> {
    let path = path::parse(&operation["path"])?;
    let kind = operation["operation"].as_str().context("an operation has a kind")?;
    let Some((last, levels)) = path.split_last() else { bail!("the empty path") };
    let create = matches!(kind, "set" | "inc" | "push");
    let Some(parent) = walk(state, levels, last, create)? else { return Ok(()) };
    let mut value = operation.get("value").cloned();
    if let Some(value) = &mut value {
        without_negative_zero(value);
    }
    let needed = || value.clone().context("the operation has a value");
    match kind {
        "set" => *place(parent, last, Value::Null)? = needed()?,
        "unset" => unset(parent, last)?,
        "inc" => {
            let place = place(parent, last, Value::from(0))?;
            let (a, b) = (place.as_f64().context("not a number")?, needed()?.as_f64().context("not a number")?);
            // Adding zero makes 0 of -0.
            *place = Number::from_f64(a + b + 0.0).context("the sum is not finite")?.into();
        }
        "push" => {
            let items = place(parent, last, Value::Array(Vec::new()))?.as_array_mut().context("not an array")?;
            let index = operation.get("index").and_then(Value::as_u64).map_or(Ok(items.len()), usize::try_from)?;
            ensure!(index <= items.len(), "index {index} is past the end");
            items.insert(index, needed()?);
        }
        "pull" => pull(parent, last, &needed()?, operation.get("limit").and_then(Value::as_u64))?,
        other => bail!("unknown operation {other:?}"),
    }
    Ok(())
}

/// The container of the last segment. None: it is missing and is not to be made.
fn walk<'a>(state: &'a mut Value, levels: &[Segment], last: &Segment, create: bool) -> anyhow::Result<Option<&'a mut Value>> {
    let mut at = state;
    for (depth, segment) in levels.iter().enumerate() {
        let next = levels.get(depth + 1).unwrap_or(last);
        at = match (at, segment) {
            (Value::Object(fields), Segment::Name(key)) => {
                if !fields.contains_key(key) {
                    if !create {
                        return Ok(None);
                    }
                    ensure!(!could_be_index(next), "nobody said whether {key:?} is an object or an array");
                }
                fields.entry(key.clone()).or_insert_with(|| Value::Object(Map::new()))
            }
            (Value::Array(items), segment) => {
                let index = find(items, segment)?;
                items.get_mut(index).context("index past the end")?
            }
            (_, segment) => bail!("{segment:?} in what is no container"),
        };
    }
    ensure!(at.is_object() || at.is_array(), "{last:?} in what is no container");
    Ok(Some(at))
}

fn could_be_index(segment: &Segment) -> bool {
    match segment {
        Segment::Name(name) => !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()),
        Segment::Id(_) => true,
    }
}

fn find(items: &[Value], segment: &Segment) -> anyhow::Result<usize> {
    match segment {
        Segment::Name(index) => {
            let number: usize = index.parse().with_context(|| format!("{index:?} is not an index"))?;
            ensure!(number.to_string() == *index, "{index:?} is not an index");
            Ok(number)
        }
        Segment::Id(id) => {
            let mut found = items.iter().enumerate().filter(|(_, item)| item["id"] == id.as_str());
            let (index, _) = found.next().with_context(|| format!("no element has the id {id}"))?;
            ensure!(found.next().is_none(), "several elements have the id {id}");
            Ok(index)
        }
    }
}

/// The value at the last segment; `missing` is put there first if there is none. An array takes a new one at its end, and
/// only by `set`, which is the one that brings null.
fn place<'a>(parent: &'a mut Value, last: &Segment, missing: Value) -> anyhow::Result<&'a mut Value> {
    match (parent, last) {
        (Value::Object(fields), Segment::Name(key)) => Ok(fields.entry(key.clone()).or_insert(missing)),
        (Value::Array(items), segment) => {
            let index = find(items, segment)?;
            if index == items.len() && missing.is_null() {
                items.push(missing);
            }
            items.get_mut(index).context("index past the end")
        }
        (_, segment) => bail!("{segment:?} in what is no container"),
    }
}

fn unset(parent: &mut Value, last: &Segment) -> anyhow::Result<()> {
    match (parent, last) {
        (Value::Object(fields), Segment::Name(key)) => {
            fields.remove(key);
        }
        (Value::Array(items), segment) => {
            let index = find(items, segment)?;
            ensure!(index < items.len(), "index {index} is past the end");
            items.remove(index);
        }
        (_, segment) => bail!("{segment:?} in what is no container"),
    }
    Ok(())
}

fn pull(parent: &mut Value, last: &Segment, wanted: &Value, limit: Option<u64>) -> anyhow::Result<()> {
    let target = match (parent, last) {
        (Value::Object(fields), Segment::Name(key)) => match fields.get_mut(key) {
            Some(target) => target,
            None => return Ok(()),
        },
        (Value::Array(items), segment) => {
            let index = find(items, segment)?;
            items.get_mut(index).context("index past the end")?
        }
        (_, segment) => bail!("{segment:?} in what is no container"),
    };
    let mut left = limit.unwrap_or(u64::MAX);
    target.as_array_mut().context("not an array")?.retain(|item| {
        let goes = left > 0 && matches(item, wanted);
        left -= u64::from(goes);
        !goes
    });
    Ok(())
}

fn matches(item: &Value, wanted: &Value) -> bool {
    match (item, wanted) {
        (Value::Object(fields), Value::Object(wanted)) => {
            wanted.iter().all(|(key, value)| fields.get(key).is_some_and(|field| equal(field, value)))
        }
        _ => equal(item, wanted),
    }
}

/// Deep equality in which numbers are doubles: 5 and 5.0 are one.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Object(a), Value::Object(b)) => a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| equal(a, b))),
        _ => a == b,
    }
}

fn without_negative_zero(value: &mut Value) {
    match value {
        Value::Number(number) if number.as_f64() == Some(0.0) => *value = Value::from(0),
        Value::Array(items) => items.iter_mut().for_each(without_negative_zero),
        Value::Object(fields) => fields.values_mut().for_each(without_negative_zero),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_five_operations_do_what_they_say() {
        let mut state = json!({"a": [{"id": "x", "hp": 7}, 5.0, 5], "b": {}});
        let operations = json!([
            {"path": "a.0.hp", "operation": "inc", "value": -2.5},
            {"path": "/b/c.d", "operation": "set", "value": {"deep": [1]}},
            {"path": ["b", "c.d", "deep"], "operation": "push", "value": 0, "index": 0},
            {"path": "a", "operation": "pull", "value": 5, "limit": 1},
            {"path": "b.missing.level", "operation": "unset"},
            {"path": "a[1]", "operation": "unset"},
            {"path": "a.1", "operation": "set", "value": "end"},
        ]);
        apply(&mut state, &operations).unwrap();
        assert_eq!(state, json!({"a": [{"id": "x", "hp": 4.5}, "end"], "b": {"c.d": {"deep": [0, 1]}}}));
    }

    #[test]
    fn what_the_platform_refuses_is_an_error_here_too() {
        for bad in [
            json!({"path": "a.2", "operation": "set", "value": 1}),
            json!({"path": "a.1", "operation": "inc", "value": 1}),
            json!({"path": "n.x", "operation": "set", "value": 1}),
            json!({"path": "a", "operation": "inc", "value": 1}),
            json!({"path": "new.0", "operation": "set", "value": 1}),
            json!({"path": "n", "operation": "pull", "value": 1}),
        ] {
            assert!(apply(&mut json!({"a": [1], "n": null}), &json!([bad])).is_err(), "{bad}");
        }
    }
}
