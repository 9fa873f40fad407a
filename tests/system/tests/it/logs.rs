//! The two kinds of log lines that are an interface: their fields, and that they can be asked for while a service runs.

use std::{collections::BTreeSet, fs, path::PathBuf};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use testkit::{
    Client, PATIENCE, PlatformOptions, Service, Transport,
    client::{accepted, update},
    eventually, http,
    process::Output,
    service::workspace,
};

use crate::table::{GM, Table};

const SECRET: &str = "a secret mood";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
/// Of every line.
const COMMON: [&str; 6] = ["time", "level", "target", "message", "service", "instance"];

#[tokio::test(flavor = "multi_thread")]
async fn an_update_and_a_connection_leave_a_line_each_with_the_documented_fields_and_no_contents() -> anyhow::Result<()> {
    let config = vec![("LOG__FORMAT".to_owned(), "json".to_owned())];
    let table =
        Table::set(PlatformOptions { authorities: 1, config, output: |name| Output::File(file(name)), ..PlatformOptions::default() })
            .await?;
    let session = table.session.as_str();
    let authority = &table.platform.authorities[0];
    let gm = Client::connect(Transport::WebSocket, &table.platform.url(), &table.token(GM)).await?;
    gm.join(session).await?;
    let operations = json!([{"path": "pluginData.mood", "operation": "set", "value": SECRET}]);
    let send = async |id: &str, version: u64| {
        let trace = format!("00-{TRACE}-00f067aa0ba902b7-00");
        let update = update(session, id, version, operations.clone());
        gm.send_traced("gameState:update", update, Some(&trace)).await?.wait().await
    };
    accepted(send("u-before", 0).await?)?;

    // Asked for at run time, and no longer.
    level(authority, "info,stateward::updates=debug").await?;
    accepted(send("u-good", 1).await?)?;
    let refused = send("u-stale", 0).await?;
    ensure!(refused["error"]["code"] == "VERSION_CONFLICT", "{refused}");
    let lines = lines_of("state-authority", "stateward::updates", 2).await?;
    level(authority, "info").await?;
    accepted(send("u-after", 2).await?)?;

    let fields = documented("stateward::updates")?;
    ensure!(fields.len() == 8, "{fields:?}");
    for line in &lines {
        has_exactly(line, &fields)?;
        ensure!(line["session"] == session && line["user"] == GM && line["trace_id"] == TRACE && line["elapsed_us"].is_u64(), "{line}");
    }
    let said: Vec<_> = lines.iter().map(|line| [&line["update"], &line["version"], &line["result"], &line["reason"]]).collect();
    ensure!(said[0] == [&json!("u-good"), &json!("2"), &json!("success"), &json!("")], "{said:?}");
    ensure!(
        said[1][0] == "u-stale" && said[1][2] == "VERSION_CONFLICT" && *said[1][3] == refused["error"]["details"]["reason"],
        "{said:?}"
    );

    gm.close().await;
    let lines = lines_of("gateway", "stateward::connections", 1).await?;
    let fields = documented("stateward::connections")?;
    ensure!(fields.len() == 5, "{fields:?}");
    has_exactly(&lines[0], &fields)?;
    ensure!(lines[0]["user"] == GM && lines[0]["sessions"] == 1 && lines[0]["lasted_ms"].is_u64(), "{}", lines[0]);

    table.platform.stop().await?;
    let updates = lines_of("state-authority", "stateward::updates", 2).await?;
    ensure!(updates.len() == 2, "lines of updates that nobody asked for: {updates:?}");
    for name in ["gateway", "state-authority", "sync-worker"] {
        let log = fs::read_to_string(file(name))?;
        ensure!(!log.contains(SECRET) && !log.contains("eyJ"), "{name} has written contents or a token to its log");
        fs::remove_file(file(name))?;
    }
    Ok(())
}

fn file(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("stateward-logs-{}-{name}", std::process::id()))
}

async fn level(service: &Service, directives: &str) -> anyhow::Result<()> {
    let request = http::Request { method: "PUT", body: Some(directives.as_bytes()), ..http::Request::default() };
    let answer = http::send(&service.admin(), "/admin/log-level", request).await?;
    ensure!(answer.status == 200, "{}", answer.text());
    Ok(())
}

async fn lines_of(service: &str, target: &str, least: usize) -> anyhow::Result<Vec<Value>> {
    eventually(&format!("{least} lines of {target}"), PATIENCE, async || {
        let log = fs::read_to_string(file(service)).ok()?;
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let found: Vec<_> = lines.filter(|line| line["target"] == target).collect();
        (found.len() >= least).then_some(found)
    })
    .await
}

/// The fields of a kind of lines, as the runbook's table has them.
fn documented(target: &str) -> anyhow::Result<BTreeSet<String>> {
    let runbook = fs::read_to_string(workspace().join("deploy/README.md"))?;
    let (mut fields, mut is_ours) = (BTreeSet::new(), false);
    for line in runbook.lines().skip_while(|line| !line.starts_with("**Logs**")).take_while(|line| !line.starts_with("## ")) {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let [_, of, _, names, ..] = cells.as_slice() else { continue };
        is_ours = if of.is_empty() { is_ours } else { of.starts_with(&format!("`{target}`")) };
        if is_ours {
            fields.extend(names.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    Ok(fields)
}

fn has_exactly(line: &Value, fields: &BTreeSet<String>) -> anyhow::Result<()> {
    let found: BTreeSet<_> = line.as_object().context("a line is an object")?.keys().map(String::as_str).collect();
    let wanted: BTreeSet<_> = COMMON.into_iter().chain(fields.iter().map(String::as_str)).collect();
    ensure!(found == wanted, "fields {found:?}, documented {wanted:?}");
    Ok(())
}
