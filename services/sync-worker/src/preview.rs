//! What a write-back would do now, entity by entity, without doing it: for whoever asks the authority, and on the command line. It
//! looks at the session's document as it is stored, which follows the journal within seconds and is brought up to it by an authority
//! that asks.

use std::{collections::HashSet, io::Write as _};

use bus::{Bus, Headers, Message, Requests};
use protocol::{
    Ack, ErrorBody, SessionId, SessionStatus,
    sync::{Action, EntityReport, Planned, Preview},
    trace as name,
};
use service_kit::{Lifecycle, TraceContext, trace};
use store::{Backing, Change, EntitySync, SessionDocument, Store, StoreError};

use crate::plan::{self, Policy};

/// Changes, and findings, that one answer tells at most.
const MOST_TOLD: usize = 1_000;

/// Plans in a transaction that is dropped. `None`: there is no such session.
pub async fn preview(store: &Store, id: &SessionId, policy: Policy) -> Result<Option<Preview>, StoreError> {
    let Some(mut work) = store.begin_write_back(id).await? else { return Ok(None) };
    let document = work.document.clone();
    let refused = not_due(&document);
    let here = EntitySync { session: id.clone(), epoch: document.epoch, version: document.game_state_version, hash: None };
    let root = work.state.root().clone();
    let backing = work.backing(&plan::ids(&root)).await?;
    let mut preview = Preview {
        session_id: id.clone(),
        status: document.status,
        version: here.version,
        synced: document.sync.filter(|mark| mark.epoch == here.epoch).map(|mark| mark.version),
        changes: Vec::new(),
        report: EntityReport::default(),
        truncated: false,
        refused,
    };
    match plan::plan(&root, &backing, &here, policy) {
        Ok(plan) => {
            preview.changes = planned(&plan.changes, &backing);
            preview.report = plan.report;
        }
        Err(conflicts) => {
            preview.report.findings = conflicts.findings();
            preview.refused = Some(conflicts.to_string());
        }
    }
    Ok(Some(preview))
}

/// Why a write-back that somebody asks for now would leave the session alone.
fn not_due(document: &SessionDocument) -> Option<String> {
    if let Some(reason) = &document.frozen {
        return Some(format!("the session is frozen: {reason}"));
    }
    match document.status {
        SessionStatus::Ending => None,
        SessionStatus::Active | SessionStatus::Paused if document.open_for.is_some() => None,
        SessionStatus::Active | SessionStatus::Paused => Some("another session of the campaign may have begun".to_owned()),
        status @ (SessionStatus::Scheduled | SessionStatus::Ended) => Some(format!("the session is {}", status.as_str())),
    }
}

fn planned(changes: &[Change<'_>], backing: &Backing) -> Vec<Planned> {
    let stored: HashSet<_> = backing.entities.iter().map(|entity| (entity.kind, entity.id.as_str())).collect();
    let planned = |change: &Change<'_>| {
        let (kind, id, action) = match change {
            Change::Put { kind, id, .. } if stored.contains(&(*kind, *id)) => (kind.to_string(), *id, Action::Change),
            Change::Put { kind, id, .. } => (kind.to_string(), *id, Action::Create),
            Change::Mark { kind, id } => (kind.to_string(), *id, Action::Mark),
            Change::Delete { kind, id } => (kind.to_string(), *id, Action::Delete),
            Change::PluginData(_) => ("campaign".to_owned(), "pluginData", Action::Change),
        };
        Planned { kind, id: id.to_owned(), action }
    };
    changes.iter().map(planned).collect()
}

/// Answers the authorities, one after the other. What has arrived at the shutdown is still answered.
pub(crate) async fn serve(mut requests: Requests, bus: Bus, store: Store, policy: Policy, lifecycle: Lifecycle) {
    let stop = requests.stop_token();
    loop {
        let request = tokio::select! {
            request = requests.next() => request,
            () = lifecycle.soft().cancelled(), if !stop.is_cancelled() => {
                stop.cancel();
                continue;
            }
            () = lifecycle.hard().cancelled() => return,
        };
        let Some(request) = request else { return };
        let answer = answer(&request.message, &bus, &store, policy).await;
        let replied = match serde_json::to_vec(&Ack::from(answer)) {
            Ok(payload) => request.reply_chunked(Headers::new(), payload).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = replied {
            tracing::debug!(subject = %request.message.subject, error, "what a write-back would do was not told");
        }
    }
}

async fn answer(message: &Message, bus: &Bus, store: &Store, policy: Policy) -> Result<Preview, ErrorBody> {
    let parent = message.headers.trace_parent().and_then(TraceContext::parse);
    let sent = trace::Message { template: "session.{id}.preview", subject: &message.subject, bytes: message.payload.len() };
    let span = sent.process(parent.as_ref(), "process session.{id}.preview");
    let id = bus.subjects().session_of(&message.subject);
    let id = id.ok_or_else(|| ErrorBody::validation("BAD_SUBJECT", "the subject names no session"))?;
    span.note(name::SESSION, || id.to_string());
    let found = preview(store, &id, policy).await.map_err(|error| {
        span.fail("failed");
        tracing::warn!(session = %id, %error, "what a write-back would do cannot be told");
        ErrorBody::unavailable("PREVIEW_FAILED", "what is stored of the session and its campaign could not be read")
    })?;
    let mut preview = found.ok_or_else(|| ErrorBody::session_not_found(&id))?;
    preview.truncated = preview.changes.len().max(preview.report.findings.len()) > MOST_TOLD;
    preview.changes.truncate(MOST_TOLD);
    preview.report.findings.truncate(MOST_TOLD);
    Ok(preview)
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
