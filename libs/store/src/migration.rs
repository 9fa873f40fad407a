//! Sessions and campaigns as an earlier program kept them: reading them, and putting ours in their place.
//!
//! An old session names its characters and its encounter instead of holding a state. Old documents hold an entity's fields at
//! the top level, with object ids and dates among them. A document without an `epoch` is an old session; one without a
//! `document` is an old entity. Whatever is replaced is kept whole in the collection `migrationBackups`.

mod replace;

use game_state::Value;
use mongodb::{
    Cursor,
    bson::{Bson, Document, RawBsonRef, RawDocument, RawDocumentBuf, doc, oid::ObjectId},
};

pub use replace::Replaced;

use crate::{Kind, Store, StoreError, campaigns::decode_entity, connect::collection, convert};
use futures_util::TryStreamExt;

/// What an earlier program wrote for itself into each document.
const BOOKKEEPING: [&str; 2] = ["__v", "_id"];

/// An old session. Its fields are as the earlier program's clients saw them: object ids and dates as text.
#[derive(Debug, Clone)]
pub struct OldSession {
    pub id: String,
    pub fields: Value,
    raw: RawDocumentBuf,
}

/// An old session that cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableSession {
    pub id: String,
    pub fault: String,
}

/// The old sessions of a database, one by one: only one is in memory.
pub struct OldSessions {
    store: Store,
    cursor: Cursor<RawDocumentBuf>,
}

/// A campaign and its documents, old and new.
#[derive(Debug, Clone)]
pub struct CampaignSource {
    pub id: String,
    /// `None`: there is no such campaign.
    pub fields: Option<Value>,
    pub entities: Vec<SourceEntity>,
    /// The campaign's document, if it is an old one.
    old_campaign: Option<RawDocumentBuf>,
}

/// A document of a campaign.
#[derive(Debug, Clone)]
pub struct SourceEntity {
    pub kind: Kind,
    pub id: String,
    /// The entity as it stands in a state, or what no state can hold.
    pub entity: Result<Value, String>,
    /// Set while the document is an old one.
    old: Option<RawDocumentBuf>,
}

impl Store {
    /// Sessions that are ours already.
    pub async fn count_new_sessions(&self) -> Result<u64, StoreError> {
        self.within("count sessions", self.sessions().count_documents(doc! { "epoch": { "$exists": true } })).await
    }

    pub async fn count_old_sessions(&self) -> Result<u64, StoreError> {
        self.within("count sessions", self.sessions().count_documents(old())).await
    }

    /// Goes over the old sessions in the order of their keys. What is replaced meanwhile is not met again.
    pub async fn old_sessions(&self) -> Result<OldSessions, StoreError> {
        let cursor = self.within("list old sessions", self.sessions().find(old()).sort(doc! { "_id": 1 }).batch_size(16)).await?;
        Ok(OldSessions { store: self.clone(), cursor })
    }

    /// Everything of a campaign, whether its references are text or object ids.
    pub async fn campaign_source(&self, id: &str) -> Result<CampaignSource, StoreError> {
        const OPERATION: &str = "read an old campaign";
        let keys = doc! { "$in": either(id) };
        let campaigns = self.collection(collection::CAMPAIGNS);
        let found = self.within(OPERATION, campaigns.find_one(doc! { "_id": keys.clone() })).await?;
        let mut source = CampaignSource { id: id.to_owned(), fields: None, entities: Vec::new(), old_campaign: None };
        if let Some(document) = found {
            source.fields = Some(fields(&document, &[]).map_err(|fault| StoreError::corrupt(None, format!("campaigns {id}"), fault))?);
            // Ours are keyed by text and name no owner but the game master.
            let ours = matches!(document.get("_id"), Ok(Some(RawBsonRef::String(_)))) && document.get_str("gameMasterId").is_ok();
            source.old_campaign = (!ours).then_some(document);
        }
        for kind in Kind::ALL {
            let documents: Vec<_> = self
                .within(OPERATION, async {
                    let of_campaign = doc! { "campaignId": keys.clone() };
                    self.collection(kind.collection()).find(of_campaign).sort(doc! { "_id": 1 }).await?.try_collect().await
                })
                .await?;
            for document in documents {
                source.entities.push(entity(kind, document)?);
            }
        }
        Ok(source)
    }
}

impl OldSessions {
    pub async fn next(&mut self) -> Result<Option<Result<OldSession, UnreadableSession>>, StoreError> {
        let Some(raw) = self.store.within("list old sessions", self.cursor.try_next()).await? else { return Ok(None) };
        let Some(id) = key_text(&raw) else {
            let shown = raw.get("_id").map_or_else(|error| error.to_string(), |key| format!("{key:?}"));
            return Ok(Some(Err(UnreadableSession { id: shown, fault: "_id is neither a text nor an object id".to_owned() })));
        };
        Ok(Some(match fields(&raw, &[]) {
            Ok(fields) => Ok(OldSession { id, fields, raw }),
            Err(fault) => Err(UnreadableSession { id, fault }),
        }))
    }
}

fn old() -> Document {
    doc! { "epoch": { "$exists": false } }
}

/// A reference as text and, if it can be one, as an object id.
fn either(id: &str) -> Vec<Bson> {
    let as_object_id = ObjectId::parse_str(id).ok().map(Bson::ObjectId);
    [Bson::String(id.to_owned())].into_iter().chain(as_object_id).collect()
}

fn key_text(document: &RawDocument) -> Option<String> {
    match document.get("_id").ok()?? {
        RawBsonRef::String(text) => Some(text.to_owned()),
        RawBsonRef::ObjectId(id) => Some(id.to_hex()),
        _ => None,
    }
}

/// The fields of an old document as an object, with some more before them.
fn fields(document: &RawDocument, first: &[(&str, &str)]) -> Result<Value, String> {
    let mut members: Vec<_> = first.iter().map(|(key, text)| ((*key).to_owned(), Value::String((*text).to_owned()))).collect();
    for member in document {
        let (key, bson) = member.map_err(|error| error.to_string())?;
        let key = key.as_str();
        if BOOKKEEPING.contains(&key) || first.iter().any(|(known, _)| *known == key) {
            continue;
        }
        let value = convert::foreign_value(bson).map_err(|fault| format!("{key}: {fault}"))?;
        members.push((key.to_owned(), value));
    }
    game_state::Object::from_entries(members).map(Value::Object).map_err(|rejection| rejection.to_string())
}

fn entity(kind: Kind, document: RawDocumentBuf) -> Result<SourceEntity, StoreError> {
    let Some(id) = key_text(&document) else {
        return Err(StoreError::corrupt(None, kind.collection(), "an _id is neither a text nor an object id"));
    };
    if document.get_document("document").is_ok() {
        let entity = decode_entity(kind, &document).map_err(|error| error.to_string());
        return Ok(SourceEntity { kind, id, entity, old: None });
    }
    let entity = fields(&document, &[("id", &id)]);
    Ok(SourceEntity { kind, id, entity, old: Some(document) })
}
