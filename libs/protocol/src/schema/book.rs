//! All schemas under their names. What we read is described as it is read, what we write as it is written; where a type is
//! both, the two must agree.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, transform::transform_subschemas};
use serde_json::{Value, json};

const DEFINITIONS: &str = "#/$defs/";

pub(super) struct Book {
    read: SchemaGenerator,
    written: SchemaGenerator,
    /// Put together here: answers, which are a success or a refusal.
    composed: BTreeMap<String, Value>,
}

impl Book {
    pub(super) fn new() -> Self {
        let settings = || SchemaSettings::draft2020_12().with(|settings| settings.meta_schema = None);
        Self {
            read: settings().for_deserialize().into_generator(),
            written: settings().for_serialize().into_generator(),
            composed: BTreeMap::new(),
        }
    }

    /// The name of a payload that we read.
    pub(super) fn reads<T: JsonSchema>(&mut self) -> String {
        self.read.subschema_for::<T>();
        T::schema_name().into_owned()
    }

    /// The name of a payload that we write.
    pub(super) fn writes<T: JsonSchema>(&mut self) -> String {
        self.written.subschema_for::<T>();
        T::schema_name().into_owned()
    }

    /// The answer to a client's event: `{success: true, ...T, traceId}` or `{success: false, error}`.
    pub(super) fn acks<T: JsonSchema>(&mut self) -> String {
        self.answer::<T>("Ack", true)
    }

    /// The reply to a NATS request: the same, and its trace is in the headers.
    pub(super) fn replies<T: JsonSchema>(&mut self) -> String {
        self.answer::<T>("Reply", false)
    }

    fn answer<T: JsonSchema>(&mut self, suffix: &str, traced: bool) -> String {
        let of = self.writes::<T>();
        self.writes::<crate::ErrorBody>();
        let mut success = self.written.definitions()[&of].clone();
        success["properties"]["success"] = json!({"const": true});
        let mut required = success["required"].as_array().cloned().unwrap_or_default();
        required.insert(0, "success".into());
        if traced {
            success["properties"]["traceId"] = json!({"description": "The trace that this is part of.", "type": "string"});
            if !required.contains(&json!("traceId")) {
                required.push("traceId".into());
            }
        }
        success["required"] = required.into();
        let (succeeded, name) = (format!("{of}{suffix}Success"), format!("{of}{suffix}"));
        self.composed.insert(succeeded.clone(), success);
        self.composed.insert(
            "Refused".into(),
            json!({
                "description": "A refusal.",
                "type": "object",
                "required": ["success", "error"],
                "properties": {"success": {"const": false}, "error": {"$ref": "#/$defs/ErrorBody"}},
            }),
        );
        self.composed.insert(
            name.clone(),
            json!({"oneOf": [
                {"$ref": format!("{DEFINITIONS}{succeeded}")},
                {"$ref": "#/$defs/Refused"},
            ]}),
        );
        name
    }

    /// Every schema by its name.
    pub(super) fn finish(mut self) -> BTreeMap<String, Value> {
        let mut all = self.composed;
        let (written, read) = (self.written.take_definitions(true), self.read.take_definitions(true));
        for (name, schema) in written.into_iter().chain(read) {
            let schema = tidy(schema);
            if let Some(other) = all.insert(name.clone(), schema.clone()) {
                assert_eq!(other, schema, "{name} is read as another than it is written as");
            }
        }
        for schema in all.values_mut() {
            *schema = tidy(schema.take());
        }
        all
    }
}

/// A field that may be missing is missing rather than null; and how wide Rust's integers are is nobody's concern.
fn tidy(schema: Value) -> Value {
    let mut schema = Schema::try_from(schema).expect("a schema is an object");
    tidy_below(&mut schema);
    schema.to_value()
}

fn tidy_below(schema: &mut Schema) {
    transform_subschemas(&mut tidy_below, schema);
    let Some(object) = schema.as_object_mut() else { return };
    object.remove("format");
    if object.get("default").is_some_and(Value::is_null) {
        object.remove("default");
    }
    let required = object.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut) else { return };
    for (_, property) in properties.iter_mut().filter(|(name, _)| !required.iter().any(|one| one == *name)) {
        never_null(property);
    }
}

fn never_null(property: &mut Value) {
    if let Some(types) = property.get_mut("type").and_then(Value::as_array_mut) {
        types.retain(|one| one != "null");
        if let [one] = types.as_slice() {
            property["type"] = one.clone();
        }
    }
    if let Some(choices) = property.get_mut("anyOf").and_then(Value::as_array_mut) {
        choices.retain(|choice| choice["type"] != "null");
        if let [Value::Object(one)] = choices.as_slice() {
            let one = one.clone();
            let property = property.as_object_mut().expect("it has a key");
            property.remove("anyOf");
            property.extend(one);
        }
    }
}
