//! Sessions beside their play: create, read, participants, and the turns of their status.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use protocol::{Command, SessionId, SessionSummary, UserId, command::Commanded, session::NewSession};
use serde::Deserialize;
use service_kit::random_id;

use super::{
    Problem, Who,
    who::{Body, Id},
};
use crate::{
    answer::{self, Fields},
    room::catchup::FullState,
    service::Gateway,
};

type Shared = State<Arc<Gateway>>;
type Answer = Result<Json<Commanded>, Problem>;

/// `POST /api/sessions`
pub(super) async fn create(
    State(gateway): Shared,
    who: Who,
    Body(new): Body<NewSession>,
) -> Result<(StatusCode, Json<SessionSummary>), Problem> {
    let id: SessionId = random_id().parse().expect("a random id is an id");
    let done = gateway.authority.command(&id, &who.0, &Command::Create(new)).await.map_err(|error| who.problem(error))?;
    Ok((StatusCode::CREATED, Json(done.session)))
}

#[derive(Deserialize)]
pub(super) struct ReadQuery {
    #[serde(default)]
    state: bool,
}

/// `GET /api/sessions/{id}`, with `?state=true` the state too.
pub(super) async fn read(
    State(gateway): Shared,
    who: Who,
    Id(id): Id<SessionId>,
    Query(query): Query<ReadQuery>,
) -> Result<Response, Problem> {
    let done = gateway.authority.command(&id, &who.0, &Command::Read).await.map_err(|error| who.problem(error))?;
    if !query.state {
        return Ok(Json(done.session).into_response());
    }
    let state = gateway.authority.state_for(&id, &who.0).await.map_err(|error| who.problem(error))?;
    // The pair of version and state is the state's own: the session may have moved between the two reads.
    let session = SessionSummary { game_state_version: state.head.position.version, ..done.session };
    let mut json = serde_json::to_value(&session).expect("our own types become JSON");
    for of_state in ["gameStateVersion", "gameStateHash", "epoch", "status"] {
        json.as_object_mut().and_then(|fields| fields.remove(of_state));
    }
    let timestamp = state_timestamp(&state).unwrap_or(session.last_state_update);
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

/// `GET /api/sessions/{id}/state`, with an ETag of epoch and version.
pub(super) async fn state(State(gateway): Shared, who: Who, Id(id): Id<SessionId>, headers: HeaderMap) -> Result<Response, Problem> {
    let held = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if let Some(held) = held {
        // Reading the head is cheap; the state may be large.
        let done = gateway.authority.command(&id, &who.0, &Command::Read).await.map_err(|error| who.problem(error))?;
        let tag = etag(done.session.epoch.as_str(), done.session.game_state_version);
        if held.split(',').any(|one| one.trim().trim_start_matches("W/") == tag) {
            return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
        }
    }
    let FullState { head, json } = gateway.authority.state_for(&id, &who.0).await.map_err(|error| who.problem(error))?;
    let mut response = json_body(answer::object(&[&Fields::of_success(&json)]).into()).into_response();
    if let Ok(tag) = HeaderValue::from_str(&etag(head.position.epoch.as_str(), head.position.version)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    // It is for those who may read the session, and only as long as it is the newest.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}

fn etag(epoch: &str, version: game_state::Version) -> String {
    format!("\"{epoch}.{version}\"")
}

fn json_body(json: Bytes) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], json)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Participants {
    participants: Vec<UserId>,
}

/// `POST /api/sessions/{id}/participants`
pub(super) async fn add_participants(State(gateway): Shared, who: Who, Id(id): Id<SessionId>, Body(body): Body<Participants>) -> Answer {
    command(&gateway, &who, &id, &Command::AddParticipants { participants: body.participants }).await
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Why {
    #[serde(default)]
    reason: Option<String>,
}

/// `POST /api/sessions/{id}/start`
pub(super) async fn start(State(gateway): Shared, who: Who, Id(id): Id<SessionId>) -> Answer {
    command(&gateway, &who, &id, &Command::Start).await
}

/// `POST /api/sessions/{id}/pause`
pub(super) async fn pause(State(gateway): Shared, who: Who, Id(id): Id<SessionId>, Body(Why { reason }): Body<Why>) -> Answer {
    command(&gateway, &who, &id, &Command::Pause { reason }).await
}

/// `POST /api/sessions/{id}/resume`
pub(super) async fn resume(State(gateway): Shared, who: Who, Id(id): Id<SessionId>) -> Answer {
    command(&gateway, &who, &id, &Command::Resume).await
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HowToEnd {
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    force: bool,
}

/// `POST /api/sessions/{id}/end`
pub(super) async fn end(
    State(gateway): Shared,
    who: Who,
    Id(id): Id<SessionId>,
    Body(HowToEnd { reason, force }): Body<HowToEnd>,
) -> Answer {
    command(&gateway, &who, &id, &Command::End { reason, force }).await
}

async fn command(gateway: &Gateway, who: &Who, id: &SessionId, command: &Command) -> Answer {
    gateway.authority.command(id, &who.0, command).await.map(|done| Json(done.into())).map_err(|error| who.problem(error))
}
