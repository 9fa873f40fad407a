//! The Helm chart: what its templates read is what its schema allows, and what Helm's engine makes of it is what Kubernetes' schemas
//! allow and what the services take.

mod rendered;

use std::{collections::BTreeSet, fs, path::PathBuf};

use anyhow::{Context, ensure};
use serde_json::Value;
use testkit::service::workspace;

#[test]
fn the_templates_read_only_values_of_the_schema() -> anyhow::Result<()> {
    let schema: Value = serde_json::from_str(&fs::read_to_string(chart().join("values.schema.json"))?)?;
    let known = leaves(&schema);
    let read: BTreeSet<String> = templates()?.iter().flat_map(|(_, text)| values_read(text)).collect();
    for path in &read {
        // The services' own keys are read through the loop's variable.
        let inside = |leaf: &String| leaf == path || leaf.starts_with(&format!("{path}."));
        ensure!(known.iter().any(inside), "a template reads {path}, which the schema does not know");
    }
    for leaf in known.iter().filter(|leaf| *leaf != "global") {
        let covered = |path: &String| leaf == path || leaf.starts_with(&format!("{path}."));
        ensure!(read.iter().any(covered), "no template reads {leaf}");
    }
    Ok(())
}

#[test]
fn every_value_of_the_schema_has_a_default() -> anyhow::Result<()> {
    let schema: Value = serde_json::from_str(&fs::read_to_string(chart().join("values.schema.json"))?)?;
    let values = fs::read_to_string(chart().join("values.yaml"))?;
    for leaf in leaves(&schema).iter().filter(|leaf| *leaf != "global") {
        let key = leaf.rsplit('.').next().context("a key")?;
        ensure!(values.contains(&format!("{key}:")), "values.yaml has no {leaf}");
    }
    Ok(())
}

fn chart() -> PathBuf {
    workspace().join("deploy/helm/stateward")
}

fn templates() -> anyhow::Result<Vec<(String, String)>> {
    let files = fs::read_dir(chart().join("templates"))?.collect::<Result<Vec<_>, _>>()?;
    files.iter().map(|file| Ok((file.file_name().to_string_lossy().into_owned(), fs::read_to_string(file.path())?))).collect()
}

/// What stands between `{{` and `}}`, without the marks for white space.
fn actions(text: &str) -> Vec<&str> {
    let parts = text.split("{{").skip(1);
    parts.filter_map(|part| part.split_once("}}")).map(|(action, _)| action.trim_matches(['-', ' '])).collect()
}

/// Paths after `.Values.`, and those of a service after `$service.`.
fn values_read(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for action in actions(text) {
        for (mark, above) in [(".Values.", ""), ("$service.", "services.*.")] {
            for rest in action.split(mark).skip(1) {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(rest.len());
                let path = &rest[..end];
                if path != "services" {
                    found.push(format!("{above}{path}"));
                }
            }
        }
    }
    found
}

/// Paths of all values; the services, which are alike, stand as one.
fn leaves(schema: &Value) -> BTreeSet<String> {
    fn walk(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
        match schema["properties"].as_object() {
            Some(properties) => {
                for (key, below) in properties {
                    let key = if path == "services" { "*" } else { key };
                    walk(below, &if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }, found);
                }
            }
            None => {
                found.insert(path.to_owned());
            }
        }
    }
    let mut found = BTreeSet::new();
    walk(schema, "", &mut found);
    found
}
