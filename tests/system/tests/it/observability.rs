//! Dashboards and alert rules name only what the services really export, and every alert is explained.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use testkit::{Client, Collector, PATIENCE, Platform, PlatformOptions, Transport, client, eventually, http, service::workspace};

use crate::table::{GM, Table};

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_that_dashboards_and_alerts_name_is_exported() {
    let collector = Collector::start().await.unwrap();
    let options = PlatformOptions { authorities: 1, environment: collector.environment(), ..PlatformOptions::default() };
    let table = Table::set(options).await.unwrap();
    play(&table).await.unwrap();
    let exported = exported(&table.platform).await.unwrap();
    let mut missing = BTreeSet::new();
    for (file, expressions) in expressions().unwrap() {
        for name in expressions.iter().flat_map(|expression| metrics_of(expression)) {
            if !exported.contains_key(name) {
                missing.insert(format!("{file}: {name}"));
            }
        }
        for (name, label) in expressions.iter().flat_map(|expression| labels_of(expression)) {
            let has = |labels: &String| labels.contains(&format!("{label}=\""));
            if !exported.get(name).is_some_and(has) {
                missing.insert(format!("{file}: {name} with the label {label}"));
            }
        }
    }
    assert!(missing.is_empty(), "not exported: {missing:#?}");

    // The stages and times of the update are there, and nothing is left behind.
    for stage in ["queue", "apply", "hash", "commit", "publish"] {
        let label = format!("stage=\"{stage}\"");
        let count = table.platform.authorities[0].metric("stateward_authority_stage_seconds_count", &[&label]).await.unwrap();
        assert!(count >= 1.0, "{stage} was measured {count} times");
    }
    let gateway = &table.platform.gateways[0].service;
    for name in ["stateward_gateway_delivery_seconds_count", "stateward_gateway_fan_out_seconds_count"] {
        assert!(gateway.metric(name, &[]).await.unwrap() >= 1.0, "{name}");
    }
    assert!(gateway.metric("stateward_gateway_refusals_total", &["code=\"VERSION_CONFLICT\""]).await.unwrap() >= 1.0);
    let authority = &table.platform.authorities[0];
    assert!(authority.metric("stateward_authority_updates_total", &["result=\"success\"", "mode=\"full\""]).await.unwrap() >= 1.0);
    eventually("nothing to be unpublished", PATIENCE, async || {
        (authority.metric("stateward_authority_unpublished_entries", &[]).await.ok()? == 0.0).then_some(())
    })
    .await
    .unwrap();

    let session = &table.session;
    for (name, labels) in &exported {
        assert!(!labels.contains(session.as_str()) && !labels.contains(GM), "no session and no user in the labels of {name}: {labels}");
    }
    table.platform.stop().await.unwrap();
}

#[test]
fn every_alert_is_explained_in_the_runbook() {
    let runbook = fs::read_to_string(workspace().join("deploy/README.md")).unwrap();
    let rules = fs::read_to_string(directory().join("alerts.yaml")).unwrap();
    let alerts: BTreeSet<_> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() >= 10);
    // What it means, and what to do.
    let section = runbook.split("\n## Alerts\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |")?.split_once("` | ")?.1.split_once(" | "));
    let explained: BTreeSet<_> = section.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split_once("` | ")?.0)).collect();
    assert_eq!(explained, alerts, "the runbook has a row for each rule, and for no other");
    assert_eq!(rows.filter(|(means, does)| !means.trim().is_empty() && !does.trim().is_empty()).count(), alerts.len());
}

/// With promtool where it is: on the PATH, named by STATEWARD_PROMTOOL, or to be had from Debian.
#[test]
fn every_rule_parses() {
    let Some(promtool) = promtool() else {
        eprintln!("SKIPPED: there is no promtool here; install the package `prometheus`, or name it in STATEWARD_PROMTOOL");
        return;
    };
    let checked = Command::new(promtool).args(["check", "rules"]).arg(directory().join("alerts.yaml")).output().unwrap();
    assert!(checked.status.success(), "{}{}", String::from_utf8_lossy(&checked.stdout), String::from_utf8_lossy(&checked.stderr));
    let checked = Command::new(promtool_named().unwrap())
        .args(["check", "config", "--syntax-only"])
        .arg(directory().join("prometheus.yaml"))
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}{}", String::from_utf8_lossy(&checked.stdout), String::from_utf8_lossy(&checked.stderr));
}

/// An update, a refusal, and the end of the session: every stage is passed once.
async fn play(table: &Table) -> anyhow::Result<()> {
    let session = table.session.as_str();
    let gm = Client::connect(Transport::WebSocket, &table.platform.url(), &table.token(GM)).await?;
    let player = Client::connect(Transport::WebSocket, &table.platform.url(), &table.token("ann")).await?;
    gm.join(session).await?;
    player.join(session).await?;
    player.full_state(session).await?;
    let operations = json!([{"path": "pluginData.round", "operation": "set", "value": 1}]);
    client::accepted(gm.update(session, "u1", 0, operations.clone()).await?)?;
    player.wait_for("gameState:updated", PATIENCE, |data| data["newVersion"] == "1").await?;
    let refused = gm.update(session, "u2", 0, operations).await?;
    ensure!(refused["error"]["code"] == "VERSION_CONFLICT", "{refused}");
    // Another connection is behind, and is brought up to date.
    let late = Client::connect(Transport::WebSocket, &table.platform.url(), &table.token("ben")).await?;
    late.join(session).await?;
    let held = json!({"sessionId": session, "version": "0", "hash": null});
    client::accepted(late.request("gameState:requestFull", held).await?)?;
    client::accepted(gm.request("gameSession:end", json!(session)).await?)?;
    Ok(())
}

/// The labels of every sample, by its name.
async fn exported(platform: &Platform) -> anyhow::Result<BTreeMap<String, String>> {
    let mut names = BTreeMap::<String, String>::new();
    for service in platform.services() {
        for line in http::get(&service.admin(), "/metrics", None).await?.text().lines().filter(|line| !line.starts_with('#')) {
            let name = line.split(['{', ' ']).next().unwrap_or_default().to_owned();
            names.entry(name).or_default().push_str(line.split_once('{').map_or("", |(_, labels)| labels));
        }
    }
    Ok(names)
}

/// Every expression, by the file that it stands in.
fn expressions() -> anyhow::Result<Vec<(String, Vec<String>)>> {
    let rules = fs::read_to_string(directory().join("alerts.yaml"))?;
    let rules = rules.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).map(str::to_owned).collect::<Vec<_>>();
    ensure!(!rules.is_empty(), "the alert rules have no expressions");
    let mut all = vec![("alerts.yaml".to_owned(), rules)];
    for entry in fs::read_dir(directory().join("grafana"))? {
        let path = entry?.path();
        let board: Value = serde_json::from_str(&fs::read_to_string(&path)?).with_context(|| path.display().to_string())?;
        let panels = board["panels"].as_array().context("a dashboard has panels")?;
        for panel in panels {
            let targets = panel["targets"].as_array().map_or(&[][..], Vec::as_slice);
            let letters: BTreeSet<_> = targets.iter().map(|target| target["refId"].as_str()).collect();
            ensure!(letters.len() == targets.len(), "{}: two queries of {} have one refId", path.display(), panel["title"]);
        }
        let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
        let found = targets.filter_map(|target| target["expr"].as_str().map(str::to_owned)).collect::<Vec<_>>();
        ensure!(!found.is_empty(), "{} asks for nothing", path.display());
        all.push((path.file_name().unwrap_or_default().to_string_lossy().into_owned(), found));
    }
    ensure!(all.len() >= 5, "four dashboards and the alert rules");
    Ok(all)
}

fn metrics_of(expression: &str) -> impl Iterator<Item = &str> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("stateward_"))
}

/// The labels that an expression selects by, each with its metric. Prometheus itself gives `job` and `instance`.
fn labels_of(expression: &str) -> impl Iterator<Item = (&str, &str)> {
    let selectors = expression.match_indices('{').filter_map(|(at, _)| {
        let name = expression[..at].rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()?;
        Some((name, expression[at + 1..].split_once('}')?.0))
    });
    let selectors = selectors.filter(|(name, _)| name.starts_with("stateward_"));
    selectors.flat_map(|(name, selector)| {
        let matchers = selector.split(',').filter_map(|matcher| matcher.split(['=', '!']).next());
        matchers.map(move |label| (name, label.trim())).filter(|(_, label)| !["job", "instance", ""].contains(label))
    })
}

fn directory() -> PathBuf {
    workspace().join("deploy/observability")
}

fn promtool() -> Option<PathBuf> {
    promtool_named().or_else(|| {
        // The package holds one static program: it is unpacked, not installed.
        let below = workspace().join("target/promtool");
        fs::create_dir_all(&below).ok()?;
        let unpacked = Command::new("sh")
            .args(["-c", "timeout 60 apt-get download prometheus >/dev/null 2>&1 && dpkg-deb -x prometheus_*.deb ."])
            .current_dir(&below)
            .status();
        unpacked.ok()?.success().then(promtool_named)?
    })
}

fn promtool_named() -> Option<PathBuf> {
    let named = std::env::var_os("STATEWARD_PROMTOOL").map(PathBuf::from);
    let on_path = || std::env::split_paths(&std::env::var_os("PATH")?).map(|at| at.join("promtool")).find(|at| at.is_file());
    let unpacked = || Some(workspace().join("target/promtool/usr/bin/promtool")).filter(|at: &PathBuf| Path::is_file(at));
    named.or_else(on_path).or_else(unpacked)
}
