//! The OpenAPI 3.1 document: the table of routes with the schemas of the protocol. Served, and checked in as `openapi.json`.
//!
//! After a change: `STATEWARD_WRITE_SCHEMAS=1 cargo test -p stateward-gateway openapi`.

use std::collections::{BTreeMap, btree_map::Entry};

use serde_json::{Map, Value, json};

use super::routes::{self, Operation};

const COMPONENTS: &str = "#/components/schemas/";

/// # Panics
/// When a route names a schema that the protocol does not have: a test of the document finds it.
pub fn document() -> Value {
    let schemas: Value = serde_json::from_str(&protocol::SCHEMAS.replace("#/$defs/", COMPONENTS)).expect("what is checked in is JSON");
    let schemas = &schemas["$defs"];
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for operation in routes::operations(0) {
        let described = describe(&operation, schemas);
        paths.entry(format!("/api{}", operation.path)).or_default().insert(operation.method.to_owned(), described);
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Stateward",
            "version": protocol::PROTOCOL_VERSION.to_string(),
            "description": "Campaigns, and sessions beside their play. Play itself is in the AsyncAPI document at /api/asyncapi.json.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "tags": [{"name": "campaigns"}, {"name": "sessions"}],
        "paths": paths,
    });
    let used = closure(&document, schemas);
    document["components"] = json!({
        "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        "headers": {"traceresponse": {
            "description": "The trace that this request was answered in, written as `traceparent` of W3C Trace Context is. A request that carries one stays in its trace.",
            "required": true,
            "schema": {"type": "string", "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"},
        }},
        "schemas": used,
    });
    document
}

fn describe(operation: &Operation, schemas: &Value) -> Value {
    let of_path = operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).map(|name| {
        let schema = match name {
            "kind" => "DocumentKind",
            "user" => "UserId",
            _ if operation.path.starts_with("/campaigns") => "CampaignId",
            _ => "SessionId",
        };
        json!({"name": name, "in": "path", "required": true, "schema": {"$ref": reference(schema)}})
    });
    let of_query = operation.query.iter().map(|(name, schema, description)| {
        let schema: Value = serde_json::from_str(schema).expect("the table has JSON");
        json!({"name": name, "in": "query", "description": description, "schema": schema})
    });
    let mut parameters: Vec<Value> = of_path.chain(of_query).collect();
    let trace = json!({"traceresponse": {"$ref": "#/components/headers/traceresponse"}});
    let problem = json!({"description": "A refusal.", "headers": trace, "content": {"application/problem+json": {"schema": {"$ref": reference("Problem")}}}});
    let success = json!({"description": "Done.", "headers": trace, "content": {"application/json": {"schema": {"$ref": reference(operation.answer)}}}});
    let mut responses = Map::from_iter([(operation.status.to_string(), success), ("4XX".into(), problem.clone()), ("5XX".into(), problem)]);
    if operation.answer == "FullState" {
        parameters.push(json!({"name": "If-None-Match", "in": "header", "schema": {"type": "string"}}));
        let mut headers = trace;
        headers["ETag"] = json!({"schema": {"type": "string"}});
        responses["200"]["headers"] = headers.clone();
        responses.insert("304".into(), json!({"description": "The caller has it already.", "headers": headers}));
    }
    let mut described = json!({
        "operationId": operation.id,
        "tags": [operation.path.split('/').nth(1)],
        "summary": operation.summary,
        "description": format!("For: {}.", operation.role),
        "parameters": parameters,
        "responses": responses,
    });
    if let Some((schema, example)) = operation.body {
        let example: Value = serde_json::from_str(example).expect("the table has JSON");
        described["requestBody"] = json!({
            "required": schemas[schema].get("required").is_some(),
            "content": {"application/json": {"schema": {"$ref": reference(schema)}, "example": example}},
        });
    }
    described
}

fn reference(schema: &str) -> String {
    format!("{COMPONENTS}{schema}")
}

/// The schemas that are referred to, and those that they refer to.
fn closure(document: &Value, schemas: &Value) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    let mut to_do = names(document);
    while let Some(name) = to_do.pop() {
        if let Entry::Vacant(new) = found.entry(name) {
            let schema = schemas.get(new.key()).unwrap_or_else(|| panic!("the protocol has no schema {}", new.key()));
            to_do.extend(names(schema));
            new.insert(schema.clone());
        }
    }
    found
}

fn names(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => text.strip_prefix(COMPONENTS).map(str::to_owned).into_iter().collect(),
        Value::Array(elements) => elements.iter().flat_map(names).collect(),
        Value::Object(fields) => fields.values().flat_map(names).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::PathBuf};

    use super::*;

    fn sorted(value: &Value) -> Value {
        match value {
            Value::Object(fields) => {
                fields.iter().collect::<BTreeMap<_, _>>().into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect()
            }
            Value::Array(elements) => elements.iter().map(sorted).collect(),
            other => other.clone(),
        }
    }

    #[test]
    fn the_openapi_document_that_is_checked_in_is_that_of_the_routes() {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
        let text = serde_json::to_string_pretty(&sorted(&document())).unwrap() + "\n";
        if std::env::var_os("STATEWARD_WRITE_SCHEMAS").is_some() {
            fs::write(&path, &text).unwrap();
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(found == text, "{} is stale: STATEWARD_WRITE_SCHEMAS=1 cargo test -p stateward-gateway openapi", path.display());
    }

    #[test]
    fn every_operation_has_an_id_of_its_own_and_says_what_it_does() {
        let operations = routes::operations(0);
        let ids: BTreeSet<_> = operations.iter().map(|operation| operation.id).collect();
        assert_eq!(ids.len(), operations.len());
        assert!(operations.iter().all(|operation| operation.summary.ends_with('.')));
    }
}
