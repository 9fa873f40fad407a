//! A configuration file that documents every key: its default, and what is said above its field where it is defined.
//!
//! The defaults are the serialised default of the configuration; the words are the doc comments of its structs, read from their own
//! source. So neither can be out of date, and no key can be missing.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A struct's fields: name, words, and the name of its type.
type Fields<'a> = Vec<Field<'a>>;

struct Field<'a> {
    name: &'a str,
    words: Vec<&'a str>,
    type_name: &'a str,
}

/// As TOML, every key commented out. `sources`: the source files of the structs; `roots`: the outermost of them.
pub(crate) fn document(schema: &Map<String, Value>, sources: &[&str], roots: &[&str]) -> String {
    let structs: BTreeMap<&str, Fields<'_>> = sources.iter().flat_map(|source| structs(source)).collect();
    let mut text = String::new();
    for (section, keys) in schema {
        let field = roots.iter().find_map(|root| structs.get(root)?.iter().find(|field| field.name == section));
        let Value::Object(keys) = keys else { continue };
        table(section, keys, field.map(|field| field.type_name), &structs, &mut text);
    }
    text
}

fn table(path: &str, keys: &Map<String, Value>, type_name: Option<&str>, structs: &BTreeMap<&str, Fields<'_>>, text: &mut String) {
    let fields = type_name.and_then(|name| structs.get(name));
    let of = |key: &str| fields.and_then(|fields| fields.iter().find(|field| field.name == key));
    let mut below = Vec::new();
    text.push_str(&format!("[{path}]\n"));
    for (key, default) in keys {
        match default {
            Value::Object(keys) => below.push((key, keys)),
            default => {
                for words in of(key).map(|field| &field.words[..]).unwrap_or_default() {
                    text.push_str(&format!("# {words}\n"));
                }
                text.push_str(&format!("# {} = {}\n", key, toml(default)));
            }
        }
    }
    text.push('\n');
    for (key, keys) in below {
        table(&format!("{path}.{key}"), keys, of(key).map(|field| field.type_name), structs, text);
    }
}

/// An absent value is written as an empty text, which stands for it.
fn toml(value: &Value) -> String {
    match value {
        Value::Null => "\"\"".to_owned(),
        other => other.to_string(),
    }
}

/// The structs of a source file. It is our own, and formatted: a field is a line.
fn structs(source: &str) -> BTreeMap<&str, Fields<'_>> {
    let mut found = BTreeMap::new();
    let (mut name, mut fields, mut words) = (None, Vec::new(), Vec::new());
    for line in source.lines() {
        let trimmed = line.trim();
        let declared = trimmed
            .strip_prefix("pub struct ")
            .or_else(|| trimmed.strip_prefix("struct "))
            .or_else(|| trimmed.strip_prefix("pub(crate) struct "));
        if let Some(declared) = declared.filter(|_| !line.starts_with(' ')) {
            name = declared.split([' ', '{', '(', '<']).next();
            (fields, words) = (Vec::new(), Vec::new());
        } else if line == "}" {
            if let Some(name) = name.take() {
                found.insert(name, std::mem::take(&mut fields));
            }
        } else if name.is_some() {
            if let Some(said) = trimmed.strip_prefix("///") {
                words.push(said.trim());
            } else if let Some((declared, type_name)) = trimmed.split_once(": ").filter(|_| !trimmed.starts_with('#')) {
                let field = declared.rsplit(' ').next().unwrap_or(declared);
                let type_name = type_name.trim_end_matches(',').rsplit("::").next().unwrap_or_default();
                fields.push(Field { name: field, words: std::mem::take(&mut words), type_name });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::config::schema_of;

    #[derive(Default, Serialize, Deserialize)]
    #[serde(default)]
    struct Config {
        server: Server,
    }

    #[derive(Serialize, Deserialize)]
    #[serde(default)]
    struct Server {
        /// Where to listen.
        /// On one address.
        listen: String,
        tls: Tls,
        retries: u32,
    }

    #[derive(Default, Serialize, Deserialize)]
    #[serde(default)]
    struct Tls {
        /// A file.
        key: Option<String>,
    }

    impl Default for Server {
        fn default() -> Self {
            Self { listen: "here".to_owned(), tls: Tls::default(), retries: 3 }
        }
    }

    const SOURCE: &str = "pub struct Config {\n    server: Server,\n}\n\nstruct Server {\n    /// Where to listen.\n    /// On one address.\n    listen: String,\n    tls: Tls,\n    retries: u32,\n}\n\nstruct Tls {\n    /// A file.\n    key: Option<String>,\n}\n";

    #[test]
    fn every_key_stands_there_with_its_default_and_what_is_said_above_it() {
        let text = document(&schema_of::<Config>(), &[SOURCE], &["Config"]);
        assert_eq!(
            text,
            "[server]\n# Where to listen.\n# On one address.\n# listen = \"here\"\n# retries = 3\n\n[server.tls]\n# A file.\n# key = \"\"\n\n"
        );
        // With its comments taken away it is a file that can be read.
        let bare: String = text
            .lines()
            .filter(|line| line.contains(" = ") || line.starts_with('['))
            .map(|line| line.trim_start_matches("# ").to_owned() + "\n")
            .collect();
        assert!(toml::from_str::<Map<String, Value>>(&bare).is_ok(), "{bare}");
    }
}
