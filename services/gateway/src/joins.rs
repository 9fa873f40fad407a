//! Joining, leaving and ending a session, and asking for its state.
//!
//! A join subscribes first, then asks the authority: what is committed after its answer cannot be missed. The room writes the
//! answer and then only what is newer. Joining is presence, not permission: who may join is the session's to say.

use std::sync::Arc;

use protocol::{
    Command, ErrorBody, PROTOCOL_VERSION, SessionId,
    command::{CommandDone, Commanded},
    event::name,
    session::Joined,
};
use serde::Deserialize;
use tokio::sync::oneshot;

use crate::{
    answer::Fields,
    authority::head_of,
    client::{Noted, Reply},
    events::{object_or_id, settle},
    lanes::{Done, Job},
    room::catchup::{CatchUp, Held, Joining},
    rooms::Visit,
    service::Gateway,
};

/// What this gateway can beyond the plan's events, for clients that ask.
const FEATURES: [&str; 7] = ["auth-refresh", "catch-up", "epoch", "heartbeat", "presence", "resync", "trace"];

/// `gameSession:join`, with the session's id alone or an object.
#[tracing::instrument(name = "gateway.session.join", level = "debug", skip_all, fields(session = %job.session, trace_id = job.reply.trace_id()))]
pub async fn join(gateway: Arc<Gateway>, job: Job) -> Done {
    let Job { session, data, reply, .. } = job;
    let client = reply.conn().client();
    let limit = gateway.settings.limits.sessions_per_connection;
    if client.joined(&session).is_none() && client.joined_count() >= limit {
        return settle(reply, too_many_sessions(limit));
    }
    let held = match object_or_id::<Held>(&data) {
        Ok(held) => held,
        Err(error) => return settle(reply, error),
    };
    let visit = gateway.rooms.visit(&gateway, &session);
    let done = match opened(&gateway, &visit, &reply, &Command::Join).await {
        Ok(done) => done,
        Err(error) => return settle(reply, error),
    };
    let (present, present_count) = gateway.presence.present(&session);
    let mut limits = gateway.settings.limits.clone();
    // Those of an update are the authority's. One of the release before does not say them, and goes by the defaults mostly.
    if let Some(state) = &done.limits {
        limits.state = state.clone();
    }
    let fields = Fields::of(&Joined {
        session: &done.session,
        protocol_version: PROTOCOL_VERSION,
        limits: &limits,
        features: &FEATURES,
        present,
        present_count,
    });
    // What is sent to this user alone must not miss a connection that was told it has joined.
    if let Err(error) = gateway.users.listening(&client.identity.user, gateway.settings.request_timeout()).await {
        return settle(reply, error);
    }
    let is_gm = done.session.game_master_id == client.identity.user;
    let conn = Arc::clone(reply.conn());
    let noted = conn.client().note_joined(&session, &visit.room, limit);
    match noted {
        Noted::First | Noted::Again => {}
        Noted::TooMany => return settle(reply, too_many_sessions(limit)),
        Noted::Gone => return Done::Settled,
    }
    let join = Some(Joining { fields, is_gm, game_master: done.session.game_master_id.clone(), status: done.session.status });
    let joined = ask(&visit, CatchUpAsk { reply, held, join, needed: Some(head_of(&done)) }).await;
    // Who was there before is so still.
    if !joined && noted == Noted::First {
        conn.client().forget_joined(&session);
    }
    Done::Settled
}

fn too_many_sessions(limit: usize) -> ErrorBody {
    let error = ErrorBody::validation("TOO_MANY_SESSIONS", format!("at most {limit} sessions a connection"));
    error.limit(limit as u64, limit as u64 + 1)
}

/// `gameState:requestFull`, with the session's id alone or an object that says what the client holds.
#[tracing::instrument(name = "gateway.session.request_full", level = "debug", skip_all, fields(session = %job.session, trace_id = job.reply.trace_id()))]
pub async fn request_full(gateway: Arc<Gateway>, job: Job) -> Done {
    let Job { session, data, reply, .. } = job;
    let held = match object_or_id::<Held>(&data) {
        Ok(held) => held,
        Err(error) => return settle(reply, error),
    };
    let visit = gateway.rooms.visit(&gateway, &session);
    let needed = if reply.conn().client().joined(&session).is_some() {
        None
    } else {
        // Who has not joined is asked for at the authority, and then served like the others.
        match opened(&gateway, &visit, &reply, &Command::Read).await {
            Ok(done) => Some(head_of(&done)),
            Err(error) => return settle(reply, error),
        }
    };
    ask(&visit, CatchUpAsk { reply, held, join: None, needed }).await;
    Done::Settled
}

/// `gameSession:leave`. The connection gets nothing more of the session; the user may come back.
pub async fn leave(gateway: Arc<Gateway>, job: Job) -> Done {
    let Job { session, reply, .. } = job;
    let conn = Arc::clone(reply.conn());
    let Some(room) = conn.client().forget_joined(&session) else {
        reply.success(&[]);
        return Done::Settled;
    };
    // Presence is ours; the authority is told so that a GM's leaving is written back at once. Another tab that stays is no leaving.
    if room.leave(conn.id().clone()).await
        && let Err(error) = tell_of_leave(&gateway, &session, &reply).await
    {
        tracing::info!(%session, reason = error.details.reason, "the authority did not hear of a leave");
    }
    reply.success(&[]);
    Done::Settled
}

async fn tell_of_leave(gateway: &Gateway, session: &SessionId, reply: &Reply) -> Result<CommandDone, ErrorBody> {
    let caller = gateway.accesses.vouch(&gateway.authority, session, reply.caller()).await?;
    gateway.authority.command(session, &caller, &Command::Leave).await
}

/// `gameSession:end`
pub async fn end(gateway: Arc<Gateway>, job: Job) -> Done {
    #[derive(Default, Deserialize)]
    struct End {
        #[serde(default)]
        reason: Option<String>,
        #[serde(default)]
        force: bool,
    }
    let Job { session, data, reply, .. } = job;
    let End { reason, force } = match object_or_id(&data) {
        Ok(end) => end,
        Err(error) => return settle(reply, error),
    };
    match gateway.authority.command(&session, &reply.caller(), &Command::End { reason, force }).await {
        Ok(done) => {
            reply.success(&[&Fields::of(&Commanded::from(done))]);
            Done::Settled
        }
        Err(error) => settle(reply, error),
    }
}

/// What an older client's event is called now.
pub fn instead_of(event: &str) -> &'static str {
    if event == "joinSession" { name::SESSION_JOIN } else { name::SESSION_LEAVE }
}

/// Asks the authority once the room listens.
async fn opened(gateway: &Gateway, visit: &Visit, reply: &Reply, command: &Command) -> Result<CommandDone, ErrorBody> {
    let unavailable = || ErrorBody::unavailable("DISCONNECTED", "the platform is not reachable");
    match tokio::time::timeout(gateway.settings.request_timeout(), visit.ready()).await {
        Ok(true) => {}
        Ok(false) | Err(_) => return Err(unavailable()),
    }
    let session = visit.room.session().clone();
    let asked = async {
        let caller = gateway.accesses.vouch(&gateway.authority, &session, reply.caller()).await?;
        gateway.authority.command(&session, &caller, command).await
    };
    let mut error = match asked.await {
        Ok(done) => return Ok(done),
        Err(error) => error,
    };
    // Asking again changes nothing: a read has no outcome.
    error.outcome = None;
    Err(error)
}

struct CatchUpAsk {
    reply: Reply,
    held: Held,
    join: Option<Joining>,
    needed: Option<protocol::position::Head>,
}

/// Hands it to the room. Returns, when it is answered, whether with a success.
async fn ask(visit: &Visit, ask: CatchUpAsk) -> bool {
    let CatchUpAsk { reply, held, join, needed } = ask;
    let (done, answered) = oneshot::channel();
    visit.room.catch_up(CatchUp { reply, held, join, needed, done }).await;
    // The room drops it when the connection is gone.
    answered.await.unwrap_or(false)
}
