//! Campaigns and their documents, let in for sessions to begin with. The gateway never touches MongoDB, so this is the way in.

use std::sync::Arc;

use bus::Message;
use game_state::{Object, Value};
use protocol::{
    CampaignId, ErrorBody,
    campaign::{Campaign, CampaignCommand, CampaignImport, DocumentCounts, ListDocuments, NewCampaign},
    rest::DocumentPage,
};
use serde::Serialize;
use serde_json::value::RawValue;
use store::{CampaignDocument, Content, ImportRefused};
use tokio::time::Instant;

use super::add_document::kind;
use crate::{context::Authority, load::Fault, reads::list::page_size, request::Caller, serve};

/// What a command on a campaign is answered.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum CampaignAnswer {
    Campaign(Campaign),
    Documents(DocumentPage),
}

impl Authority {
    /// `campaign.<id>.command`, or `campaign.<id>.import`.
    pub(crate) async fn campaign(
        self: &Arc<Self>,
        message: &Message,
        import: bool,
        deadline: Instant,
    ) -> Result<CampaignAnswer, ErrorBody> {
        let id = self.bus.subjects().campaign_of(&message.subject);
        let id = id.ok_or_else(|| ErrorBody::validation("BAD_SUBJECT", "the subject names no campaign"))?;
        let caller = Caller::from_headers(&message.headers, deadline)?;
        if import {
            return self.import_documents(&caller, &id, &message.payload).await.map(CampaignAnswer::Campaign);
        }
        match serve::read(&message.payload)? {
            CampaignCommand::Create(new) => self.create_campaign(&caller, &id, new).await.map(CampaignAnswer::Campaign),
            CampaignCommand::Read => self.read_campaign(&caller, &id).await.map(CampaignAnswer::Campaign),
            CampaignCommand::Documents(asked) => self.list_documents(&caller, &id, &asked).await.map(CampaignAnswer::Documents),
        }
    }

    async fn create_campaign(&self, caller: &Caller, id: &CampaignId, new: NewCampaign) -> Result<Campaign, ErrorBody> {
        only_admins(caller)?;
        let campaign = CampaignDocument {
            id: id.clone(),
            name: new.name,
            game_master_id: new.game_master_id,
            plugin_data: Value::Object(Object::default()),
        };
        if !self
            .retried("create a campaign", caller.deadline, || Box::pin(self.store.insert_campaign(&campaign)))
            .await
            .map_err(Fault::Store)?
        {
            // As ids are random, an earlier try of this one.
            tracing::debug!(campaign = %id, "the campaign exists already");
        }
        self.read_campaign(caller, id).await
    }

    async fn read_campaign(&self, caller: &Caller, id: &CampaignId) -> Result<Campaign, ErrorBody> {
        let campaign = self
            .retried("read a campaign", caller.deadline, || Box::pin(self.store.campaign(id)))
            .await
            .map_err(Fault::Store)?
            .ok_or_else(|| not_found(id))?;
        if !caller.leads(&campaign.game_master_id) {
            return Err(ErrorBody::permission("NOT_GAME_MASTER", "only the campaign's game master may see it"));
        }
        let counted =
            self.retried("read a campaign", caller.deadline, || Box::pin(self.store.count_campaign(id))).await.map_err(Fault::Store)?;
        let documents =
            DocumentCounts { characters: counted.characters, actors: counted.actors, items: counted.items, encounters: counted.encounters };
        Ok(Campaign { id: campaign.id, name: campaign.name, game_master_id: campaign.game_master_id, documents })
    }

    async fn list_documents(&self, caller: &Caller, id: &CampaignId, asked: &ListDocuments) -> Result<DocumentPage, ErrorBody> {
        let limit = page_size(asked.limit)?;
        let campaign = self.retried("read a campaign", caller.deadline, || Box::pin(self.store.campaign(id))).await;
        let campaign = campaign.map_err(Fault::Store)?.ok_or_else(|| not_found(id))?;
        if !caller.leads(&campaign.game_master_id) {
            return Err(ErrorBody::permission("NOT_GAME_MASTER", "only the campaign's game master may see its documents"));
        }
        let (kind, after) = (kind(asked.kind), asked.after.as_deref().unwrap_or_default());
        // One more tells whether there is another page.
        let mut found = self
            .retried("list documents", caller.deadline, || Box::pin(self.store.documents_above(id, kind, after, limit + 1)))
            .await
            .map_err(Fault::Store)?;
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let next = found.last().filter(|_| more).and_then(|last| last.get("id")?.as_str().map(str::to_owned));
        let written = found.iter().map(|document| RawValue::from_string(document.to_json())).collect::<Result<_, _>>();
        let documents = written.map_err(|error| ErrorBody::unavailable("INTERNAL", error.to_string()))?;
        Ok(DocumentPage { documents, next })
    }

    async fn import_documents(&self, caller: &Caller, id: &CampaignId, payload: &[u8]) -> Result<Campaign, ErrorBody> {
        only_admins(caller)?;
        let import: CampaignImport<'_> = serde_json::from_slice(payload)
            .map_err(|error| ErrorBody::validation("BAD_MESSAGE", format!("the documents cannot be read: {error}")))?;
        let values = |kind: &str, documents: &[&RawValue]| {
            let value = |(index, document): (usize, &&RawValue)| {
                Value::parse(document.get(), &self.config.limits)
                    .map_err(|rejection| ErrorBody::from(rejection).path(format!("{kind}.{index}")))
            };
            documents.iter().enumerate().map(value).collect::<Result<Vec<_>, _>>()
        };
        let content = Content {
            characters: values("characters", &import.characters)?,
            actors: values("actors", &import.actors)?,
            items: values("items", &import.items)?,
            encounters: values("encounters", &import.encounters)?,
        };
        match self.retried("import documents", caller.deadline, || Box::pin(self.store.import(id, &content))).await.map_err(Fault::Store)? {
            Ok(()) => self.read_campaign(caller, id).await,
            Err(ImportRefused::NoSuchCampaign) => Err(not_found(id)),
            Err(refused) => Err(ErrorBody::validation(reason(&refused), refused.to_string())),
        }
    }
}

fn reason(refused: &ImportRefused) -> &'static str {
    match refused {
        ImportRefused::NoSuchCampaign => "CAMPAIGN_NOT_FOUND",
        ImportRefused::NoId { .. } => "NO_ID",
        ImportRefused::Twice { .. } => "DUPLICATE_ID",
        ImportRefused::OfAnotherCampaign { .. } => "OTHER_CAMPAIGN",
        ImportRefused::ActiveEncounters(_) => "TOO_MANY_ACTIVE_ENCOUNTERS",
    }
}

fn only_admins(caller: &Caller) -> Result<(), ErrorBody> {
    if caller.admin { Ok(()) } else { Err(ErrorBody::permission("NOT_ADMIN", "only an admin may let campaigns and documents in")) }
}

fn not_found(id: &CampaignId) -> ErrorBody {
    ErrorBody::validation("CAMPAIGN_NOT_FOUND", format!("there is no campaign {id}"))
}
