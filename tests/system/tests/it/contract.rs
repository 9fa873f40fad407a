//! The documents that the gateway serves are true: every operation and every event of them is tried on a live platform, by every
//! role, and whatever comes back is what its schema says, with no field more.

mod events;
mod fuzz;
mod openapi;
mod rest;

use std::{collections::BTreeSet, sync::Mutex};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use testkit::http::{self, Request, Response};

/// A document with the schemas among its components.
struct Contract {
    base: String,
    document: Value,
    /// Operations that were answered with a success.
    done: Mutex<BTreeSet<String>>,
}

impl Contract {
    async fn served(base: &str, path: &str) -> anyhow::Result<Self> {
        let document = http::get(base, path, None).await?.success()?;
        Ok(Self { base: base.to_owned(), document, done: Mutex::default() })
    }

    /// Whether a value is what a schema says. A field that nobody has described is an error, too.
    fn check(&self, schema: &str, value: &Value) -> anyhow::Result<()> {
        let components = &self.document["components"];
        ensure!(components["schemas"].get(schema).is_some(), "there is no schema {schema}");
        let schema = json!({"$ref": format!("#/components/schemas/{schema}"), "unevaluatedProperties": false, "components": components});
        let validator = jsonschema::draft202012::new(&schema)?;
        validator.validate(value).map_err(|error| anyhow::anyhow!("{error} at {}: {value}", error.instance_path()))
    }

    /// Method, path and description of an operation of REST.
    fn operation(&self, id: &str) -> anyhow::Result<(String, String, &Value)> {
        self.operations().into_iter().find(|(_, _, operation)| operation["operationId"] == id).with_context(|| format!("no operation {id}"))
    }

    fn operations(&self) -> Vec<(String, String, &Value)> {
        let paths = self.document["paths"].as_object().into_iter().flatten();
        paths
            .flat_map(|(path, methods)| {
                methods.as_object().into_iter().flatten().map(move |(method, operation)| (method.to_uppercase(), path.clone(), operation))
            })
            .collect()
    }

    /// Calls an operation, and checks that its answer is documented. `place` fills the braces of the path, in their order, and
    /// what stands after a `?` goes behind it.
    async fn call(&self, id: &str, place: &str, token: Option<&str>, body: Option<&Value>) -> anyhow::Result<(u16, Value)> {
        let response = self.send(id, place, token, body, &[]).await?;
        Ok((response.status, if response.body.is_empty() { Value::Null } else { response.json()? }))
    }

    async fn send(
        &self,
        id: &str,
        place: &str,
        token: Option<&str>,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> anyhow::Result<Response> {
        let (method, template, _) = self.operation(id)?;
        let (place, query) = place.split_once('?').unwrap_or((place, ""));
        let mut path = template;
        for value in place.split('/').filter(|value| !value.is_empty()) {
            let (begin, end) = (path.find('{').context("too many places")?, path.find('}').context("no brace")?);
            path.replace_range(begin..=end, value);
        }
        let path = if query.is_empty() { path } else { format!("{path}?{query}") };
        let text = body.map(Value::to_string);
        let request = Request { method: &method, token, headers, body: text.as_deref().map(str::as_bytes) };
        let response = http::send(&self.base, &path, request).await?;
        // A session with its state is a session and more.
        self.is_documented(id, &response, !query.contains("state=true"))?;
        if response.status < 400 {
            self.done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(id.to_owned());
        }
        Ok(response)
    }

    /// Whether an operation may answer so: its status, its media type, and what its body must look like.
    fn is_documented(&self, id: &str, response: &Response, whole: bool) -> anyhow::Result<()> {
        let (_, _, operation) = self.operation(id)?;
        let responses = &operation["responses"];
        let range = format!("{}XX", response.status / 100);
        let described = responses.get(response.status.to_string()).or_else(|| responses.get(&range));
        let described =
            described.with_context(|| format!("{id}: the status {} is not documented: {}", response.status, response.text()))?;
        for (name, header) in described["headers"].as_object().into_iter().flatten() {
            ensure!(response.header(&name.to_lowercase()).is_some(), "{id} with {}: no header {name}: {header}", response.status);
        }
        if let Some((media, content)) = described["content"].as_object().and_then(|contents| contents.iter().next()) {
            ensure!(response.header("content-type") == Some(media), "{id}: {:?} instead of {media}", response.header("content-type"));
            let schema = content["schema"]["$ref"].as_str().and_then(|name| name.rsplit('/').next()).context("no schema")?;
            if whole {
                self.check(schema, &response.json()?).with_context(|| format!("{id} with {}", response.status))?;
            }
        }
        Ok(())
    }

    fn example(&self, id: &str) -> anyhow::Result<Option<Value>> {
        let (_, _, operation) = self.operation(id)?;
        Ok(operation["requestBody"]["content"]["application/json"].get("example").cloned())
    }
}
