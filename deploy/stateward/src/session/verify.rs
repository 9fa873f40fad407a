//! Is what is stored of a session sound?

use anyhow::Context as _;
use protocol::{Command, SessionId, command::Report};
use serde_json::json;
use store::{Loaded, StoreError};

use crate::{connect::Config, exit::Exit, output::Output};

/// The authority reads document and journal, and freezes the session on a fault.
pub async fn ask(config: &Config, session: &SessionId, reason: Option<String>, out: &Output) -> anyhow::Result<Exit> {
    let bus = config.bus().await?;
    let answer = config.ask(&bus, session, &Command::Verify { reason }).await?;
    let Some(Report::Verified { document_version, version, hash }) = answer.report else {
        anyhow::bail!("the authority answered something else than a verification");
    };
    let value = json!({"sound": true, "session": session, "documentVersion": document_version, "version": version, "hash": hash});
    out.result(&value, || format!("sound: version {version}, document at {document_version}, hash {hash}"));
    Ok(Exit::Well)
}

/// The same reading, by ourselves: for a platform that is down, or a copy of its database.
pub async fn offline(config: &Config, session: &SessionId, out: &Output) -> anyhow::Result<Exit> {
    let store = config.store().await?;
    let replayed = match store.load(session).await {
        Ok(loaded) => loaded.with_context(|| format!("there is no session {session}"))?,
        Err(StoreError::Corrupt(corruption)) => return Ok(fault(session, &corruption.to_string(), out)),
        Err(error) => return Err(error.into()),
    };
    let document_version = replayed.document.game_state_version;
    match Loaded::replay(replayed) {
        Ok(replayed) => {
            let head = replayed.head;
            let value =
                json!({"sound": true, "session": session, "documentVersion": document_version, "version": head.version, "hash": head.hash});
            out.result(&value, || format!("sound: version {}, document at {document_version}, hash {}", head.version, head.hash));
            Ok(Exit::Well)
        }
        Err(StoreError::Corrupt(corruption)) => Ok(fault(session, &corruption.to_string(), out)),
        Err(error) => Err(error.into()),
    }
}

fn fault(session: &SessionId, fault: &str, out: &Output) -> Exit {
    out.result(&json!({"sound": false, "session": session, "fault": fault}), || format!("NOT SOUND: {fault}"));
    Exit::Found
}
