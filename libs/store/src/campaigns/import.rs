//! Letting documents in: all of one import, or none.

use std::collections::BTreeSet;

use game_state::Value;
use mongodb::{
    bson::{RawDocumentBuf, cstr, doc},
    options::FindOptions,
};
use protocol::CampaignId;

use super::{Kind, active, unstorable};
use crate::{
    Store, StoreError,
    batches::{Batches, Verb},
    convert,
    transaction::Transaction,
};

/// Documents to let in. Each is an object with an `id`.
#[derive(Debug, Clone, Default)]
pub struct Content {
    pub characters: Vec<Value>,
    pub actors: Vec<Value>,
    pub items: Vec<Value>,
    pub encounters: Vec<Value>,
}

/// Why an import was refused. Nothing of it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportRefused {
    #[error("there is no such campaign")]
    NoSuchCampaign,
    #[error("{kind} {index} is not an object with a text as its `id`")]
    NoId { kind: Kind, index: usize },
    #[error("{kind} {id:?} stands there twice")]
    Twice { kind: Kind, id: String },
    #[error("{kind} {id:?} belongs to another campaign")]
    OfAnotherCampaign { kind: Kind, id: String },
    #[error("the campaign would have {0} active encounters")]
    ActiveEncounters(usize),
}

impl Content {
    pub fn of(&self, kind: Kind) -> &[Value] {
        match kind {
            Kind::Character => &self.characters,
            Kind::Actor => &self.actors,
            Kind::Item => &self.items,
            Kind::Encounter => &self.encounters,
        }
    }
}

impl Store {
    /// Inserts or replaces documents of a campaign in one transaction. What a session wrote or removed before is overwritten.
    pub async fn import(&self, campaign: &CampaignId, content: &Content) -> Result<Result<(), ImportRefused>, StoreError> {
        for kind in Kind::ALL {
            if let Err(refused) = check_ids(kind, content.of(kind)) {
                return Ok(Err(refused));
            }
        }
        if self.campaign(campaign).await?.is_none() {
            return Ok(Err(ImportRefused::NoSuchCampaign));
        }
        let mut transaction = Transaction::begin(self).await?;
        for kind in Kind::ALL {
            if let Some(id) = self.foreign_id(&mut transaction, campaign, kind, content.of(kind)).await? {
                return Ok(Err(ImportRefused::OfAnotherCampaign { kind, id }));
            }
            for command in commands(campaign, kind, content.of(kind))? {
                transaction.write("import documents", command).await?;
            }
        }
        let only_ids = FindOptions::builder().projection(doc! { "_id": 1 }).build();
        let encounters = self.collection(Kind::Encounter.collection());
        let active = transaction.find("count active encounters", &encounters, active(campaign), only_ids).await?.len();
        if active > 1 {
            return Ok(Err(ImportRefused::ActiveEncounters(active)));
        }
        transaction.commit().await?;
        Ok(Ok(()))
    }

    async fn foreign_id(
        &self,
        transaction: &mut Transaction,
        campaign: &CampaignId,
        kind: Kind,
        entities: &[Value],
    ) -> Result<Option<String>, StoreError> {
        let ids: Vec<_> = entities.iter().filter_map(entity_id).collect();
        let filter = doc! { "_id": { "$in": ids }, "campaignId": { "$ne": campaign.as_str() } };
        let options = FindOptions::builder().projection(doc! { "_id": 1 }).limit(1).build();
        let found = transaction.find("look for documents of other campaigns", &self.collection(kind.collection()), filter, options).await?;
        Ok(found.first().and_then(|document| document.get_str("_id").ok()).map(str::to_owned))
    }
}

/// The id of an entity; what has none cannot be stored by itself.
pub fn entity_id(entity: &Value) -> Option<&str> {
    entity.get("id").and_then(Value::as_str).filter(|id| !id.is_empty())
}

fn check_ids(kind: Kind, entities: &[Value]) -> Result<(), ImportRefused> {
    let mut seen = BTreeSet::new();
    for (index, entity) in entities.iter().enumerate() {
        let id = entity_id(entity).ok_or(ImportRefused::NoId { kind, index })?;
        if !seen.insert(id) {
            return Err(ImportRefused::Twice { kind, id: id.to_owned() });
        }
    }
    Ok(())
}

fn commands(campaign: &CampaignId, kind: Kind, entities: &[Value]) -> Result<Vec<RawDocumentBuf>, StoreError> {
    const OPERATION: &str = "import documents";
    let mut updates = Batches::new(Verb::Update, kind.collection());
    for entity in entities {
        let Some(id) = entity_id(entity) else { continue };
        let filter = RawDocumentBuf::try_from(doc! { "_id": id, "campaignId": campaign.as_str() });
        let set = convert::append_value(RawDocumentBuf::new(), "document", entity).map_err(|error| unstorable(OPERATION, error))?;
        let unset = RawDocumentBuf::try_from(doc! { "removed": 1, "sync": 1 });
        let mut change = RawDocumentBuf::new();
        change.append(cstr!("$set"), set);
        change.append(cstr!("$unset"), unset.map_err(|error| unstorable(OPERATION, error))?);
        updates.upsert(&filter.map_err(|error| unstorable(OPERATION, error))?, &change);
    }
    Ok(updates.into_commands())
}
