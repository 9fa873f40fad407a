//! `sessions.heads`: of many sessions, those that have moved on. One query over the keys that would follow what is held.

use std::{collections::HashMap, sync::Arc};

use protocol::{
    ErrorBody, Position,
    heads::{Heads, HeadsRequest, SessionPosition},
};
use tokio::time::Instant;

use crate::{context::Authority, load::Fault};

/// Sessions in one request.
const MOST_SESSIONS: usize = 10_000;

impl Authority {
    pub(crate) async fn heads(self: &Arc<Self>, request: HeadsRequest, deadline: Instant) -> Result<Heads, ErrorBody> {
        if request.sessions.len() > MOST_SESSIONS {
            let refusal = ErrorBody::validation("TOO_MANY_SESSIONS", "too many sessions in one request");
            return Err(refusal.limit(MOST_SESSIONS as u64, request.sessions.len() as u64));
        }
        let held: HashMap<_, _> = request.sessions.into_iter().map(|held| (held.session_id, held.position)).collect();
        let keys: Vec<_> = held.iter().map(|(session, position)| (session.clone(), position.version)).collect();
        let next = self.retried("read heads", deadline, || Box::pin(self.store.heads_after(&keys))).await.map_err(Fault::Store)?;
        let mut sessions = Vec::new();
        for entry in next {
            // The entry after what is held shows that there is more; how much more, the newest entry.
            let newest = self.retried("read heads", deadline, || Box::pin(self.store.last_entry(&entry.session))).await;
            let newest = newest.map_err(Fault::Store)?.unwrap_or(entry);
            sessions
                .push(SessionPosition { position: Position { epoch: newest.epoch, version: newest.version }, session_id: newest.session });
        }
        Ok(Heads { sessions })
    }
}
