//! Campaigns: the documents that sessions begin with.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use protocol::{
    CampaignId,
    campaign::{Campaign, CampaignCommand, ListDocuments, NewCampaign},
    rest::{DocumentKind, DocumentPage},
};
use serde::Deserialize;
use service_kit::random_id;

use super::{
    Problem, Who, import,
    sessions::whole_page,
    who::{Body, Id, Ids, Params, Raw},
};
use crate::service::Gateway;

/// `POST /api/campaigns`
pub(super) async fn create(
    State(gateway): State<Arc<Gateway>>,
    who: Who,
    Body(new): Body<NewCampaign>,
) -> Result<(StatusCode, Json<Campaign>), Problem> {
    who.must_be_admin()?;
    let id: CampaignId = random_id().parse().expect("a random id is an id");
    let campaign = gateway.authority.campaign(&id, &who.0, &CampaignCommand::Create(new)).await.map_err(|error| who.problem(error))?;
    Ok((StatusCode::CREATED, Json(campaign)))
}

/// `GET /api/campaigns/{id}`
pub(super) async fn read(State(gateway): State<Arc<Gateway>>, who: Who, Id(id): Id<CampaignId>) -> Result<Json<Campaign>, Problem> {
    gateway.authority.campaign(&id, &who.0, &CampaignCommand::Read).await.map(Json).map_err(|error| who.problem(error))
}

/// `POST /api/campaigns/{id}/import`: documents go through as they are, so that no number changes its form.
pub(super) async fn import_documents(
    State(gateway): State<Arc<Gateway>>,
    who: Who,
    Id(id): Id<CampaignId>,
    Raw(documents): Raw,
) -> Result<Json<Campaign>, Problem> {
    who.must_be_admin()?;
    import::import(&gateway, &id, &who.0, documents).await.map(Json).map_err(|error| who.problem(error))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DocumentsQuery {
    after: Option<String>,
    #[serde(default = "whole_page")]
    limit: u32,
}

/// `GET /api/campaigns/{id}/documents/{kind}`
pub(super) async fn documents(
    State(gateway): State<Arc<Gateway>>,
    who: Who,
    Ids(id, kind): Ids<CampaignId, DocumentKind>,
    Params(DocumentsQuery { after, limit }): Params<DocumentsQuery>,
) -> Result<Json<DocumentPage>, Problem> {
    who.page(limit)?;
    let asked = ListDocuments { kind, after, limit };
    gateway.authority.documents(&id, &who.0, asked).await.map(Json).map_err(|error| who.problem(error))
}
