//! What is asked of the services: a comparison, a repair, a write-back.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, ensure};
use bus::Headers;
use game_state::Version;
use protocol::{
    Command, SessionId,
    command::{Report, What},
    sync::{SyncRequested, SyncTrigger},
};
use serde_json::{Value, json};
use store::Store;

use crate::{
    cli::{Repair, Why},
    connect::Config,
    exit::{Exit, Unreachable},
    output::Output,
};

const LOOK_EVERY: Duration = Duration::from_millis(200);

pub async fn diff(config: &Config, session: &SessionId, file: &Path, reason: Option<String>, out: &Output) -> anyhow::Result<Exit> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let state: Value = serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))?;
    let bus = config.bus().await?;
    let answer = config.ask(&bus, session, &Command::Diff { state, reason }).await?;
    let Some(Report::Differences { version, differences, truncated, .. }) = answer.report else {
        anyhow::bail!("the authority answered something else than a comparison");
    };
    out.result(&json!({"session": session, "version": version, "differences": differences, "truncated": truncated}), || {
        if differences.is_empty() {
            return format!("equal to version {version}");
        }
        let lines = differences.iter().map(|found| {
            let what = match found.what {
                What::Missing => "missing here",
                What::Extra => "only here",
                What::Different => "different",
            };
            format!("{what:<12}  {}", found.path)
        });
        let more = truncated.then(|| "(and more)".to_owned());
        lines.chain(more).collect::<Vec<_>>().join("\n")
    });
    Ok(if differences.is_empty() { Exit::Well } else { Exit::Found })
}

pub async fn repair(
    config: &Config,
    session: &SessionId,
    how: Repair,
    (backup, version): (Option<Version>, Option<Version>),
    why: &Why,
    out: &Output,
) -> anyhow::Result<Exit> {
    ensure!(why.yes, "this puts another state in place of the session's and begins a new epoch; add --yes to do it");
    let reason = Some(why.reason.clone());
    let command = match how {
        Repair::Rehash => Command::Rehash { reason },
        Repair::Reinitialise => Command::Reinitialise { reason },
        Repair::Restore => {
            ensure!(backup.is_some() || version.is_some(), "restore needs --backup or --version");
            Command::Restore { backup, version, reason }
        }
    };
    let bus = config.bus().await?;
    out.progress(&format!("{} of session {session} ...", command.as_str()));
    let answer = config.ask(&bus, session, &command).await?;
    let Some(Report::Repaired { backup, replayed }) = answer.report else {
        anyhow::bail!("the authority answered something else than a repair");
    };
    let value =
        json!({"session": session, "epoch": answer.done.epoch, "version": answer.done.new_version, "backup": backup, "replayed": replayed});
    out.result(&value, || {
        format!("repaired: epoch {}, {replayed} entries of the journal applied; what was replaced is backup {backup}", answer.done.epoch)
    });
    Ok(Exit::Well)
}

/// Asked of the authority, who marks the work and notes who asked.
pub async fn sync(config: &Config, session: &SessionId, wait: bool, reason: Option<String>, out: &Output) -> anyhow::Result<Exit> {
    let bus = config.bus().await?;
    let answer = config.ask(&bus, session, &Command::Sync { reason }).await?;
    if !wait {
        out.result(&json!({"session": session, "asked": true}), || format!("session {session} is marked for write-back"));
        return Ok(Exit::Well);
    }
    let store = config.store().await?;
    let head = answer.done.session.game_state_version;
    let shown = tokio::time::timeout(config.timeout(), shows(&store, session, head)).await;
    match shown {
        Ok(shown) => {
            let version = shown?;
            out.result(&json!({"session": session, "syncedVersion": version}), || format!("the campaign shows version {version}"));
            Ok(Exit::Well)
        }
        Err(_) => {
            let error = store.session(session).await?.and_then(|document| document.sync).and_then(|mark| mark.error);
            let says = error.map(|error| format!(": {error}")).unwrap_or_default();
            Err(Unreachable(format!("it was not written back within {} ms{says}", config.operator.timeout_ms)).into())
        }
    }
}

/// Marks work for the sync-workers.
pub async fn mark(bus: &bus::Bus, session: &SessionId) -> anyhow::Result<()> {
    let work = SyncRequested { session_id: session.clone(), trigger: SyncTrigger::Manual };
    bus.publish_work(bus.subjects().session_sync(session), Headers::new(), serde_json::to_vec(&work)?).await?;
    Ok(())
}

/// Waits until the campaign's documents show a version.
async fn shows(store: &Store, session: &SessionId, version: Version) -> anyhow::Result<Version> {
    loop {
        let document = store.session(session).await?.context("the session has gone")?;
        if let Some(mark) = document.sync.filter(|mark| mark.version >= version && mark.error.is_none()) {
            return Ok(mark.version);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
