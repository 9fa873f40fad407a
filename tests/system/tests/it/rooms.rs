//! Which room may use which: the rules that keep services apart and drivers in one place, checked over `cargo metadata`.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::{Value, json};
use testkit::service::workspace;

/// What a room is allowed, and what it must never reach.
struct Room {
    name: &'static str,
    /// Other rooms that its code may use.
    uses: &'static [&'static str],
    /// Other rooms that only its tests may use, beside those.
    tests_use: &'static [&'static str],
    /// Packages that must not stand in its own list.
    never_direct: &'static [&'static str],
    /// Packages that must not come in by any way.
    never: &'static [&'static str],
}

const GATEWAY: &[&str] = &["game-state", "protocol", "bus", "service-kit"];
const WRITERS: &[&str] = &["game-state", "protocol", "bus", "service-kit", "store"];
/// What makes code depend on more than its arguments.
const IMPURE: &[&str] = &["tokio", "mio", "async-nats", "mongodb", "axum", "hyper", "getrandom", "rand", "fastrand", "chrono", "time"];
const WEB: &[&str] = &["axum", "hyper"];

#[rustfmt::skip]
const ROOMS: &[Room] = &[
    Room { name: "game-state", uses: &[], tests_use: &[], never_direct: &[], never: IMPURE },
    Room { name: "protocol", uses: &["game-state"], tests_use: &[], never_direct: &[], never: IMPURE },
    Room { name: "bus", uses: &["game-state", "protocol"], tests_use: &["testkit"], never_direct: WEB, never: &["mongodb", "axum"] },
    Room { name: "store", uses: &["game-state", "protocol"], tests_use: &["testkit"], never_direct: WEB, never: &["async-nats", "axum"] },
    Room { name: "service-kit", uses: &[], tests_use: &["testkit"], never_direct: &[], never: &["mongodb", "async-nats"] },
    Room { name: "gateway", uses: GATEWAY, tests_use: &["testkit"], never_direct: &["async-nats"], never: &["mongodb"] },
    Room { name: "state-authority", uses: WRITERS, tests_use: &["testkit"], never_direct: WEB, never: &[] },
    Room { name: "sync-worker", uses: WRITERS, tests_use: &["testkit"], never_direct: WEB, never: &[] },
    Room { name: "migration-job", uses: WRITERS, tests_use: &["testkit"], never_direct: WEB, never: &[] },
    Room { name: "operator", uses: WRITERS, tests_use: &["testkit"], never_direct: WEB, never: &[] },
    Room { name: "testkit", uses: &[], tests_use: &[], never_direct: &[], never: &["mongodb", "async-nats", "axum"] },
    Room { name: "xtask", uses: &["testkit"], tests_use: &[], never_direct: &[], never: &["mongodb", "async-nats", "axum"] },
    Room { name: "bench", uses: &["game-state", "testkit"], tests_use: &[], never_direct: &[], never: &["axum"] },
    Room { name: "system-tests", uses: &[], tests_use: &["game-state", "protocol", "testkit"], never_direct: &[], never: &[] },
];

/// The one room that may use each driver; `bench` measures what they can do bare.
const DRIVERS: &[(&str, &str)] = &[("mongodb", "store"), ("async-nats", "bus")];

#[test]
fn no_room_uses_what_it_must_not() {
    let violations = violations(&metadata());
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

#[test]
fn a_forbidden_edge_is_named() {
    for (room, package, kind, named) in [
        ("gateway", "stateward-store", Value::Null, "gateway -> store"),
        ("sync-worker", "stateward-gateway", json!("dev"), "sync-worker -> gateway"),
        ("gateway", "mongodb", Value::Null, "gateway -> mongodb"),
        ("state-authority", "async-nats", json!("dev"), "state-authority -> async-nats"),
        ("state-authority", "axum", Value::Null, "state-authority -> axum"),
        ("game-state", "stateward-testkit", Value::Null, "game-state -> testkit"),
        ("bus", "stateward-testkit", Value::Null, "bus -> testkit"),
    ] {
        let mut metadata = metadata();
        let packages = metadata["packages"].as_array_mut().expect("packages");
        let spoilt = packages.iter_mut().find(|known| room_of(known["name"].as_str().unwrap_or_default()) == room).expect("the room");
        spoilt["dependencies"].as_array_mut().expect("dependencies").push(json!({"name": package, "kind": kind}));
        let found = violations(&metadata);
        assert!(found.iter().any(|line| line.starts_with(named)), "{named} is not in {found:?}");
    }
}

#[test]
fn what_comes_in_through_others_is_found() {
    let mut metadata = metadata();
    let (number_writer, tokio) = (id_of(&metadata, "ryu-js"), id_of(&metadata, "tokio"));
    let nodes = metadata["resolve"]["nodes"].as_array_mut().expect("nodes");
    let node = nodes.iter_mut().find(|node| node["id"] == number_writer).expect("a dependency of game-state");
    node["deps"].as_array_mut().expect("deps").push(json!({"pkg": tokio, "dep_kinds": [{"kind": null}]}));
    let found = violations(&metadata);
    assert!(found.iter().any(|line| line.starts_with("game-state -> ... -> tokio")), "{found:?}");
}

#[test]
fn every_package_has_its_rules() {
    let mut metadata = metadata();
    metadata["packages"][0]["name"] = json!("stateward-newcomer");
    metadata["workspace_members"] = json!([metadata["packages"][0]["id"]]);
    assert!(violations(&metadata).iter().any(|line| line.contains("newcomer has no rules")));
}

fn metadata() -> Value {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let output = cargo.args(["metadata", "--format-version=1"]).current_dir(workspace()).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON")
}

/// A package's room: its folder's name.
fn room_of(package: &str) -> &str {
    package.strip_prefix("stateward-").unwrap_or(package)
}

fn id_of(metadata: &Value, package: &str) -> Value {
    let packages = metadata["packages"].as_array().expect("packages");
    packages.iter().find(|known| known["name"] == package).unwrap_or_else(|| panic!("no package {package}"))["id"].clone()
}

fn violations(metadata: &Value) -> Vec<String> {
    let members: BTreeSet<&str> = array(&metadata["workspace_members"]).filter_map(Value::as_str).collect();
    let packages: Vec<&Value> = array(&metadata["packages"]).filter(|package| members.contains(text(&package["id"]))).collect();
    let rooms: BTreeSet<&str> = ROOMS.iter().map(|room| room.name).collect();
    let graph = Graph::new(metadata);
    let mut violations = Vec::new();
    for package in packages {
        let name = room_of(text(&package["name"]));
        let Some(room) = ROOMS.iter().find(|room| room.name == name) else {
            violations.push(format!("{name} has no rules: add it to the table"));
            continue;
        };
        for dependency in array(&package["dependencies"]) {
            let (other, for_tests) = (room_of(text(&dependency["name"])), dependency["kind"] == "dev");
            let ours = rooms.contains(other) || text(&dependency["name"]).starts_with("stateward-");
            if ours && !room.uses.contains(&other) && !(for_tests && room.tests_use.contains(&other)) {
                let only = if room.tests_use.contains(&other) { ": only its tests may" } else { "" };
                violations.push(format!("{name} -> {other} is forbidden{only}"));
            }
            if room.never_direct.contains(&other) || room.never.contains(&other) {
                violations.push(format!("{name} -> {other} is forbidden"));
            }
            for (driver, owner) in DRIVERS {
                if other == *driver && name != *owner && name != "bench" {
                    violations.push(format!("{name} -> {driver} is forbidden: only {owner} uses it"));
                }
            }
        }
        let reached = graph.reached_from(text(&package["id"]));
        for never in room.never {
            if reached.contains(never) {
                violations.push(format!("{name} -> ... -> {never} is forbidden"));
            }
        }
    }
    violations
}

/// Who is compiled into whom; tests and build scripts apart.
struct Graph<'a> {
    names: BTreeMap<&'a str, &'a str>,
    edges: BTreeMap<&'a str, Vec<&'a str>>,
}

impl<'a> Graph<'a> {
    fn new(metadata: &'a Value) -> Self {
        let names = array(&metadata["packages"]).map(|package| (text(&package["id"]), text(&package["name"]))).collect();
        let edges = array(&metadata["resolve"]["nodes"]).map(|node| {
            let normal = |dependency: &&Value| array(&dependency["dep_kinds"]).any(|kind| kind["kind"].is_null());
            (text(&node["id"]), array(&node["deps"]).filter(normal).map(|dependency| text(&dependency["pkg"])).collect())
        });
        Self { names, edges: edges.collect() }
    }

    fn reached_from(&self, package: &str) -> BTreeSet<&'a str> {
        let mut seen = BTreeSet::new();
        let mut open = vec![package];
        while let Some(id) = open.pop() {
            for next in self.edges.get(id).into_iter().flatten() {
                if seen.insert(*next) {
                    open.push(next);
                }
            }
        }
        seen.iter().filter_map(|id| self.names.get(id).copied()).collect()
    }
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
