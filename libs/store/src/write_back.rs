//! Writing a session's state back to the documents of its campaign: one transaction that reads the session and what is
//! stored, and writes what the caller decides.
//!
//! Every write-back of a campaign also writes the campaign's own document. So of two that run at once one is aborted, and an
//! older state, read before a newer one was written, can never be written after it.

use game_state::{GameState, StateHash, Value, Version};
use mongodb::{
    bson::{Document, RawDocument, RawDocumentBuf, cstr, doc},
    options::FindOptions,
};
use protocol::{CampaignId, Epoch, SessionId};
use sha2::{Digest as _, Sha256};

use crate::{
    Base, Kind, SessionDocument, Store, StoreError, base,
    batches::{Batches, Verb},
    campaigns::{decode_entity, unstorable},
    connect::collection,
    convert,
    load::decode_state,
    raw::Fields,
    transaction::Transaction,
};

const OPERATION: &str = "write back to the campaign";

/// Dropped without a commit it leaves nothing.
pub struct WriteBack {
    store: Store,
    transaction: Transaction,
    pub document: SessionDocument,
    pub state: GameState,
}

/// What the campaign has stored.
#[derive(Debug, Clone)]
pub struct Backing {
    pub plugin_data: Option<Value>,
    /// What the session began with.
    pub base: Base,
    pub entities: Vec<StoredEntity>,
}

/// A stored document, without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntity {
    pub kind: Kind,
    pub id: String,
    /// Of another campaign or another program: not ours to write.
    pub foreign: bool,
    /// The hash of its content as it is now.
    pub hash: StateHash,
    /// For encounters: its status is `active`.
    pub active: bool,
    pub removed: bool,
    /// What a session last wrote there.
    pub sync: Option<EntitySync>,
}

/// Which state a document was written from. Versions are compared only within one session and epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntitySync {
    pub session: SessionId,
    pub epoch: Epoch,
    pub version: Version,
    /// The hash of the content that was written; absent where the content was not.
    pub hash: Option<StateHash>,
}

/// One decided write.
#[derive(Debug, Clone)]
pub enum Change<'a> {
    /// The entity as it is in the state, created if it is not there.
    Put {
        kind: Kind,
        id: &'a str,
        entity: &'a Value,
        hash: StateHash,
    },
    /// A tombstone: the document stays, and no session begins with it any more.
    Mark {
        kind: Kind,
        id: &'a str,
    },
    Delete {
        kind: Kind,
        id: &'a str,
    },
    PluginData(&'a Value),
}

/// The hash of an entity's canonical form.
pub fn entity_hash(entity: &Value) -> StateHash {
    StateHash::from_bytes(Sha256::digest(entity.to_json().as_bytes()).into())
}

impl Store {
    /// Begins: reads the session's document with its state, checked. `None`: there is no such session.
    pub async fn begin_write_back(&self, id: &SessionId) -> Result<Option<WriteBack>, StoreError> {
        let mut transaction = Transaction::begin(self).await?;
        let one = FindOptions::builder().limit(1).build();
        let found = transaction.find("read a session", self.sessions(), doc! { "_id": id.as_str() }, one).await?;
        let Some(raw) = found.first() else { return Ok(None) };
        let document = SessionDocument::decode(raw)?;
        let state = decode_state(raw, &document)?;
        Ok(Some(WriteBack { store: self.clone(), transaction, document, state }))
    }
}

impl WriteBack {
    /// Everything stored for the campaign, and whatever else has one of `ids`.
    pub async fn backing(&mut self, ids: &[(Kind, Vec<String>)]) -> Result<Backing, StoreError> {
        let campaign = self.document.campaign_id.clone();
        let filter = doc! { "_id": campaign.as_str() };
        let found = self.transaction.find(OPERATION, &self.store.collection(collection::CAMPAIGNS), filter, FindOptions::default()).await?;
        let mut plugin_data = None;
        if let Some(document) = found.first() {
            let place = format!("campaigns {campaign}");
            let bson = document.get("pluginData").map_err(|error| StoreError::corrupt(None, &*place, error.to_string()))?;
            plugin_data = bson.map(convert::value).transpose().map_err(|error| StoreError::corrupt(None, &*place, error.to_string()))?;
        }
        let session = self.document.id.clone();
        let filter = doc! { "_id": session.as_str() };
        let found = self.transaction.find(OPERATION, &self.store.collection(collection::BASES), filter, FindOptions::default()).await?;
        let base = found.first().map(|document| base::decode(&session, document)).transpose()?.unwrap_or_default();
        let mut entities = Vec::new();
        for kind in Kind::ALL {
            let ids = ids.iter().filter(|(of, _)| *of == kind).flat_map(|(_, ids)| ids).collect::<Vec<_>>();
            let filter = doc! { "$or": [{ "campaignId": campaign.as_str() }, { "_id": { "$in": ids } }] };
            let documents =
                self.transaction.find(OPERATION, &self.store.collection(kind.collection()), filter, FindOptions::default()).await?;
            for document in &documents {
                entities.push(decode_stored(kind, &campaign, document)?);
            }
        }
        Ok(Backing { plugin_data, base, entities })
    }

    /// Writes what was decided, and notes on each document and on the campaign which state it is from. `at`: server time, milliseconds.
    pub async fn write(&mut self, changes: &[Change<'_>], at: u64) -> Result<(), StoreError> {
        for kind in Kind::ALL {
            let mut updates = Batches::new(Verb::Update, kind.collection());
            for change in changes {
                let (filter, change) = match change {
                    Change::Put { kind: of, id, entity, hash } if *of == kind => (self.filter(id), self.put(entity, *hash, at)?),
                    Change::Mark { kind: of, id } if *of == kind => (self.filter(id), self.mark(at)?),
                    _ => continue,
                };
                updates.upsert(&raw(filter)?, &change);
            }
            for command in updates.into_commands() {
                self.transaction.write(OPERATION, command).await?;
            }
            self.delete(kind, changes).await?;
        }
        self.note_on_campaign(changes, at).await
    }

    /// Whether it took effect is unknown after an error; doing it all again is safe.
    pub async fn commit(self) -> Result<(), StoreError> {
        self.transaction.commit().await.map_err(StoreError::from)
    }

    async fn delete(&mut self, kind: Kind, changes: &[Change<'_>]) -> Result<(), StoreError> {
        let ids: Vec<_> = changes
            .iter()
            .filter_map(|change| match change {
                Change::Delete { kind: of, id } if *of == kind => Some(*id),
                _ => None,
            })
            .collect();
        if ids.is_empty() {
            return Ok(());
        }
        let filter = doc! { "_id": { "$in": ids }, "campaignId": self.document.campaign_id.as_str() };
        let command = doc! { "delete": kind.collection(), "deletes": [{ "q": filter, "limit": 0 }] };
        self.transaction.write(OPERATION, raw(command)?).await.map(drop)
    }

    async fn note_on_campaign(&mut self, changes: &[Change<'_>], at: u64) -> Result<(), StoreError> {
        let mut set = raw(doc! { "sync": self.sync(None, at) })?;
        for change in changes {
            if let Change::PluginData(value) = change {
                set = convert::append_value(set, "pluginData", value).map_err(|error| unstorable(OPERATION, error))?;
            }
        }
        // A campaign whose own document is gone gets one: its sessions can end.
        let when_new = doc! { "name": self.document.campaign_id.as_str(), "gameMasterId": self.document.game_master_id.as_str() };
        let mut change = RawDocumentBuf::new();
        change.append(cstr!("$set"), set);
        change.append(cstr!("$setOnInsert"), raw(when_new)?);
        let mut update = raw(doc! { "q": { "_id": self.document.campaign_id.as_str() }, "upsert": true })?;
        update.append(cstr!("u"), change);
        let mut updates = mongodb::bson::RawArrayBuf::new();
        updates.push(update);
        let mut command = RawDocumentBuf::new();
        command.append(cstr!("update"), collection::CAMPAIGNS);
        command.append(cstr!("updates"), updates);
        self.transaction.write(OPERATION, command).await.map(drop)
    }

    fn put(&self, entity: &Value, hash: StateHash, at: u64) -> Result<RawDocumentBuf, StoreError> {
        let set = raw(doc! { "sync": self.sync(Some(hash), at) })?;
        let set = convert::append_value(set, "document", entity).map_err(|error| unstorable(OPERATION, error))?;
        let mut change = RawDocumentBuf::new();
        change.append(cstr!("$set"), set);
        change.append(cstr!("$unset"), raw(doc! { "removed": 1 })?);
        Ok(change)
    }

    fn mark(&self, at: u64) -> Result<RawDocumentBuf, StoreError> {
        raw(doc! { "$set": { "removed": self.sync(None, at) } })
    }

    fn filter(&self, id: &str) -> Document {
        doc! { "_id": id, "campaignId": self.document.campaign_id.as_str() }
    }

    fn sync(&self, hash: Option<StateHash>, at: u64) -> Document {
        let mut sync = doc! {
            "session": self.document.id.as_str(),
            "epoch": self.document.epoch.as_str(),
            "version": self.document.game_state_version.to_string(),
            "at": i64::try_from(at).unwrap_or(i64::MAX),
        };
        if let Some(hash) = hash {
            sync.insert("hash", hash.to_string());
        }
        sync
    }
}

fn decode_stored(kind: Kind, campaign: &CampaignId, document: &RawDocument) -> Result<StoredEntity, StoreError> {
    let id = document.get_str("_id").map_err(|error| StoreError::corrupt(None, kind.collection(), error.to_string()))?;
    let place = format!("{} {id}", kind.collection());
    let ours = document.get_str("campaignId").is_ok_and(|of| of == campaign.as_str());
    // What another program keeps in the same collections has no `document`.
    let foreign = !ours || document.get_document("document").is_err();
    let entity = if foreign { Value::Null } else { decode_entity(kind, document)? };
    Ok(StoredEntity {
        kind,
        id: id.to_owned(),
        foreign,
        hash: entity_hash(&entity),
        active: kind == Kind::Encounter && entity.get("status").and_then(Value::as_str) == Some("active"),
        removed: document.get("removed").is_ok_and(|removed| removed.is_some()),
        sync: decode_sync(document, &place)?,
    })
}

fn decode_sync(document: &RawDocument, place: &str) -> Result<Option<EntitySync>, StoreError> {
    let Ok(sync) = document.get_document("sync") else { return Ok(None) };
    let fields = Fields { document: sync, session: None, place };
    Ok(Some(EntitySync {
        session: fields.parsed("session")?,
        epoch: Epoch::from(fields.text("epoch")?),
        version: fields.parsed("version")?,
        hash: fields.optional_parsed("hash")?,
    }))
}

fn raw(document: Document) -> Result<RawDocumentBuf, StoreError> {
    RawDocumentBuf::try_from(document).map_err(|error| unstorable(OPERATION, error))
}
