//! What a write-back would do now, entity by entity, without doing it. It looks at the session's document as it is stored, which
//! follows the journal within seconds.

use std::io::Write as _;

use game_state::Version;
use protocol::{SessionId, SessionStatus};
use serde::Serialize;
use store::{Change, EntitySync, Store, StoreError};

use crate::plan::{self, Policy, Report};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    pub session_id: SessionId,
    pub status: SessionStatus,
    pub version: Version,
    /// What the backing documents show, as far as this session has written them.
    pub synced: Option<Version>,
    pub changes: Vec<Planned>,
    pub report: Report,
    /// Why nothing at all would be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Planned {
    pub kind: String,
    pub id: String,
    pub action: Action,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    Write,
    Mark,
    Delete,
}

/// Plans in a transaction that is dropped. `None`: there is no such session.
pub async fn preview(store: &Store, id: &SessionId, policy: Policy) -> Result<Option<Preview>, StoreError> {
    let Some(mut work) = store.begin_write_back(id).await? else { return Ok(None) };
    let document = work.document.clone();
    let here = EntitySync { session: id.clone(), epoch: document.epoch, version: document.game_state_version, hash: None };
    let root = work.state.root().clone();
    let backing = work.backing(&plan::ids(&root)).await?;
    let mut preview = Preview {
        session_id: id.clone(),
        status: document.status,
        version: here.version,
        synced: document.sync.filter(|mark| mark.epoch == here.epoch).map(|mark| mark.version),
        changes: Vec::new(),
        report: Report::default(),
        refused: document.frozen.map(|reason| format!("the session is frozen: {reason}")),
    };
    match plan::plan(&root, &backing, &here, policy) {
        Ok(plan) => {
            preview.changes = plan.changes.iter().map(planned).collect();
            preview.report = plan.report;
        }
        Err(conflicts) => {
            preview.report.findings = conflicts.findings();
            preview.refused = Some(conflicts.to_string());
        }
    }
    Ok(Some(preview))
}

fn planned(change: &Change<'_>) -> Planned {
    let (kind, id, action) = match change {
        Change::Put { kind, id, .. } => (kind.to_string(), *id, Action::Write),
        Change::Mark { kind, id } => (kind.to_string(), *id, Action::Mark),
        Change::Delete { kind, id } => (kind.to_string(), *id, Action::Delete),
        Change::PluginData(_) => ("campaign".to_owned(), "pluginData", Action::Write),
    };
    Planned { kind, id: id.to_owned(), action }
}

/// One line of JSON for each session, on standard output.
pub(crate) async fn print(store: &Store, sessions: &[SessionId], policy: Policy) -> anyhow::Result<()> {
    for session in sessions {
        let line = match preview(store, session, policy).await? {
            Some(preview) => serde_json::to_string(&preview)?,
            None => serde_json::json!({"sessionId": session, "refused": "there is no such session"}).to_string(),
        };
        writeln!(std::io::stdout().lock(), "{line}")?;
    }
    Ok(())
}
