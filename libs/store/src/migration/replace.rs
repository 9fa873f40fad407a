//! Putting ours in the place of an old session and of the old documents of its campaign: all of it, or nothing.

use game_state::{CanonicalState, StateHash};
use mongodb::bson::{Document, RawBsonRef, RawDocument, RawDocumentBuf, cstr, doc, raw::CStr};
use sha2::{Digest as _, Sha256};

use super::{CampaignSource, OldSession, source};
use crate::{
    CampaignDocument, Kind, SessionDocument, Store, StoreError,
    batches::{Batches, Verb},
    campaigns::unstorable,
    connect::collection,
    convert, guards,
    transaction::{Transaction, is_duplicate_key},
};

const OPERATION: &str = "replace an old session";

/// Fields of an old session that the state replaces.
const REPLACED: [&str; 3] = ["characterIds", "currentEncounterId", "gameStateId"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaced {
    Replaced,
    /// Somebody else has replaced it meanwhile.
    Already,
    /// A unique key was taken: another session of the campaign is open, or a document of the same id exists.
    KeyTaken,
}

impl Store {
    /// Replaces an old session, and with it what is still old of its campaign. Safe to repeat after any failure.
    pub async fn replace_old_session(
        &self,
        old: &OldSession,
        new: &SessionDocument,
        state: &CanonicalState,
        campaign: &CampaignDocument,
        source: &CampaignSource,
        at: u64,
    ) -> Result<Replaced, StoreError> {
        let state = state.to_vec();
        let document = session_document(&old.raw, new, &state)?;
        self.write_base(&new.id, &state).await?;
        let mut transaction = Transaction::begin(self).await?;
        let result = match replace(&mut transaction, old, new, &document, campaign, source, at).await {
            Ok(true) => return transaction.commit().await.map(|()| Replaced::Replaced).map_err(StoreError::from),
            Ok(false) => Ok(Replaced::Already),
            Err(error) if is_duplicate_key(&error) => Ok(Replaced::KeyTaken),
            Err(error) => Err(error),
        };
        // At once: the next try, or another session of the campaign, would meet its locks.
        transaction.abort().await;
        result
    }
}

async fn replace(
    transaction: &mut Transaction,
    old: &OldSession,
    new: &SessionDocument,
    document: &RawDocumentBuf,
    campaign: &CampaignDocument,
    source: &CampaignSource,
    at: u64,
) -> Result<bool, StoreError> {
    // The session first: whoever replaces it at the same time is met here.
    let mut gone = Batches::new(Verb::Delete, collection::SESSIONS);
    gone.push(&deletion(&old.raw, doc! { "epoch": { "$exists": false } })?);
    for command in gone.into_commands() {
        let taken = transaction.write(OPERATION, command).await?.get_i32("n").is_ok_and(|n| n == 1);
        if !taken && guards::holds(guards::REPLACED_ONCE) {
            return Ok(false);
        }
    }
    let mut sessions = Batches::new(Verb::Insert, collection::SESSIONS);
    sessions.push(document);
    let mut backups = Batches::new(Verb::Update, collection::BACKUPS);
    let of = campaign.id.as_str();
    let place = doc! {
        "campaign": of, "into": collection::SESSIONS, "wrote": fingerprint(document), "epoch": new.epoch.as_str(),
        "version": new.game_state_version.to_string(), "hash": new.game_state_hash.to_string(),
    };
    back_up(&mut backups, (collection::SESSIONS, &old.id, &old.raw), place, at)?;
    // Old before new: both may have the same key.
    let mut batches = vec![sessions];
    if let Some(old) = &source.old_campaign {
        let document = campaign_document(old, campaign)?;
        let place = doc! { "campaign": of, "into": collection::CAMPAIGNS, "wrote": fingerprint(&document) };
        back_up(&mut backups, (collection::CAMPAIGNS, &source.id, old), place, at)?;
        let mut gone = Batches::new(Verb::Delete, collection::CAMPAIGNS);
        gone.push(&deletion(old, doc! {})?);
        let mut campaigns = Batches::new(Verb::Insert, collection::CAMPAIGNS);
        campaigns.push(&document);
        batches.extend([gone, campaigns]);
    }
    for kind in Kind::ALL {
        let mut gone = Batches::new(Verb::Delete, kind.collection());
        let mut gone_documents = Batches::new(Verb::Delete, source::DOCUMENTS);
        let mut entities = Batches::new(Verb::Insert, kind.collection());
        for entity in source.entities.iter().filter(|entity| entity.kind == kind) {
            let (Some((from, old)), Ok(content)) = (&entity.old, &entity.entity) else { continue };
            let document = raw(doc! { "_id": &entity.id, "campaignId": of })?;
            let document = convert::append_value(document, "document", content).map_err(|error| unstorable(OPERATION, error))?;
            let place = doc! { "campaign": of, "into": kind.collection(), "wrote": fingerprint(&document) };
            back_up(&mut backups, (from, &entity.id, old), place, at)?;
            let gone = if *from == source::DOCUMENTS { &mut gone_documents } else { &mut gone };
            gone.push(&deletion(old, doc! {})?);
            entities.push(&document);
        }
        batches.extend([gone, gone_documents, entities]);
    }
    batches.push(backups);
    for command in batches.into_iter().flat_map(Batches::into_commands) {
        transaction.write(OPERATION, command).await?;
    }
    Ok(true)
}

/// Ours, with every field of the old one that we have no use for as it was.
fn session_document(old: &RawDocument, new: &SessionDocument, state: &[u8]) -> Result<RawDocumentBuf, StoreError> {
    let ours = mongodb::bson::serialize_to_raw_document_buf(new).map_err(|error| unstorable(OPERATION, error))?;
    let own = ["gameState", "openFor", "frozen", "sync", "audit", "scheduledFor", "__v"];
    let document = with_others(ours, old, |key| REPLACED.contains(&key) || own.contains(&key))?;
    convert::append_json(document, "gameState", state).map_err(|error| unstorable(OPERATION, error))
}

fn campaign_document(old: &RawDocument, new: &CampaignDocument) -> Result<RawDocumentBuf, StoreError> {
    let ours = raw(doc! { "_id": new.id.as_str(), "name": &new.name, "gameMasterId": new.game_master_id.as_str() })?;
    let document = with_others(ours, old, |key| ["pluginData", "sync", "__v"].contains(&key))?;
    convert::append_value(document, "pluginData", &new.plugin_data).map_err(|error| unstorable(OPERATION, error))
}

fn with_others(mut ours: RawDocumentBuf, old: &RawDocument, dropped: impl Fn(&str) -> bool) -> Result<RawDocumentBuf, StoreError> {
    for member in old {
        let (key, bson): (&CStr, RawBsonRef<'_>) = member.map_err(|error| unstorable(OPERATION, error))?;
        let known = ours.get(key.as_str()).is_ok_and(|value| value.is_some());
        if !known && !dropped(key.as_str()) {
            ours.append(key, bson);
        }
    }
    Ok(ours)
}

/// Keeps a document, and with it what took its place. The first backup of a document is the one that counts.
fn back_up(backups: &mut Batches, old: (&str, &str, &RawDocument), place: Document, at: u64) -> Result<(), StoreError> {
    let (name, id, document) = old;
    let mut kept = raw(doc! { "collection": name, "at": i64::try_from(at).unwrap_or(i64::MAX) })?;
    kept.append(cstr!("document"), document);
    let mut change = RawDocumentBuf::new();
    change.append(cstr!("$setOnInsert"), kept);
    change.append(cstr!("$set"), raw(place)?);
    backups.upsert(&raw(doc! { "_id": format!("{name}:{id}") })?, &change);
    Ok(())
}

/// Tells whether somebody changed a document since.
pub(super) fn fingerprint(document: &RawDocument) -> String {
    StateHash::from_bytes(Sha256::digest(document.as_bytes()).into()).to_string()
}

/// A statement that deletes the document with the key of `document`, if it matches the filter as well.
pub(super) fn deletion(document: &RawDocument, filter: Document) -> Result<RawDocumentBuf, StoreError> {
    let Ok(Some(key)) = document.get("_id") else { return Err(unstorable(OPERATION, "a document without a key")) };
    let mut filter = raw(filter)?;
    filter.append(cstr!("_id"), key);
    let mut statement = raw(doc! { "limit": 1 })?;
    statement.append(cstr!("q"), filter);
    Ok(statement)
}

pub(super) fn raw(document: Document) -> Result<RawDocumentBuf, StoreError> {
    RawDocumentBuf::try_from(document).map_err(|error| unstorable(OPERATION, error))
}
