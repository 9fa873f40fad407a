//! A version 2 of two messages, one in each direction between gateway and authority, by the rules that the crate's documentation gives:
//! in each a field has got another name and a field was added. `headers::RENAMED` has a parameter that got another name.

use game_state::{StateHash, Version};
use serde::{Deserialize, Serialize};

use crate::{Epoch, history, update};

/// A field that has two names was sent under neither.
#[derive(Debug, thiserror::Error)]
#[error("missing field `{0}`")]
pub struct Missing(&'static str);

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryRequest {
    /// `since` in version 1.
    after: Option<Version>,
    since: Option<Version>,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<Epoch>,
    #[serde(default = "history::default_limit")]
    limit: u32,
    #[serde(default)]
    with_previous: bool,
    /// Added.
    purpose: Option<String>,
}

impl From<history::HistoryRequest> for HistoryRequest {
    fn from(request: history::HistoryRequest) -> Self {
        let history::HistoryRequest { since, epoch, limit, with_previous } = request;
        Self { after: Some(since), since: Some(since), epoch, limit, with_previous, purpose: Some("catch-up".to_owned()) }
    }
}

impl TryFrom<HistoryRequest> for history::HistoryRequest {
    type Error = Missing;

    fn try_from(request: HistoryRequest) -> Result<Self, Missing> {
        let HistoryRequest { after, since, epoch, limit, with_previous, .. } = request;
        Ok(Self { since: after.or(since).ok_or(Missing("after"))?, epoch, limit, with_previous })
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateAccepted {
    new_version: Version,
    #[serde(skip_serializing_if = "Option::is_none")]
    new_hash: Option<StateHash>,
    epoch: Epoch,
    /// `timestamp` in version 1.
    committed_at: Option<u64>,
    timestamp: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    /// Added.
    durable: Option<bool>,
}

impl From<update::UpdateAccepted> for UpdateAccepted {
    fn from(accepted: update::UpdateAccepted) -> Self {
        let update::UpdateAccepted { new_version, new_hash, epoch, timestamp, trace_id } = accepted;
        let (committed_at, timestamp) = (Some(timestamp), Some(timestamp));
        Self { new_version, new_hash, epoch, committed_at, timestamp, trace_id, durable: Some(true) }
    }
}

impl TryFrom<UpdateAccepted> for update::UpdateAccepted {
    type Error = Missing;

    fn try_from(accepted: UpdateAccepted) -> Result<Self, Missing> {
        let UpdateAccepted { new_version, new_hash, epoch, committed_at, timestamp, trace_id, .. } = accepted;
        let timestamp = committed_at.or(timestamp).ok_or(Missing("committedAt"))?;
        Ok(Self { new_version, new_hash, epoch, timestamp, trace_id })
    }
}
