//! The journal as the judge: an unbroken chain of versions and hashes whose replay, by an applier that shares no code with the
//! platform, gives every hash that it records.

use std::collections::HashSet;

use anyhow::{Context, ensure};
use serde_json::Value;
use testkit::replica::{apply, hash};

pub struct End {
    pub version: u64,
    pub hash: String,
    pub state: Value,
}

/// Checks a whole journal that begins at version 1 and gives where it ends.
pub fn check(session: &str, initial: &Value, journal: &[Value]) -> anyhow::Result<End> {
    let mut end = End { version: 0, hash: hash(initial)?, state: initial.clone() };
    let mut updates = HashSet::new();
    for entry in journal {
        let version = end.version + 1;
        ensure!(entry["_id"] == format!("{session}:{version:016}"), "entry {} where version {version} should be", entry["_id"]);
        ensure!(entry["hashBefore"] == end.hash.as_str(), "version {version} does not follow its predecessor's hash");
        let operations = entry["operations"].as_str().with_context(|| format!("version {version} has no operations"))?;
        apply(&mut end.state, &serde_json::from_str(operations)?).with_context(|| format!("version {version}"))?;
        end.hash = hash(&end.state)?;
        ensure!(entry["hashAfter"] == end.hash.as_str(), "version {version} records {}, its replay gives {}", entry["hashAfter"], end.hash);
        ensure!(updates.insert(entry["updateId"].to_string()), "update {} stands in the journal twice", entry["updateId"]);
        end.version = version;
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn state(n: u64) -> Value {
        json!({"characters": [], "actors": [], "items": [], "currentEncounter": null, "pluginData": {"n": n}})
    }

    fn entry(version: u64, before: u64, after: u64) -> Value {
        json!({
            "_id": format!("s:{version:016}"), "updateId": format!("u{version}"),
            "hashBefore": hash(&state(before)).unwrap(), "hashAfter": hash(&state(after)).unwrap(),
            "operations": json!([{"path": "pluginData.n", "operation": "set", "value": after}]).to_string(),
        })
    }

    #[test]
    fn a_whole_chain_passes() {
        let end = check("s", &state(0), &[entry(1, 0, 1), entry(2, 1, 2)]).unwrap();
        assert_eq!((end.version, end.state), (2, state(2)));
    }

    #[test]
    fn a_gap_a_fork_a_wrong_hash_and_a_repeated_update_do_not() {
        assert!(check("s", &state(0), &[entry(1, 0, 1), entry(3, 1, 3)]).is_err());
        assert!(check("s", &state(0), &[entry(1, 0, 1), entry(2, 0, 2)]).is_err());
        let mut wrong = entry(1, 0, 1);
        wrong["hashAfter"] = wrong["hashBefore"].clone();
        assert!(check("s", &state(0), &[wrong]).is_err());
        let mut repeated = entry(2, 1, 2);
        repeated["updateId"] = json!("u1");
        assert!(check("s", &state(0), &[entry(1, 0, 1), repeated]).is_err());
    }
}
