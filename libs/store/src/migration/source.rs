//! Reading a campaign with its documents, old and new, wherever an earlier program kept them.

use futures_util::TryStreamExt;
use game_state::Value;
use mongodb::bson::{Document, RawBsonRef, RawDocument, RawDocumentBuf, doc};

use super::{either, fields, key_text};
use crate::{Kind, Store, StoreError, campaigns::decode_entity, connect::collection};

const OPERATION: &str = "read an old campaign";

/// Where documents of every kind lie side by side, told apart by `documentType`.
pub(super) const DOCUMENTS: &str = "documents";

/// Where states lie that sessions name by `gameStateId`.
const STATES: [&str; 2] = ["gameStates", "gamestates"];

/// A campaign and its documents, old and new.
#[derive(Debug, Clone)]
pub struct CampaignSource {
    pub id: String,
    /// `None`: there is no such campaign.
    pub fields: Option<Value>,
    /// In the order of their kinds and ids.
    pub entities: Vec<SourceEntity>,
    /// The campaign's document, if it is an old one.
    pub(super) old_campaign: Option<RawDocumentBuf>,
}

/// A document of a campaign.
#[derive(Debug, Clone)]
pub struct SourceEntity {
    pub kind: Kind,
    pub id: String,
    /// The entity as it stands in a state, or what no state can hold.
    pub entity: Result<Value, String>,
    /// Set while the document is an old one: its collection, and all of it.
    pub(super) old: Option<(&'static str, RawDocumentBuf)>,
}

impl Store {
    /// Everything of a campaign, whether its references are text or object ids.
    pub async fn campaign_source(&self, id: &str) -> Result<CampaignSource, StoreError> {
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
            let name = kind.collection();
            for document in self.all_of(name, doc! { "campaignId": keys.clone() }).await? {
                source.entities.push(entity(kind, name, document)?);
            }
        }
        let known = Kind::ALL.map(|kind| kind.to_string());
        let filter = doc! { "campaignId": keys, "documentType": { "$in": known.to_vec() } };
        for document in self.all_of(DOCUMENTS, filter).await? {
            let kind = document.get_str("documentType").ok().and_then(|word| Kind::ALL.into_iter().find(|kind| kind.to_string() == word));
            let Some(kind) = kind else { continue };
            source.entities.push(entity(kind, DOCUMENTS, document)?);
        }
        source.entities.sort_by(|a, b| (a.kind, &a.id).cmp(&(b.kind, &b.id)));
        for index in 1..source.entities.len() {
            let [before, entity] = &mut source.entities[index - 1..=index] else { continue };
            if (before.kind, &before.id) == (entity.kind, &entity.id) {
                entity.entity = Err("there is a second document of this id".to_owned());
            }
        }
        Ok(source)
    }

    /// A state that sessions name instead of holding it.
    pub async fn old_state(&self, id: &str) -> Result<Option<Result<Value, String>>, StoreError> {
        for name in STATES {
            let states = self.collection(name);
            let find = states.find_one(doc! { "_id": { "$in": either(id) } });
            if let Some(document) = self.within("read an old state", find).await? {
                return Ok(Some(fields(&document, &[])));
            }
        }
        Ok(None)
    }

    async fn all_of(&self, name: &str, filter: Document) -> Result<Vec<RawDocumentBuf>, StoreError> {
        self.within(OPERATION, async { self.collection(name).find(filter).await?.try_collect().await }).await
    }
}

impl SourceEntity {
    /// The entity, if it can stand in a state.
    pub fn value(&self) -> Option<&Value> {
        self.entity.as_ref().ok()
    }
}

fn entity(kind: Kind, name: &'static str, document: RawDocumentBuf) -> Result<SourceEntity, StoreError> {
    let Some(id) = key_text(&document) else {
        return Err(StoreError::corrupt(None, name, "an _id is neither a text nor an object id"));
    };
    if name != DOCUMENTS && document.get_document("document").is_ok() {
        let entity = decode_entity(kind, &document).map_err(|error| error.to_string());
        return Ok(SourceEntity { kind, id, entity, old: None });
    }
    let entity = content(&id, &document);
    Ok(SourceEntity { kind, id, entity, old: Some((name, document)) })
}

/// What an old document is in a state, or what in it no state can hold.
pub(super) fn content(id: &str, document: &RawDocument) -> Result<Value, String> {
    fields(document, &[("id", id)])
}
