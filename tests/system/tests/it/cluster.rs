//! `cargo xtask up --cluster`: three of NATS and three of MongoDB on one machine, to show that one of each may die.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use testkit::{Client, Transport, client::NoAnswer, eventually, service::workspace};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
    time::timeout,
};

/// Six servers start, and the launcher looks first whether its programs are built.
const PATIENCE: Duration = Duration::from_secs(300);

#[tokio::test(flavor = "multi_thread")]
async fn play_goes_on_when_one_nats_server_and_one_mongod_of_the_demonstration_are_killed_and_nothing_is_left_running() -> anyhow::Result<()>
{
    let mut up = Command::new(xtask()?)
        .args(["up", "--cluster", "--no-page", "--json", "--authorities", "2"])
        .current_dir(workspace())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let pid = up.id().context("it runs")?;
    let mut lines = BufReader::new(up.stdout.take().context("its output")?).lines();
    let card = timeout(PATIENCE, lines.next_line()).await.context("the cluster did not come up")??.context("it ended")?;
    let card: Value = serde_json::from_str(&card)?;
    let members = card["members"].as_object().context("members of the cluster")?;
    ensure!(members.len() == 6, "{members:?}");

    let (url, session) = (card["gateway"].as_str().unwrap_or_default(), card["sessionId"].as_str().unwrap_or_default());
    let token = |user: &Value| user["token"].as_str().unwrap_or_default().to_owned();
    let gm = Client::connect(Transport::WebSocket, url, &token(&card["gm"])).await?;
    let player = Client::connect(Transport::WebSocket, url, &token(&card["players"][0])).await?;
    gm.join(session).await?;
    player.join(session).await?;
    commit(&gm, session, 0).await?;

    // A primary or a leader among them or not: either way it goes on.
    for name in ["nats-0", "mongod-0"] {
        signal("KILL", members[name].as_u64().context("a process id")?).await?;
    }
    commit(&gm, session, 1).await?;
    player.wait_for("gameState:updated", PATIENCE, |data| data["newVersion"] == "2").await?;

    let children = descendants(u64::from(pid));
    ensure!(children.len() >= 10, "it runs {} processes", children.len());
    signal("TERM", u64::from(pid)).await?;
    let status = timeout(PATIENCE, up.wait()).await.context("it did not stop")??;
    ensure!(status.success(), "it ended with {status}");
    eventually("nothing to be left", PATIENCE, async || children.iter().all(|child| !runs(*child)).then_some(())).await
}

/// The same update until it is answered: a primary may be on its way out.
async fn commit(gm: &Client, session: &str, version: u64) -> anyhow::Result<()> {
    let operations = json!([{"path": "pluginData.shown", "operation": "set", "value": version}]);
    eventually(&format!("version {version} to be followed by another"), PATIENCE, async || {
        let answer: Result<Value, NoAnswer> = gm.update(session, &format!("shown-{version}"), version, operations.clone()).await;
        answer.is_ok_and(|answer| answer["success"] == true).then_some(())
    })
    .await
}

fn xtask() -> anyhow::Result<PathBuf> {
    let us = std::env::current_exe()?;
    let program = us.ancestors().find(|path| path.ends_with("debug")).map(|debug| debug.join("xtask"));
    let program = program.context("this program is not in a target directory")?;
    let mut cargo = std::process::Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let built = cargo.args(["build", "--quiet", "--package", "xtask"]).current_dir(workspace()).status()?;
    ensure!(built.success(), "building the launcher failed");
    Ok(program)
}

async fn signal(name: &str, pid: u64) -> anyhow::Result<()> {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status().await?;
    ensure!(sent.success(), "process {pid} is not there");
    Ok(())
}

/// Everything that a process has started.
fn descendants(pid: u64) -> Vec<u64> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let children = tasks.flat_map(|task| {
        let listed = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        listed.split_whitespace().filter_map(|child| child.parse().ok()).collect::<Vec<u64>>()
    });
    children.flat_map(|child| [vec![child], descendants(child)].concat()).collect()
}

fn runs(pid: u64) -> bool {
    // One that has ended and waits to be asked for is no process any more.
    let status = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).unwrap_or_default();
    status.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}
