//! Sessions beside their play: create, read, participants, and the turns of their status.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt, TryStreamExt};
use game_state::Version;
use protocol::{
    CampaignId, Command, ErrorBody, Identity, SessionId, SessionStatus, SessionSummary,
    history::{History, HistoryRequest},
    rest::{ListSessions, MOST_OF_A_PAGE, SessionPage},
    session::NewSession,
};
use serde::Deserialize;
use service_kit::random_id;

use super::{
    Problem, Who,
    who::{Body, Id, Params},
};
use crate::{
    access,
    answer::{self, Fields},
    room::catchup::FullState,
    service::Gateway,
};

type Shared = State<Arc<Gateway>>;

/// Of one page's sessions.
const ASKED_AT_ONCE: usize = 8;

/// `POST /api/sessions`
pub(super) async fn create(
    State(gateway): Shared,
    who: Who,
    Body(new): Body<NewSession>,
) -> Result<(StatusCode, Json<Arc<SessionSummary>>), Problem> {
    let id: SessionId = random_id().parse().expect("a random id is an id");
    let done = gateway.authority.command(&id, &who.0, &Command::Create(new)).await.map_err(|error| who.problem(error))?;
    Ok((StatusCode::CREATED, Json(done.session)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadQuery {
    #[serde(default)]
    state: bool,
}

/// `GET /api/sessions/{id}`, with `?state=true` the state too.
pub(super) async fn read(
    State(gateway): Shared,
    who: Who,
    Id(id): Id<SessionId>,
    Params(query): Params<ReadQuery>,
) -> Result<Response, Problem> {
    let who = who.of(&gateway, &id).await?;
    let done = gateway.authority.command(&id, &who.0, &Command::Read).await.map_err(|error| who.problem(error))?;
    if !query.state {
        return Ok(Json(done.session).into_response());
    }
    let state = gateway.authority.state_for(&id, &who.0, None).await.map_err(|error| who.problem(error))?;
    let mut json = serde_json::to_value(&done.session).expect("our own types become JSON");
    // These are the state's own: the session may have moved between the two reads.
    for of_state in ["gameStateVersion", "gameStateHash", "epoch", "status"] {
        json.as_object_mut().and_then(|fields| fields.remove(of_state));
    }
    let timestamp = state_timestamp(&state).unwrap_or(done.session.last_state_update);
    json["lastStateUpdate"] = timestamp.into();
    let body = answer::object(&[&Fields::of(&json), &Fields::of_success(&state.json)]);
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

fn state_timestamp(state: &FullState) -> Option<u64> {
    #[derive(Deserialize)]
    struct At {
        timestamp: u64,
    }
    serde_json::from_slice::<At>(&state.json).ok().map(|at| at.timestamp)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StateQuery {
    at: Option<Version>,
}

/// `GET /api/sessions/{id}/state`, with an ETag of epoch and version; with `?at=` as it was at a version.
pub(super) async fn state(
    State(gateway): Shared,
    who: Who,
    Id(id): Id<SessionId>,
    Params(StateQuery { at }): Params<StateQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let who = who.of(&gateway, &id).await?;
    let held = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if let Some(held) = held {
        // Reading the head is cheap; the state may be large.
        let done = gateway.authority.command(&id, &who.0, &Command::Read).await.map_err(|error| who.problem(error))?;
        let head = done.session.game_state_version;
        let tag = etag(done.session.epoch.as_str(), at.unwrap_or(head));
        // A version that is still to come is not what anybody holds.
        if at.is_none_or(|at| at <= head) && held.split(',').any(|one| one.trim().trim_start_matches("W/") == tag) {
            return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
        }
    }
    let FullState { head, json } = gateway.authority.state_for(&id, &who.0, at).await.map_err(|error| who.problem(error))?;
    let mut response = json_body(answer::object(&[&Fields::of_success(&json)]).into()).into_response();
    if let Ok(tag) = HeaderValue::from_str(&etag(head.position.epoch.as_str(), head.position.version)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    // It is for those who may read the session, and only as long as it is the newest.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}

fn etag(epoch: &str, version: Version) -> String {
    format!("\"{epoch}.{version}\"")
}

fn json_body(json: Bytes) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], json)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct HistoryQuery {
    #[serde(default)]
    since: Version,
    #[serde(default = "whole_page")]
    limit: u32,
    #[serde(default)]
    with_previous: bool,
}

/// `GET /api/sessions/{id}/history`
pub(super) async fn history(
    State(gateway): Shared,
    who: Who,
    Id(id): Id<SessionId>,
    Params(query): Params<HistoryQuery>,
) -> Result<Json<History>, Problem> {
    let HistoryQuery { since, limit, with_previous } = query;
    who.page(limit)?;
    let who = who.of(&gateway, &id).await?;
    let asked = HistoryRequest { since, epoch: None, limit, with_previous };
    gateway.authority.history_for(&id, &who.0, &asked).await.map(Json).map_err(|error| who.problem(error))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ListQuery {
    campaign_id: Option<CampaignId>,
    status: Option<SessionStatus>,
    after: Option<String>,
    #[serde(default = "whole_page")]
    limit: u32,
}

pub(super) fn whole_page() -> u32 {
    MOST_OF_A_PAGE
}

/// `GET /api/sessions`
pub(super) async fn list(State(gateway): Shared, who: Who, Params(query): Params<ListQuery>) -> Result<Json<SessionPage>, Problem> {
    let ListQuery { campaign_id, status, after, limit } = query;
    who.page(limit)?;
    let asked = ListSessions { campaign_id, status, after, limit };
    let mut page = gateway.authority.list_sessions(&who.0, &asked).await.map_err(|error| who.problem(error))?;
    only_own(&gateway, &who, &mut page.sessions).await.map_err(|error| who.problem(error))?;
    Ok(Json(page))
}

/// Leaves out those in which the caller does not take part any more, as the service of memberships says.
async fn only_own(gateway: &Gateway, who: &Who, sessions: &mut Vec<SessionSummary>) -> Result<(), ErrorBody> {
    let Identity { user, admin, system, .. } = &*who.0.identity;
    let Some(membership) = gateway.accesses.membership().filter(|_| !admin && !system) else { return Ok(()) };
    let asked = futures_util::stream::iter(std::mem::take(sessions)).map(async |session| {
        if session.game_master_id == *user {
            return Ok::<_, ErrorBody>((true, session));
        }
        let players = membership.players(&session.id, &session.campaign_id).await.ok_or_else(access::unknown)?;
        Ok((players.users.contains(user), session))
    });
    let mut asked = std::pin::pin!(asked.buffered(ASKED_AT_ONCE));
    while let Some((is_own, session)) = asked.try_next().await? {
        if is_own {
            sessions.push(session);
        }
    }
    Ok(())
}
