//! A document of the session's campaign joins the state while it is played: a normal update, made here from what is stored.

use std::sync::Arc;

use game_state::{Operations, Value};
use protocol::{
    ErrorBody, SessionId,
    command::CommandDone,
    rest::{AddDocument, DocumentKind},
};
use store::Kind;

use super::may_update;
use crate::{append::Failure, context::Authority, load::Fault, request::Caller};

impl Authority {
    /// What is in the state already stays as it is there: asking again after a lost answer adds nothing twice.
    pub(super) async fn add_document(
        self: &Arc<Self>,
        caller: &Caller,
        id: &SessionId,
        add: &AddDocument,
    ) -> Result<CommandDone, ErrorBody> {
        let deadline = caller.deadline;
        let document = self.retried("read a session", deadline, || Box::pin(self.store.session(id))).await.map_err(Fault::Store)?;
        let document = document.ok_or_else(|| ErrorBody::session_not_found(id))?;
        let session = self.cache.session(id, self.clock.now_ms());
        let (head, entry) = self
            .in_turn(&session, deadline, async |live| {
                // Before anything is told of what the campaign has.
                self.catch_up(&session, live, deadline).await?;
                may_update(caller, live).map_err(Failure::Refused)?;
                let campaign = &document.campaign_id;
                let found =
                    self.retried("read a document", deadline, || Box::pin(self.store.document(campaign, kind(add.kind), &add.id))).await?;
                let entity = found.ok_or_else(|| Failure::Refused(not_found(add)))?;
                let operations = operations(add.kind, &entity, &self.config.limits).map_err(Failure::Refused)?;
                loop {
                    self.catch_up(&session, live, deadline).await?;
                    may_update(caller, live).map_err(Failure::Refused)?;
                    if is_there(live.state.root(), add) {
                        return Ok((live.head.clone(), None));
                    }
                    let proposed = self.propose_command(live, &operations, caller).map_err(Failure::Refused)?;
                    if let Some(entry) = self.append_proposed(&session, live, proposed, deadline).await? {
                        return Ok((live.head.clone(), Some(entry)));
                    }
                }
            })
            .await?;
        self.done_now(id, &head, entry.as_deref(), deadline).await
    }
}

pub(super) fn kind(kind: DocumentKind) -> Kind {
    match kind {
        DocumentKind::Characters => Kind::Character,
        DocumentKind::Actors => Kind::Actor,
        DocumentKind::Items => Kind::Item,
        DocumentKind::Encounters => Kind::Encounter,
    }
}

fn is_there(state: &Value, add: &AddDocument) -> bool {
    let has_id = |entity: &Value| entity.get("id").and_then(Value::as_str) == Some(&add.id);
    match add.kind {
        DocumentKind::Encounters => state.get("currentEncounter").is_some_and(has_id),
        kind => state.get(kind.as_str()).and_then(Value::as_array).is_some_and(|entities| entities.iter().any(has_id)),
    }
}

/// An encounter becomes the current one; everything else goes to the end of its list.
fn operations(kind: DocumentKind, entity: &Value, limits: &game_state::Limits) -> Result<Operations, ErrorBody> {
    let (path, operation) = match kind {
        DocumentKind::Encounters => ("currentEncounter", "set"),
        kind => (kind.as_str(), "push"),
    };
    let json = format!(r#"[{{"path":"{path}","operation":"{operation}","value":{}}}]"#, entity.to_json());
    Ok(Operations::parse(&json, limits)?)
}

fn not_found(add: &AddDocument) -> ErrorBody {
    ErrorBody::validation("DOCUMENT_NOT_FOUND", format!("the campaign has no such document among its {}", add.kind.as_str())).path("id")
}
