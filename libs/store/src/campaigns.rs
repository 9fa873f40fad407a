//! The documents of a campaign: what sessions begin with and are written back to.
//!
//! Characters, actors, items and encounters are documents of the same form. `_id` is the entity's own id, `campaignId` its
//! campaign's, and `document` the entity exactly as it stands in a session's state, so that nothing of ours can collide with
//! a field of the game. Beside it: `sync`, what a session last wrote there, and `removed`, set when a session's state no
//! longer had the entity.

mod import;

use std::fmt;

use futures_util::TryStreamExt;
use game_state::{Object, Value};
use mongodb::{
    Collection,
    bson::{Document, RawBsonRef, RawDocument, RawDocumentBuf, doc},
    options::FindOptions,
};
use protocol::{CampaignId, UserId};

pub use import::{Content, ImportRefused, entity_id};

use crate::{Store, StoreError, connect::collection, convert, error::DUPLICATE_KEY, raw::Fields, transaction::Transaction};

/// A kind of document, and the collection that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Character,
    Actor,
    Item,
    Encounter,
}

impl Kind {
    pub const ALL: [Kind; 4] = [Self::Character, Self::Actor, Self::Item, Self::Encounter];

    /// The collection; of the first three also the key in a session's state.
    pub fn collection(self) -> &'static str {
        match self {
            Self::Character => "characters",
            Self::Actor => "actors",
            Self::Item => "items",
            Self::Encounter => "encounters",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Character => "character",
            Self::Actor => "actor",
            Self::Item => "item",
            Self::Encounter => "encounter",
        })
    }
}

/// A campaign beside its documents.
#[derive(Debug, Clone, PartialEq)]
pub struct CampaignDocument {
    pub id: CampaignId,
    pub name: String,
    pub game_master_id: UserId,
    /// What plugins keep for the campaign: an object.
    pub plugin_data: Value,
}

/// Documents of each kind, those that sessions removed not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    pub characters: u64,
    pub actors: u64,
    pub items: u64,
    pub encounters: u64,
}

/// What a new session of a campaign begins with: an object of the five keys of a state. Whether it is within the limits of a
/// state is for the caller to check.
#[derive(Debug, Clone, PartialEq)]
pub struct InitialState {
    pub campaign: CampaignDocument,
    pub state: Value,
}

impl Store {
    /// Creates a campaign. False: one of this id exists, and was left as it is.
    pub async fn insert_campaign(&self, campaign: &CampaignDocument) -> Result<bool, StoreError> {
        const OPERATION: &str = "create a campaign";
        let head = doc! { "_id": campaign.id.as_str(), "name": &campaign.name, "gameMasterId": campaign.game_master_id.as_str() };
        let raw = RawDocumentBuf::try_from(head).map_err(|error| StoreError::answer(OPERATION, error))?;
        let raw = convert::append_value(raw, "pluginData", &campaign.plugin_data).map_err(|error| unstorable(OPERATION, error))?;
        match self.within(OPERATION, self.collection(collection::CAMPAIGNS).insert_one(&raw)).await {
            Ok(_) => Ok(true),
            Err(StoreError::Driver { code: Some(DUPLICATE_KEY), .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub async fn campaign(&self, id: &CampaignId) -> Result<Option<CampaignDocument>, StoreError> {
        let campaigns = self.collection(collection::CAMPAIGNS);
        let found = self.within("read a campaign", campaigns.find_one(doc! { "_id": id.as_str() })).await?;
        found.map(|document| decode_campaign(id, &document)).transpose()
    }

    pub async fn count_campaign(&self, id: &CampaignId) -> Result<Counted, StoreError> {
        let count = async |kind: Kind| {
            let documents = self.collection(kind.collection());
            self.within("count a campaign's documents", documents.count_documents(present(id))).await
        };
        Ok(Counted {
            characters: count(Kind::Character).await?,
            actors: count(Kind::Actor).await?,
            items: count(Kind::Item).await?,
            encounters: count(Kind::Encounter).await?,
        })
    }

    /// Documents of one kind in the order of their ids, above one of them.
    pub async fn documents_above(&self, id: &CampaignId, kind: Kind, after: &str, limit: u32) -> Result<Vec<Value>, StoreError> {
        let mut filter = present(id);
        filter.insert("_id", doc! { "$gt": after });
        self.documents(kind, filter, limit).await
    }

    /// One document of a campaign.
    pub async fn document(&self, id: &CampaignId, kind: Kind, entity: &str) -> Result<Option<Value>, StoreError> {
        let mut filter = present(id);
        filter.insert("_id", entity);
        Ok(self.documents(kind, filter, 1).await?.pop())
    }

    async fn documents(&self, kind: Kind, filter: Document, limit: u32) -> Result<Vec<Value>, StoreError> {
        let collection = self.collection(kind.collection());
        let found: Vec<RawDocumentBuf> = self
            .within("read a campaign's documents", async {
                let find = collection.find(filter).projection(doc! { "document": 1 }).sort(doc! { "_id": 1 }).limit(limit.into());
                find.await?.try_collect().await
            })
            .await?;
        found.iter().map(|document| decode_entity(kind, document)).collect()
    }

    /// The state that a new session of the campaign begins with, read at one moment: characters, actors and items in the order
    /// of their ids, the encounter whose status is `active`, if there is one, and the campaign's plugin data.
    pub async fn initial_state(&self, id: &CampaignId) -> Result<Option<InitialState>, StoreError> {
        let mut transaction = Transaction::begin(self).await?;
        let campaigns = self.collection(collection::CAMPAIGNS);
        let found =
            transaction.find("read a campaign", &campaigns, doc! { "_id": id.as_str() }, FindOptions::builder().limit(1).build()).await?;
        let Some(campaign) = found.first().map(|document| decode_campaign(id, document)).transpose()? else { return Ok(None) };
        let mut entities = Vec::with_capacity(Kind::ALL.len());
        for kind in Kind::ALL {
            let filter = if kind == Kind::Encounter { active(id) } else { present(id) };
            let options = FindOptions::builder().sort(doc! { "_id": 1 }).projection(doc! { "document": 1 }).build();
            let documents = transaction.find("read a campaign's documents", &self.collection(kind.collection()), filter, options).await?;
            entities.push(documents.iter().map(|document| decode_entity(kind, document)).collect::<Result<Vec<_>, _>>()?);
        }
        transaction.commit().await?;
        let state = state_of(entities, campaign.plugin_data.clone())
            .map_err(|rejection| StoreError::corrupt(None, format!("campaign {id}"), rejection.to_string()))?;
        Ok(Some(InitialState { campaign, state }))
    }

    pub(crate) fn collection(&self, name: &str) -> Collection<RawDocumentBuf> {
        self.inner.database.collection(name)
    }
}

/// The entities of a state, each with its kind. What is not where a state has it is left out.
pub fn entities_of(state: &Value) -> impl Iterator<Item = (Kind, &Value)> {
    Kind::ALL.into_iter().flat_map(|kind| {
        let entities = match kind {
            Kind::Encounter => state.get("currentEncounter").filter(|encounter| !encounter.is_null()).map(std::slice::from_ref),
            kind => state.get(kind.collection()).and_then(Value::as_array),
        };
        entities.unwrap_or_default().iter().map(move |entity| (kind, entity))
    })
}

/// `entities`: of each kind, in the order of [`Kind::ALL`].
fn state_of(entities: Vec<Vec<Value>>, plugin_data: Value) -> Result<Value, game_state::Rejection> {
    let members = Kind::ALL.iter().zip(entities).map(|(kind, entities)| match kind {
        // At most one is active; were there more, the first would be the one, at every session.
        Kind::Encounter => ("currentEncounter".to_owned(), entities.into_iter().next().unwrap_or(Value::Null)),
        kind => (kind.collection().to_owned(), Value::Array(entities)),
    });
    Object::from_entries(members.chain([("pluginData".to_owned(), plugin_data)]).collect()).map(Value::Object)
}

/// The campaign's documents that no session removed. What another program keeps in the same collections has no `document`.
fn present(campaign: &CampaignId) -> Document {
    doc! { "campaignId": campaign.as_str(), "document": { "$exists": true }, "removed": { "$exists": false } }
}

fn active(campaign: &CampaignId) -> Document {
    let mut filter = present(campaign);
    filter.insert("document.status", "active");
    filter
}

fn decode_campaign(id: &CampaignId, document: &RawDocument) -> Result<CampaignDocument, StoreError> {
    let place = format!("campaigns {id}");
    let fields = Fields { document, session: None, place: &place };
    let plugin_data = match document.get("pluginData").map_err(|error| fields.fault("pluginData", error))? {
        None | Some(RawBsonRef::Null) => Value::Object(Object::default()),
        Some(bson) => convert::value(bson).map_err(|error| fields.fault("pluginData", error))?,
    };
    Ok(CampaignDocument {
        id: id.clone(),
        name: fields.text("name")?.to_owned(),
        game_master_id: fields.parsed("gameMasterId")?,
        plugin_data,
    })
}

/// The entity in a backing document.
pub(crate) fn decode_entity(kind: Kind, document: &RawDocument) -> Result<Value, StoreError> {
    let place = || format!("{} {}", kind.collection(), document.get_str("_id").unwrap_or("without a text as its key"));
    match document.get("document") {
        Ok(Some(bson @ RawBsonRef::Document(_))) => {
            convert::value(bson).map_err(|error| StoreError::corrupt(None, place(), format!("document.{error}")))
        }
        Ok(_) => Err(StoreError::corrupt(None, place(), "has no document")),
        Err(error) => Err(StoreError::corrupt(None, place(), error.to_string())),
    }
}

pub(crate) fn unstorable(operation: &'static str, error: impl ToString) -> StoreError {
    StoreError::Driver { operation, code: None, message: error.to_string() }
}
