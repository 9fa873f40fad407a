//! Payloads that the code puts together from several types, or reads in steps. They have no type of their own elsewhere.

use schemars::JsonSchema;

use crate::{
    ErrorBody, SessionId,
    event::{
        EventRefused, GameStateError,
        chat::Recipient,
        notice::{MessageType, Source},
    },
    session::{Joined, JoinedNow},
    state::{FullState, HeadOnly, Held, MissedUpdates, NotModified},
};

/// `gameSession:join` and `gameState:requestFull`: the session's id alone, or with what the client holds.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "stands for its schema")]
pub(super) enum CatchUpRequest {
    Id(SessionId),
    Held(HeldOfSession),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "stands for its schema")]
pub(super) struct HeldOfSession {
    session_id: SessionId,
    #[schemars(flatten)]
    held: Held,
}

/// `gameSession:leave`.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "stands for its schema")]
pub(super) enum LeaveRequest {
    Id(SessionId),
    Object {
        #[schemars(rename = "sessionId")]
        session_id: SessionId,
    },
}

/// `gameSession:end`.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "stands for its schema")]
pub(super) enum EndRequest {
    Id(SessionId),
    Object {
        #[schemars(rename = "sessionId")]
        session_id: SessionId,
        reason: Option<String>,
        /// Admins only: end without waiting for the backing documents.
        #[schemars(default)]
        force: bool,
    },
}

/// The state as clients get it: whole, as what they missed, or as a word that they have it.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "stands for its schema")]
pub(super) enum StateAnswer {
    Full(FullState<'static>),
    Missed(MissedUpdates<'static>),
    NotModified(NotModified),
}

/// The answer to a join: the session, and the state if the client said what it holds.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "stands for its schema")]
pub(super) struct JoinAnswer {
    #[schemars(flatten)]
    joined: Joined<'static>,
    #[schemars(flatten)]
    now: JoinedNow,
    #[schemars(flatten)]
    state: JoinedState,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "stands for its schema")]
pub(super) enum JoinedState {
    Full(FullState<'static>),
    Missed(MissedUpdates<'static>),
    NotModified(NotModified),
    HeadOnly(HeadOnly),
}

/// A success that has nothing to tell.
#[derive(JsonSchema)]
pub(super) struct Nothing {}

/// `gameState:error`: of the session, or to one connection.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "stands for its schema")]
pub(super) enum GameStateErrorEvent {
    OfSession(GameStateError),
    OfEvent(EventRefused<'static>),
}

/// `chatbot:typing` and `chatbot:typing-stop`. `recipient` is read and not sent on.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "stands for its schema")]
pub(super) struct BotTyping {
    session_id: SessionId,
    #[schemars(length(min = 1, max = 128))]
    bot_id: String,
    bot_name: Option<String>,
    recipient: Option<Recipient>,
}

/// `chatbot:response`. `recipient` is read and not sent on.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "stands for its schema")]
pub(super) struct BotResponse {
    session_id: SessionId,
    #[schemars(length(min = 1, max = 128))]
    bot_id: String,
    bot_name: String,
    recipient: Option<Recipient>,
    response: String,
    message_type: MessageType,
    sources: Option<Vec<Source>>,
    processing_time: Option<f64>,
}

/// `chatbot:error`. `recipient` is read and not sent on.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "stands for its schema")]
pub(super) struct BotError {
    session_id: SessionId,
    #[schemars(length(min = 1, max = 128))]
    bot_id: String,
    bot_name: String,
    recipient: Option<Recipient>,
    error: String,
    message_type: MessageType,
    sources: Option<Vec<Source>>,
    processing_time: Option<f64>,
}

/// A frame on `/ws`. The first one is `auth`; the answer to a frame with an `id` is the event `ack` with the same `id`.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "stands for its schema")]
pub(super) struct Frame {
    event: String,
    /// Asks for an answer.
    id: Option<FrameId>,
    data: Option<serde_json::Value>,
    /// W3C Trace Context, as in the header `traceparent`.
    trace: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "stands for its schema")]
pub(super) enum FrameId {
    Number(u64),
    Text(#[schemars(length(max = 64))] String),
}

/// The first frame's `data`.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "stands for its schema")]
pub(super) struct Auth {
    /// A JSON Web Token.
    token: String,
}

/// A refusal as REST tells it, by RFC 9457, with everything else of the error.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "stands for its schema")]
pub(super) struct Problem {
    r#type: String,
    title: String,
    status: u16,
    detail: String,
    #[schemars(flatten)]
    error: ErrorBody,
}

/// The answer to `auth`.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "stands for its schema")]
pub(super) struct Connected {
    connection_id: crate::ConnectionId,
}
