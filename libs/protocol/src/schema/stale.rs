//! What is checked in is what the types say, and the examples are what the schemas and the types take.

use std::{collections::BTreeSet, fs, path::PathBuf};

use serde_json::{Value, json};

use super::{asyncapi, bodies, book::Book, events, messages, subjects};
use crate::event;

struct Contract {
    schemas: Value,
    asyncapi: Value,
}

fn contract() -> Contract {
    let mut book = Book::new();
    let (sent, told, subjects) = (events::sent(&mut book), events::told(&mut book), subjects::all(&mut book));
    book.writes::<messages::Frame>();
    book.reads::<messages::Auth>();
    book.acks::<messages::Connected>();
    bodies::add_to(&mut book);
    let schemas = book.finish();
    let asyncapi = asyncapi::document(&schemas, &sent, &told, &subjects);
    let schemas = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": "Generated from the types of libs/protocol: see libs/protocol/src/schema.rs.",
        "$defs": schemas,
    });
    Contract { schemas, asyncapi }
}

/// Compares, or writes where asked to.
fn check(name: &str, document: &Value) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schemas").join(name);
    let mut text = serde_json::to_string_pretty(&sorted(document)).unwrap();
    text.push('\n');
    if std::env::var_os("STATEWARD_WRITE_SCHEMAS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == text, "{} is stale: STATEWARD_WRITE_SCHEMAS=1 cargo test -p stateward-protocol schema", path.display());
}

/// The order of an object's keys is not left to the features that other crates give to serde_json.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut keys: Vec<_> = fields.keys().collect();
            keys.sort();
            keys.into_iter().map(|key| (key.clone(), sorted(&fields[key]))).collect()
        }
        Value::Array(elements) => elements.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

#[test]
fn the_schemas_that_are_checked_in_are_those_of_the_types() {
    check("protocol.schema.json", &contract().schemas);
}

#[test]
fn the_asyncapi_document_that_is_checked_in_is_that_of_the_types() {
    check("asyncapi.json", &contract().asyncapi);
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| match value {
            Value::String(target) if key == "$ref" => drop(found.insert(target.clone())),
            value => references(value, found),
        }),
        Value::Array(elements) => elements.iter().for_each(|element| references(element, found)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let Contract { schemas, asyncapi } = contract();
    for document in [schemas, asyncapi] {
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        assert!(found.len() > 50);
        for target in found {
            assert!(document.pointer(target.strip_prefix('#').unwrap()).is_some(), "{target}");
        }
    }
}

/// `event.rs` names every event once; a name without a payload would be a hole in the contract.
#[test]
fn every_named_event_is_in_the_document() {
    let source = include_str!("../event.rs");
    let named: BTreeSet<&str> = source.lines().filter_map(|line| line.split_once(": &str = \"")?.1.strip_suffix("\";")).collect();
    assert!(named.contains(event::name::STATE_UPDATE) && named.len() > 45, "{named:?}");
    let mut book = Book::new();
    let known: BTreeSet<&str> =
        events::sent(&mut book).iter().map(|event| event.name).chain(events::told(&mut book).iter().map(|event| event.name)).collect();
    let of_frames = BTreeSet::from([event::name::AUTH, event::name::ACK]);
    let missing: Vec<_> = named.iter().filter(|name| !known.contains(*name) && !of_frames.contains(*name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
