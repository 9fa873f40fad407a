//! Campaigns: the documents that sessions begin with.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use protocol::{
    CampaignId,
    campaign::{Campaign, CampaignCommand, NewCampaign},
};
use service_kit::random_id;

use super::{
    Problem, Who,
    who::{Body, Id, Raw},
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

/// `POST /api/campaigns/{id}/import`: the body goes through as it is, so that no number changes its form.
pub(super) async fn import(
    State(gateway): State<Arc<Gateway>>,
    who: Who,
    Id(id): Id<CampaignId>,
    Raw(documents): Raw,
) -> Result<Json<Campaign>, Problem> {
    who.must_be_admin()?;
    gateway.authority.import(&id, &who.0, documents).await.map(Json).map_err(|error| who.problem(error))
}
