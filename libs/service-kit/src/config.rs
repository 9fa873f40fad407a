//! Configuration in layers: defaults, then a TOML file, then `STATEWARD_<SECTION>__<KEY>` variables, then `--set section.key=value`.
//!
//! A configuration is a struct of sections with `Default`, `Serialize` and `Deserialize`, each struct marked
//! `#[serde(default)]`. Its serialised default is the list of known keys: any other key is an error that names the nearest
//! one. Every key may also be given as `<key>_file`, the path of a file whose content is the value, as secrets are mounted.

pub(crate) mod document;
mod keys;
mod read;

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// Exit code of a process that was configured wrongly (EX_USAGE of sysexits).
pub const EXIT_BAD_CONFIG: u8 = 64;

const ENV_PREFIX: &str = "STATEWARD_";

/// Where a configuration is read from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    pub file: Option<PathBuf>,
    pub env: Vec<(String, String)>,
    /// `section.key=value`
    pub overrides: Vec<String>,
}

impl Sources {
    /// The environment of this process and nothing else.
    pub fn environment() -> Self {
        // What is not UTF-8 is no configuration of ours.
        let env = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self { env: env.collect(), ..Self::default() }
    }
}

/// Everything that is wrong with a configuration, one line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(Vec<String>);

impl ConfigError {
    /// For a rule that concerns a value's meaning, checked by whoever builds from it.
    pub fn invalid(key: &str, reason: impl fmt::Display) -> Self {
        Self(vec![format!("{key}: {reason}")])
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

/// Reads a whole configuration.
pub fn load<T: Default + Serialize + DeserializeOwned>(sources: &Sources) -> Result<T, ConfigError> {
    Gathered::gather(sources, schema_of::<T>())?.read()
}

/// The keys of `T` with their defaults.
pub(crate) fn schema_of<T: Default + Serialize>() -> Map<String, Value> {
    match serde_json::to_value(T::default()) {
        Ok(Value::Object(sections)) => sections,
        Ok(Value::Null) => Map::new(), // A unit struct: a service without configuration of its own.
        other => unreachable!("a configuration is a struct of sections, not {other:?}"),
    }
}

/// What the sources say, checked against the known keys but not yet read into types.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    values: Map<String, Value>,
    /// By dotted key, for messages.
    origins: BTreeMap<String, String>,
    schema: Map<String, Value>,
}

impl Gathered {
    pub(crate) fn gather(sources: &Sources, schema: Map<String, Value>) -> Result<Self, ConfigError> {
        let mut gathered = Self { schema, ..Self::default() };
        let mut problems = Vec::new();
        if let Some(path) = &sources.file {
            gathered.take_file(path, &mut problems);
        }
        // In the order of their names: a variable and its `_FILE` form then always meet in the same order.
        let env: BTreeMap<_, _> = sources.env.iter().filter_map(|(name, value)| Some((name.strip_prefix(ENV_PREFIX)?, value))).collect();
        for (name, value) in env {
            gathered.take_variable(name, value, &mut problems);
        }
        for setting in &sources.overrides {
            match setting.split_once('=') {
                Some((key, value)) => gathered.put(key, Value::String(value.to_owned()), &format!("--set {key}"), &mut problems),
                None => problems.push(format!("--set {setting}: write section.key=value")),
            }
        }
        if problems.is_empty() { Ok(gathered) } else { Err(ConfigError(problems)) }
    }

    /// Reads the sections that `T` knows.
    pub(crate) fn read<T: Default + Serialize + DeserializeOwned>(&self) -> Result<T, ConfigError> {
        let known = schema_of::<T>();
        let own: Map<String, Value> =
            self.values.iter().filter(|(section, _)| known.contains_key(*section)).map(|(k, v)| (k.clone(), v.clone())).collect();
        if known.is_empty() {
            return Ok(T::default());
        }
        read::read(&Value::Object(own)).map_err(|error| {
            let origin = self.origins.get(&error.key).map(|origin| format!(" (from {origin})")).unwrap_or_default();
            ConfigError(vec![format!("{}{origin}: {}", error.key, error.reason)])
        })
    }

    fn take_file(&mut self, path: &Path, problems: &mut Vec<String>) {
        let shown = path.display().to_string();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => return problems.push(format!("{shown}: {error}")),
        };
        match toml::from_str::<Map<String, Value>>(&text) {
            Ok(tree) => self.take_tree("", tree, &shown, problems),
            Err(error) => problems.push(format!("{shown}: {error}")),
        }
    }

    fn take_tree(&mut self, above: &str, tree: Map<String, Value>, origin: &str, problems: &mut Vec<String>) {
        for (name, value) in tree {
            let key = if above.is_empty() { name } else { format!("{above}.{name}") };
            match value {
                Value::Object(below) if keys::find(&self.schema, &key).is_none_or(keys::is_section) => {
                    self.take_tree(&key, below, origin, problems);
                }
                value => self.put(&key, value, origin, problems),
            }
        }
    }

    /// `name` is a variable's name without the prefix. Without `__` it names no section, so it is none of ours,
    /// unless it is a known one with one character wrong.
    fn take_variable(&mut self, name: &str, value: &str, problems: &mut Vec<String>) {
        let origin = format!("{ENV_PREFIX}{name}");
        if name.contains("__") {
            let key = name.to_lowercase().replace("__", ".");
            self.put(&key, Value::String(value.to_owned()), &origin, problems);
        } else if let Some(meant) =
            keys::all(&self.schema).iter().map(|key| variable(key)).find(|known| strsim::levenshtein(known, &origin) == 1)
        {
            problems.push(format!("{origin}: unknown key, did you mean {meant}?"));
        }
    }

    fn put(&mut self, key: &str, value: Value, origin: &str, problems: &mut Vec<String>) {
        if keys::find(&self.schema, key).is_some() {
            self.origins.insert(key.to_owned(), origin.to_owned());
            keys::insert(&mut self.values, key, value);
            return;
        }
        if let Some(plain) = key.strip_suffix("_file").filter(|plain| keys::find(&self.schema, plain).is_some()) {
            let path = value.as_str().unwrap_or_default().to_owned();
            match std::fs::read_to_string(&path) {
                // A mounted secret ends with a newline that is not part of it.
                Ok(text) => self.put(plain, Value::String(text.trim_end_matches(['\r', '\n']).to_owned()), origin, problems),
                Err(error) => problems.push(format!("{key} (from {origin}): {path}: {error}")),
            }
            return;
        }
        let nearest = keys::nearest(&self.schema, key);
        let shown = |key: &str| if origin.starts_with(ENV_PREFIX) { variable(key) } else { key.to_owned() };
        let hint = nearest.map(|known| format!(", did you mean {}?", shown(&known))).unwrap_or_default();
        let place = if origin.starts_with(ENV_PREFIX) { String::new() } else { format!(" (from {origin})") };
        problems.push(format!("{}{place}: unknown key{hint}", shown(key)));
    }
}

/// The variable that sets a dotted key.
fn variable(key: &str) -> String {
    format!("{ENV_PREFIX}{}", key.replace('.', "__").to_uppercase())
}

#[cfg(test)]
mod tests;
