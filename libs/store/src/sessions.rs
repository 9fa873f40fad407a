//! The session's document beside its state: who takes part, who leads, where its state stands.
//!
//! Fields fall into groups with one writer each: the snapshot writes state, position, status and GM ([`crate::snapshot`]);
//! participants, sync marks and audit have their own writes here and are never touched by a snapshot.

mod dirty;
mod writes;

use std::collections::BTreeMap;

use futures_util::TryStreamExt;
use game_state::{StateHash, Version};
use mongodb::bson::{Document, RawDocument, doc};
use protocol::{CampaignId, Epoch, SessionId, SessionStatus, UserId};
use serde::{Deserialize, Serialize};

use crate::{Store, StoreError, connect::collection, raw::Fields};

/// A session's document without its state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionDocument {
    #[serde(rename = "_id")]
    pub id: SessionId,
    pub name: String,
    pub campaign_id: CampaignId,
    pub game_master_id: UserId,
    pub participant_ids: Vec<UserId>,
    /// Names shown for users, the GM's too.
    #[serde(default)]
    pub names: BTreeMap<UserId, String>,
    pub status: SessionStatus,
    /// Why no update is taken; absent while all is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<String>,
    pub epoch: Epoch,
    /// The version at which the epoch began: the document of this version needs no entry before it.
    pub epoch_version: Version,
    pub game_state_version: Version,
    pub game_state_hash: StateHash,
    /// Server time of the version, milliseconds since the epoch.
    pub last_state_update: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_for: Option<u64>,
    pub created_at: u64,
    /// The campaign, for as long as this is its open session: a unique index lets there be one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_for: Option<CampaignId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync: Option<SyncMark>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audit: Vec<AuditRecord>,
}

/// Where the document stands on the chain of its journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionHead {
    pub epoch: Epoch,
    pub epoch_version: Version,
    pub version: Version,
    pub hash: StateHash,
    pub status: SessionStatus,
    pub game_master_id: UserId,
    pub frozen: Option<String>,
    pub last_state_update: u64,
}

/// What the campaign's documents show of the session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncMark {
    pub epoch: Epoch,
    pub version: Version,
    pub at: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Something that an admin or an operator did to a session. The newest of them are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditRecord {
    pub at: u64,
    pub by: UserId,
    pub action: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Which sessions a page is of. What is absent does not narrow it.
#[derive(Debug, Clone, Default)]
pub struct SessionFilter<'a> {
    pub user: Option<&'a UserId>,
    pub campaign: Option<&'a CampaignId>,
    pub status: Option<SessionStatus>,
    /// The last session of the page before: when it was created, and its id.
    pub after: Option<(u64, SessionId)>,
}

impl SessionDocument {
    pub fn head(&self) -> SessionHead {
        SessionHead {
            epoch: self.epoch.clone(),
            epoch_version: self.epoch_version,
            version: self.game_state_version,
            hash: self.game_state_hash,
            status: self.status,
            game_master_id: self.game_master_id.clone(),
            frozen: self.frozen.clone(),
            last_state_update: self.last_state_update,
        }
    }

    pub(crate) fn decode(document: &RawDocument) -> Result<Self, StoreError> {
        mongodb::bson::deserialize_from_slice(document.as_bytes()).map_err(|error| {
            let id = document.get_str("_id").unwrap_or("without a text as its key");
            StoreError::corrupt(id.parse().ok().as_ref(), format!("gameSessions {id}"), format!("cannot be read: {error}"))
        })
    }
}

impl Store {
    /// A session without its state.
    pub async fn session(&self, id: &SessionId) -> Result<Option<SessionDocument>, StoreError> {
        let find = self.sessions().find_one(doc! { "_id": id.as_str() }).projection(without_state());
        self.within("read a session", find).await?.map(|document| SessionDocument::decode(&document)).transpose()
    }

    /// Where a session's document stands.
    pub async fn head(&self, id: &SessionId) -> Result<Option<SessionHead>, StoreError> {
        let find = self.sessions().find_one(doc! { "_id": id.as_str() }).projection(head_fields());
        self.within("read a session's head", find).await?.map(|document| decode_head(id, &document)).transpose()
    }

    /// Sessions that a user leads or takes part in, the one changed last first.
    pub async fn sessions_of(&self, user: &UserId, limit: u32) -> Result<Vec<SessionDocument>, StoreError> {
        let filter = doc! { "$or": [{ "gameMasterId": user.as_str() }, { "participantIds": user.as_str() }] };
        self.list("list a user's sessions", filter, doc! { "lastStateUpdate": -1 }, limit).await
    }

    /// A page of sessions, the newest first: those that `user` leads or takes part in, or all. Not those that are deleted.
    pub async fn sessions_page(&self, wanted: &SessionFilter<'_>, limit: u32) -> Result<Vec<SessionDocument>, StoreError> {
        let mut all = vec![doc! { "deletedAt": { "$exists": false } }];
        if let Some(user) = wanted.user {
            all.push(doc! { "$or": [{ "gameMasterId": user.as_str() }, { "participantIds": user.as_str() }] });
        }
        if let Some(campaign) = wanted.campaign {
            all.push(doc! { "campaignId": campaign.as_str() });
        }
        if let Some(status) = wanted.status {
            all.push(doc! { "status": status.as_str() });
        }
        if let Some((created_at, id)) = &wanted.after {
            let created_at = i64::try_from(*created_at).unwrap_or(i64::MAX);
            all.push(doc! { "$or": [{ "createdAt": { "$lt": created_at } }, { "createdAt": created_at, "_id": { "$gt": id.as_str() } }] });
        }
        self.list("list sessions by page", doc! { "$and": all }, doc! { "createdAt": -1, "_id": 1 }, limit).await
    }

    /// The session that keeps others of its campaign from being opened.
    pub async fn open_session_of_campaign(&self, campaign: &CampaignId) -> Result<Option<SessionId>, StoreError> {
        let find = self.sessions().find_one(doc! { "openFor": campaign.as_str() }).projection(doc! { "_id": 1 });
        let found = self.within("find the open session of a campaign", find).await?;
        found.map(|document| Fields { document: &document, session: None, place: collection::SESSIONS }.parsed("_id")).transpose()
    }

    /// Sessions whose end waits for the backing documents, the one that waits longest first. Not those that have failed too often.
    pub async fn sessions_ending(&self, limit: u32) -> Result<Vec<SessionDocument>, StoreError> {
        let filter = doc! { "status": "ending", "sync.failures": { "$not": { "$gte": dirty::MOST_FAILURES } } };
        self.list("list ending sessions", filter, doc! { "lastStateUpdate": 1 }, limit).await
    }

    /// Sessions in the order of their ids, above one of them: for jobs that go over all.
    pub async fn sessions_above(&self, id: Option<&SessionId>, limit: u32) -> Result<Vec<SessionDocument>, StoreError> {
        let filter = doc! { "_id": { "$gt": id.map_or("", SessionId::as_str) } };
        self.list("list sessions", filter, doc! { "_id": 1 }, limit).await
    }

    async fn list(
        &self,
        operation: &'static str,
        filter: Document,
        sort: Document,
        limit: u32,
    ) -> Result<Vec<SessionDocument>, StoreError> {
        let documents: Vec<_> = self
            .within(operation, async {
                self.sessions().find(filter).projection(without_state()).sort(sort).limit(limit.into()).await?.try_collect().await
            })
            .await?;
        documents.iter().map(|document| SessionDocument::decode(document)).collect()
    }
}

pub(crate) fn without_state() -> Document {
    doc! { "gameState": 0 }
}

pub(crate) fn head_fields() -> Document {
    doc! {
        "epoch": 1, "epochVersion": 1, "gameStateVersion": 1, "gameStateHash": 1, "status": 1, "gameMasterId": 1, "frozen": 1,
        "lastStateUpdate": 1,
    }
}

pub(crate) fn decode_head(id: &SessionId, document: &RawDocument) -> Result<SessionHead, StoreError> {
    let place = format!("gameSessions {id}");
    let fields = Fields { document, session: Some(id), place: &place };
    Ok(SessionHead {
        epoch: Epoch::from(fields.text("epoch")?),
        epoch_version: fields.parsed("epochVersion")?,
        version: fields.parsed("gameStateVersion")?,
        hash: fields.parsed("gameStateHash")?,
        status: fields.word("status")?,
        game_master_id: fields.parsed("gameMasterId")?,
        frozen: fields.optional_text("frozen")?.map(str::to_owned),
        last_state_update: fields.unsigned("lastStateUpdate")?,
    })
}
