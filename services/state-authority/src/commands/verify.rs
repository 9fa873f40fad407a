//! Looking without changing: is what is stored sound, and where does a client's state differ?

use std::sync::Arc;

use game_state::Value;
use protocol::{
    ErrorBody, SessionId,
    command::{Difference, Report, Reported, What},
};
use store::StoreError;

use super::turn::only_leads;
use crate::{append::Failure, context::Authority, decide, load::Fault, metrics::Hashing, request::Caller, session::Live};

/// Differences named in one answer.
const MOST_DIFFERENCES: usize = 200;

impl Authority {
    /// Reads document and journal beside whatever is cached, and recomputes every hash. A fault freezes the session, and is the refusal.
    pub(super) async fn verify(self: &Arc<Self>, caller: &Caller, id: &SessionId) -> Result<Reported, ErrorBody> {
        if !caller.admin {
            only_leads(caller, &self.fresh_head(id, caller.deadline).await?)?;
        }
        let session = self.cache.session(id, self.clock.now_ms());
        let verified = match self.retried("load a session", caller.deadline, || Box::pin(self.store.load(id))).await {
            Ok(Some(loaded)) => {
                let document = loaded.document.game_state_version;
                loaded.replay().map(|replayed| (document, replayed.head))
            }
            Ok(None) => return Err(ErrorBody::session_not_found(id)),
            Err(error) => Err(error),
        };
        match verified {
            Ok((document_version, stored)) => {
                let head = self.fresh_head(id, caller.deadline).await?;
                let report = Report::Verified { document_version, version: stored.version, hash: stored.hash };
                Ok(Reported { done: self.done_now(id, &head, None, caller.deadline).await?, report: Some(report) })
            }
            Err(StoreError::Corrupt(corruption)) => {
                let reason = corruption.to_string();
                self.freeze_found(&session, "verify", &reason, caller.deadline).await;
                self.audit_look(id, caller, self.clock.now_ms()).await;
                Err(decide::frozen(&reason))
            }
            Err(error) => Err(Fault::Store(error).into()),
        }
    }

    pub(super) async fn diff(self: &Arc<Self>, caller: &Caller, id: &SessionId, state: &serde_json::Value) -> Result<Reported, ErrorBody> {
        let theirs = Value::parse(&state.to_string(), &self.config.limits).map_err(|rejection| ErrorBody::from(rejection).path("state"))?;
        let session = self.cache.session(id, self.clock.now_ms());
        let head = self.fresh_head(id, caller.deadline).await?;
        let document = self.readable(caller, id, Some(&head.game_master)).await?;
        let (hash, head, differences) = self
            .in_turn(&session, caller.deadline, async |live| {
                self.catch_up(&session, live, caller.deadline).await?;
                decide::exists(id, &live.head).map_err(Failure::Refused)?;
                let mut found = Vec::new();
                compare(live.state.root(), &theirs, &mut String::new(), &mut found);
                let hash = self.hashing(live, Hashing::READ, Live::known_hash);
                Ok((hash, live.head.clone(), found))
            })
            .await?;
        let truncated = differences.len() > MOST_DIFFERENCES;
        let differences: Vec<_> = differences.into_iter().take(MOST_DIFFERENCES).collect();
        let report = Report::Differences { version: head.version, hash, differences, truncated };
        Ok(Reported { done: self.done(document, &head, None, caller.deadline).await?, report: Some(report) })
    }
}

/// Goes down as long as both are containers of one kind; stops once there are more differences than are told.
fn compare(ours: &Value, theirs: &Value, path: &mut String, found: &mut Vec<Difference>) {
    if found.len() > MOST_DIFFERENCES {
        return;
    }
    let length = path.len();
    let mut at = |key: &str, ours: Option<&Value>, theirs: Option<&Value>| {
        path.push('/');
        path.push_str(&key.replace('~', "~0").replace('/', "~1"));
        match (ours, theirs) {
            (Some(ours), Some(theirs)) => compare(ours, theirs, path, found),
            (Some(_), None) => found.push(Difference { path: path.clone(), what: What::Missing }),
            (None, _) => found.push(Difference { path: path.clone(), what: What::Extra }),
        }
        path.truncate(length);
    };
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            ours.iter().for_each(|(key, value)| at(key, Some(value), theirs.get(key)));
            theirs.iter().filter(|(key, _)| ours.get(key).is_none()).for_each(|(key, value)| at(key, None, Some(value)));
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            (0..ours.len().max(theirs.len())).for_each(|index| at(&index.to_string(), ours.get(index), theirs.get(index)));
        }
        (ours, theirs) if ours != theirs => found.push(Difference { path: path.clone(), what: What::Different }),
        _ => {}
    }
}
