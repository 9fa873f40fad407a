//! `session.<id>.state`: the whole state at the head, or that the caller has it already.

use std::sync::Arc;

use bus::Headers;
use game_state::{CanonicalState, StateHash};
use protocol::{
    Ack, ErrorBody, SessionId, headers as name,
    state::{NotModified, StateRequest},
};
use serde::Serialize;
use tokio::time::Instant;

use crate::{
    append::Failure,
    context::Authority,
    decide::{self, Head},
    guards,
    metrics::Hashing,
    request::Caller,
};

pub struct StateAnswer {
    pub headers: Headers,
    pub payload: Vec<u8>,
}

impl Authority {
    /// `caller`: absent where a gateway asks for all of its connections, which it has checked itself.
    pub(crate) async fn state(
        self: &Arc<Self>,
        caller: Option<&Caller>,
        id: &SessionId,
        request: StateRequest,
        deadline: Instant,
    ) -> Result<StateAnswer, ErrorBody> {
        let session = self.cache.session(id, self.clock.now_ms());
        let (head, state) = self
            .in_turn(&session, deadline, async |live| {
                if guards::holds(guards::FRESH_READ) {
                    self.catch_up(&session, live, deadline).await?;
                }
                decide::exists(id, &live.head).map_err(Failure::Refused)?;
                let state = self.hashing(live, Hashing::READ, |live| live.state.canonical());
                Ok((live.head.clone(), state))
            })
            .await?;
        if let Some(caller) = caller {
            self.readable(caller, id, Some(&head.game_master)).await?;
        }
        let (head, state) = match request.at {
            Some(version) if version != head.version => self.past(id, &head, &state, version, deadline).await?,
            _ => (head, state),
        };
        let headers = Headers::new()
            .with(name::EPOCH, head.epoch.as_str())
            .with(name::VERSION, head.version.to_string())
            .with(name::HASH, state.hash().to_string());
        let same = request.version == Some(head.version)
            && request.hash == Some(state.hash())
            && request.epoch.as_ref().is_none_or(|epoch| *epoch == head.epoch);
        let payload = if same { not_modified(id, &head, state.hash()) } else { full(id, &head, &state) };
        Ok(StateAnswer { headers, payload: payload.map_err(unwritable)? })
    }
}

fn not_modified(id: &SessionId, head: &Head, hash: StateHash) -> Result<Vec<u8>, serde_json::Error> {
    let answer = NotModified {
        session_id: id.clone(),
        not_modified: true,
        game_state_version: head.version,
        game_state_hash: hash,
        epoch: head.epoch.clone(),
        timestamp: head.at,
        status: head.status,
    };
    serde_json::to_vec(&Ack::Ok(answer))
}

/// `protocol::state::FullState`, with `gameState` last and put in as the bytes that its hash is of.
fn full(id: &SessionId, head: &Head, state: &CanonicalState) -> Result<Vec<u8>, serde_json::Error> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct BesideState<'a> {
        success: bool,
        session_id: &'a SessionId,
        game_state_version: game_state::Version,
        game_state_hash: game_state::StateHash,
        epoch: &'a protocol::Epoch,
        timestamp: u64,
        status: protocol::SessionStatus,
    }
    let beside = BesideState {
        success: true,
        session_id: id,
        game_state_version: head.version,
        game_state_hash: state.hash(),
        epoch: &head.epoch,
        timestamp: head.at,
        status: head.status,
    };
    let mut payload = serde_json::to_vec(&beside)?;
    payload.reserve(state.len() + 32);
    payload.pop();
    payload.extend_from_slice(br#","gameState":"#);
    state.chunks().for_each(|chunk| payload.extend_from_slice(chunk));
    payload.push(b'}');
    Ok(payload)
}

fn unwritable(error: serde_json::Error) -> ErrorBody {
    tracing::error!(%error, "an answer cannot be written");
    ErrorBody::unavailable("INTERNAL", "the answer cannot be written")
}
