//! The client events, the same on both transports: who sends them, what they are answered, and an example of each.

use serde_json::{Value, json};

use super::{
    book::Book,
    messages::{
        BotError, BotResponse, BotTyping, CatchUpRequest, EndRequest, GameStateErrorEvent, JoinAnswer, LeaveRequest, Nothing, StateAnswer,
    },
};
use crate::{
    auth::{AuthRefresh, AuthRefreshed},
    command::Commanded,
    event::{
        GameSessionEnded, GameSessionJoined, GameSessionLeft, GameSessionStatusChanged, Resync, UserLeft,
        chat::{Chat, ChatMessage, ChatSent},
        heartbeat::{GmConnectionStatus, HeartbeatPing, HeartbeatPong, HeartbeatQuality, HeartbeatReconnection, HeartbeatTimeout},
        name,
        notice::{EncounterChanged, EncounterNotice, SessionControl},
        roll::{Roll, RollResult},
        workflow::{MapAccepted, MapRequest, WorkflowProgress},
    },
    update::{StateUpdate, StateUpdateBroadcast, UpdateAccepted},
};

/// An event that clients send.
pub(super) struct Sent {
    /// Where it ends with a colon, the beginning of a family of names.
    pub(super) name: &'static str,
    /// `gm`, `participant` or `service`.
    pub(super) sender: &'static str,
    pub(super) summary: &'static str,
    pub(super) payload: String,
    pub(super) ack: String,
    pub(super) example: Value,
}

/// An event that clients get.
pub(super) struct Told {
    pub(super) name: &'static str,
    pub(super) recipients: &'static str,
    pub(super) payload: String,
    pub(super) example: Value,
}

const HASH: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";
const T: u64 = 1_767_225_600_000;

pub(super) fn sent(book: &mut Book) -> Vec<Sent> {
    let mut all = Vec::new();
    let mut add = |name, sender, summary, payload: String, ack: String, example| {
        all.push(Sent { name, sender, summary, payload, ack, example });
    };
    let held = json!({"sessionId": "s1", "version": "0", "hash": HASH});
    add(
        name::SESSION_JOIN,
        "participant",
        "Joins a session: its events come from now on, and the answer brings the client up to date.",
        book.reads::<CatchUpRequest>(),
        book.acks::<JoinAnswer>(),
        held.clone(),
    );
    add(
        name::STATE_REQUEST_FULL,
        "participant",
        "Asks for the state: whole, or what the client missed since the version that it holds.",
        book.reads::<CatchUpRequest>(),
        book.acks::<StateAnswer>(),
        json!("s1"),
    );
    add(
        name::STATE_UPDATE,
        "gm",
        "Changes the state: all operations or none. A re-send after a lost answer carries the same id and version.",
        book.reads::<StateUpdate<'_>>(),
        book.acks::<UpdateAccepted>(),
        json!({
            "id": "u1", "sessionId": "s1", "version": "0", "timestamp": T, "source": "gm",
            "operations": [{"path": "pluginData.round", "operation": "set", "value": 1}, {"path": "pluginData.round", "operation": "inc", "value": 2}],
        }),
    );
    add(
        name::CHAT,
        "participant",
        "Says something to the session, to one user of it, or to its game master.",
        book.reads::<Chat>(),
        book.acks::<ChatSent<'_>>(),
        json!({
            "sessionId": "s1", "message": "Well met, Mira", "recipient": {"type": "session"},
            "mentions": [{"id": "gm", "name": "Mira", "type": "user", "participantId": "gm", "startIndex": 10, "endIndex": 14}],
            "as": {"type": "actor", "id": "aria"},
        }),
    );
    let roll = json!({"sessionId": "s1", "formula": "2d6+1d20kh1+3", "recipients": "public", "reason": "Attack"});
    for (name, summary) in [
        (name::ROLL, "Rolls dice on the server: for everyone, for the roller alone, or for the roller and the game master."),
        (name::DICE_ROLL, "An old name of `roll`."),
        (name::ROLL_RESULT_OLD, "An old name of `roll`."),
    ] {
        add(name, "participant", summary, book.reads::<Roll>(), book.acks::<RollResult<'_>>(), roll.clone());
    }
    for (name, summary) in [
        (name::ENCOUNTER_START, "Tells the session that an encounter has started. It changes nothing."),
        (name::ENCOUNTER_PAUSE, "Tells the session that the encounter pauses. It changes nothing."),
        (name::ENCOUNTER_STOP, "Tells the session that the encounter has stopped. It changes nothing."),
        (name::ENCOUNTER_END, "Tells the session that the encounter is over. It changes nothing."),
    ] {
        add(
            name,
            "gm",
            summary,
            book.reads::<EncounterNotice>(),
            book.acks::<Nothing>(),
            json!({"sessionId": "s1", "encounterId": "ambush"}),
        );
    }
    let typing = json!({"sessionId": "s1", "botId": "sage", "botName": "Sage"});
    add(name::CHATBOT_TYPING, "service", "A bot begins to answer.", book.reads::<BotTyping>(), book.acks::<Nothing>(), typing.clone());
    add(name::CHATBOT_TYPING_STOP, "service", "A bot has stopped.", book.reads::<BotTyping>(), book.acks::<Nothing>(), typing);
    add(
        name::CHATBOT_RESPONSE,
        "service",
        "A bot answers, to the session or to one user of it.",
        book.reads::<BotResponse>(),
        book.acks::<Nothing>(),
        json!({
            "sessionId": "s1", "botId": "sage", "botName": "Sage", "response": "A longsword deals 1d8.", "messageType": "mention",
            "sources": [{"title": "Basic rules", "page": 149}], "processingTime": 812.5, "recipient": {"type": "session"},
        }),
    );
    add(
        name::CHATBOT_ERROR,
        "service",
        "A bot could not answer.",
        book.reads::<BotError>(),
        book.acks::<Nothing>(),
        json!({
            "sessionId": "s1", "botId": "sage", "botName": "Sage", "error": "no answer in time", "messageType": "direct",
        }),
    );
    let map = json!({"workflowId": "w1", "data": {"prompt": "a ruined keep"}});
    for (name, summary) in [
        (name::MAP_GENERATE, "Asks a worker for a map. The answer says that one has the request; progress follows to the user."),
        (name::MAP_EDIT, "Asks a worker to change a map."),
        (name::MAP_DETECT_FEATURES, "Asks a worker what is on a map."),
    ] {
        add(name, "participant", summary, book.reads::<MapRequest<'_>>(), book.acks::<MapAccepted>(), map.clone());
    }
    for (name, summary) in [
        (name::WORKFLOW_PROGRESS, "How far a worker is, for one user. Any name that begins so."),
        (name::WORKFLOW_STATE, "What a worker is at, for one user. Any name that begins so."),
    ] {
        add(name, "service", summary, book.reads::<WorkflowProgress<'_>>(), book.acks::<Nothing>(), workflow());
    }
    add(
        name::HEARTBEAT_PONG,
        "gm",
        "Answers `heartbeat:ping`.",
        book.reads::<HeartbeatPong>(),
        book.acks::<Nothing>(),
        json!({
            "sessionId": "s1", "pingId": "p1", "timestamp": T,
            "clientStatus": {"isProcessingActions": false, "queuedActionsCount": 0, "isInterfaceActive": true},
        }),
    );
    let control = json!({"sessionId": "s1", "action": "pause", "reason": "supper"});
    add(
        name::GM_SESSION_CONTROL,
        "gm",
        "Pauses, resumes or ends the session, as the REST commands do.",
        book.reads::<SessionControl>(),
        book.acks::<Commanded>(),
        control,
    );
    add(
        name::AUTH_REFRESH,
        "participant",
        "Goes on under a fresh token of the same user, on the open connection.",
        book.reads::<AuthRefresh>(),
        book.acks::<AuthRefreshed>(),
        json!({"token": "eyJhbGciOi..."}),
    );
    add(
        name::SESSION_LEAVE,
        "participant",
        "Leaves a session: this connection gets nothing more of it. Whoever may join may come back.",
        book.reads::<LeaveRequest>(),
        book.acks::<Nothing>(),
        json!("s1"),
    );
    add(
        name::SESSION_END,
        "gm",
        "Ends a session: its campaign's documents are written, then it is `ended`.",
        book.reads::<EndRequest>(),
        book.acks::<Commanded>(),
        json!({"sessionId": "s1", "reason": "the dragon is dead"}),
    );
    all
}

fn workflow() -> Value {
    json!({"workflowId": "w1", "userId": "p1", "type": "map", "progress": 40, "message": "drawing walls", "data": {"tiles": 12}})
}

pub(super) fn told(book: &mut Book) -> Vec<Told> {
    let mut all = Vec::new();
    let mut add = |name, recipients, payload: String, example| all.push(Told { name, recipients, payload, example });
    add(
        name::STATE_UPDATED,
        "session",
        book.writes::<StateUpdateBroadcast<'_>>(),
        json!({
            "sessionId": "s1", "operations": [{"path": "pluginData.round", "operation": "set", "value": 1}], "newVersion": "1", "expectedHash": HASH,
            "epoch": "e1", "timestamp": T, "source": "gm", "updateId": "u1", "kind": "update",
        }),
    );
    add(
        name::STATE_ERROR,
        "session, or one connection",
        book.writes::<GameStateErrorEvent>(),
        json!({"event": "chat", "error": {
            "code": "VALIDATION_ERROR", "message": "a message has 1 to 4000 characters", "retryable": false,
            "details": {"reason": "BAD_LENGTH", "path": "message", "limit": 4000, "actual": 0}, "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
        }}),
    );
    add(name::STATE_RESYNC, "one connection", book.writes::<Resync>(), json!({"sessionId": "s1"}));
    let joined = json!({"sessionId": "s1", "userId": "p1", "userName": "Ada", "isGM": false, "timestamp": T});
    add(name::SESSION_JOINED, "session, except the user", book.writes::<GameSessionJoined>(), joined.clone());
    add(name::USER_JOINED, "session, except the user", book.writes::<GameSessionJoined>(), joined.clone());
    add(
        name::SESSION_LEFT,
        "session, except the user",
        book.writes::<GameSessionLeft>(),
        json!({"sessionId": "s1", "userId": "p1", "userName": "Ada", "timestamp": T}),
    );
    add(name::USER_LEFT, "session, except the user", book.writes::<UserLeft>(), joined);
    let turned = json!({"sessionId": "s1", "by": "gm", "timestamp": T});
    add(name::SESSION_PAUSED, "session", book.writes::<GameSessionStatusChanged>(), turned.clone());
    add(name::SESSION_RESUMED, "session", book.writes::<GameSessionStatusChanged>(), turned);
    add(name::SESSION_ENDED, "session", book.writes::<GameSessionEnded>(), json!({"sessionId": "s1", "endedBy": "gm", "timestamp": T}));
    add(
        name::CHAT,
        "recipients of the message, and the sender",
        book.writes::<ChatMessage<'_>>(),
        json!({
            "id": "m1", "sessionId": "s1", "message": "Well met", "recipient": {"type": "gm"}, "sender": {"type": "user", "id": "p1", "name": "Ada"}, "timestamp": T,
        }),
    );
    add(
        name::ROLL_RESULT,
        "recipients of the roll",
        book.writes::<RollResult<'_>>(),
        json!({
            "id": "r1", "sessionId": "s1", "formula": "1d20+3", "rolls": [{"die": "d20", "result": 17, "kept": true}], "modifier": 3, "total": 20,
            "userId": "p1", "userName": "Ada", "recipients": "public", "timestamp": T,
        }),
    );
    for name in [name::ENCOUNTER_STARTED, name::ENCOUNTER_PAUSED, name::ENCOUNTER_STOPPED, name::ENCOUNTER_ENDED] {
        add(
            name,
            "session",
            book.writes::<EncounterChanged<'_>>(),
            json!({"sessionId": "s1", "encounterId": "ambush", "timestamp": T, "userId": "gm"}),
        );
    }
    let typing = json!({"sessionId": "s1", "botId": "sage", "botName": "Sage"});
    add(name::CHATBOT_TYPING, "session or one user", book.reads::<BotTyping>(), typing.clone());
    add(name::CHATBOT_TYPING_STOP, "session or one user", book.reads::<BotTyping>(), typing);
    add(
        name::CHATBOT_RESPONSE,
        "session or one user",
        book.reads::<BotResponse>(),
        json!({"sessionId": "s1", "botId": "sage", "botName": "Sage", "response": "1d8", "messageType": "direct"}),
    );
    add(
        name::CHATBOT_ERROR,
        "session or one user",
        book.reads::<BotError>(),
        json!({"sessionId": "s1", "botId": "sage", "botName": "Sage", "error": "no answer in time", "messageType": "direct"}),
    );
    for name in [name::WORKFLOW_PROGRESS, name::WORKFLOW_STATE] {
        add(name, "one user", book.reads::<WorkflowProgress<'_>>(), workflow());
    }
    add(
        name::GM_CONNECTION_STATUS,
        "session",
        book.writes::<GmConnectionStatus>(),
        json!({"sessionId": "s1", "connected": false, "since": T, "graceUntil": T + 10_000}),
    );
    add(
        name::HEARTBEAT_PING,
        "the game master's connections",
        book.writes::<HeartbeatPing>(),
        json!({"sessionId": "s1", "pingId": "p1", "sequence": 1, "timestamp": T, "timeoutMs": 15_000}),
    );
    add(
        name::HEARTBEAT_TIMEOUT,
        "session",
        book.writes::<HeartbeatTimeout>(),
        json!({"sessionId": "s1", "gmId": "gm", "timeoutDetectedAt": T, "lastHeartbeatAt": T - 15_000, "missedHeartbeats": 3}),
    );
    add(
        name::HEARTBEAT_RECONNECTION,
        "session",
        book.writes::<HeartbeatReconnection>(),
        json!({"sessionId": "s1", "gmId": "gm", "reconnectedAt": T, "disconnectionDurationMs": 4_000}),
    );
    add(
        name::HEARTBEAT_QUALITY,
        "the game master",
        book.writes::<HeartbeatQuality>(),
        json!({"sessionId": "s1", "roundTripMs": 12.5, "jitterMs": 1.5, "missed": 0}),
    );
    all
}
