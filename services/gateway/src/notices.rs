//! Notices to a session that change nothing: of the game master about the encounter, of services about their bots. And the
//! game master's turns of the session by one event, which do the same as by REST.

use std::sync::Arc;

use protocol::{
    Command, ErrorBody,
    command::Commanded,
    event::{
        chat::Recipient,
        heartbeat::HeartbeatPong,
        name,
        notice::{BotEvent, EncounterChanged, EncounterNotice, SessionAction, SessionControl},
    },
};
use serde_json::Value;

use crate::{
    answer::Fields,
    events::{must_be_service, read, settle, taking_part},
    lanes::{Done, Job},
    relay,
    service::Gateway,
};

/// `encounter:start`, `:stop`, `:pause` and `:end`
pub async fn encounter(gateway: Arc<Gateway>, job: Job) -> Done {
    let told = tell_encounter(&gateway, &job).await;
    finish(job, told)
}

async fn tell_encounter(gateway: &Gateway, job: &Job) -> Result<(), ErrorBody> {
    let EncounterNotice { session_id, encounter_id } = read(&job.data)?;
    if encounter_id.is_empty() || encounter_id.len() > 128 {
        return Err(ErrorBody::validation("BAD_LENGTH", "an encounter's id has 1 to 128 bytes").path("encounterId"));
    }
    let access = taking_part(gateway, job).await?;
    let user = &job.reply.conn().client().identity.user;
    if access.game_master != *user {
        return Err(ErrorBody::permission("NOT_GM", "only the game master does this"));
    }
    let told = match job.sent_as.as_str() {
        name::ENCOUNTER_START => name::ENCOUNTER_STARTED,
        name::ENCOUNTER_STOP => name::ENCOUNTER_STOPPED,
        name::ENCOUNTER_PAUSE => name::ENCOUNTER_PAUSED,
        _ => name::ENCOUNTER_ENDED,
    };
    let data = EncounterChanged { session_id: &session_id, encounter_id: &encounter_id, timestamp: gateway.clock.now_ms(), user_id: user };
    relay::to_session(gateway, &session_id, told, &data).await
}

/// Which fields an event must have, and may not have.
fn check(bot: &BotEvent, event: &str) -> Result<(), ErrorBody> {
    let wanted = match event {
        name::CHATBOT_RESPONSE => (true, false),
        name::CHATBOT_ERROR => (false, true),
        _ => (false, false),
    };
    let is_message = wanted.0 || wanted.1;
    let extras = bot.message_type.is_some() || bot.sources.is_some() || bot.processing_time.is_some();
    let fits = (bot.response.is_some(), bot.error.is_some()) == wanted
        && if is_message { bot.bot_name.is_some() && bot.message_type.is_some() } else { !extras };
    let sound = (1..=128).contains(&bot.bot_id.len()) && bot.sources.as_ref().is_none_or(|sources| sources.len() <= 50);
    if fits && sound { Ok(()) } else { Err(ErrorBody::validation("BAD_MESSAGE", "the fields are not those of this event")) }
}

/// `chatbot:*`
pub async fn chatbot(gateway: Arc<Gateway>, job: Job) -> Done {
    let told = tell_of_bot(&gateway, &job).await;
    finish(job, told)
}

async fn tell_of_bot(gateway: &Gateway, job: &Job) -> Result<(), ErrorBody> {
    must_be_service(job)?;
    let bot: BotEvent = read(&job.data)?;
    check(&bot, &job.sent_as)?;
    let mut data: Value = read(&job.data)?;
    if let Some(fields) = data.as_object_mut() {
        fields.remove("recipient");
    }
    let access = gateway.accesses.of(&gateway.authority, &bot.session_id).await?;
    match &bot.recipient {
        None | Some(Recipient::Session {}) => relay::to_session(gateway, &bot.session_id, &job.sent_as, &data).await,
        Some(Recipient::Gm {}) => relay::to_user(gateway, &access.game_master, &job.sent_as, &data).await,
        Some(Recipient::User { id }) if access.takes_part(id)? => relay::to_user(gateway, id, &job.sent_as, &data).await,
        Some(Recipient::User { .. }) => {
            Err(ErrorBody::validation("NO_SUCH_RECIPIENT", "this user does not take part in the session").path("recipient.id"))
        }
    }
}

/// `gm:session-control`
pub async fn session_control(gateway: Arc<Gateway>, job: Job) -> Done {
    let SessionControl { session_id, action, reason } = match read(&job.data) {
        Ok(control) => control,
        Err(error) => return settle(job.reply, error),
    };
    let command = match action {
        SessionAction::Pause => Command::Pause { reason },
        SessionAction::Resume => Command::Resume { reason },
        SessionAction::End => Command::End { reason, force: false },
    };
    match gateway.authority.command(&session_id, &job.reply.caller(), &command).await {
        Ok(done) => job.reply.success(&[&Fields::of(&Commanded::from(done))]),
        Err(error) => return settle(job.reply, error),
    }
    Done::Settled
}

/// `heartbeat:pong`
pub async fn pong(gateway: Arc<Gateway>, job: Job) -> Done {
    let told = take_pong(&gateway, &job).await;
    finish(job, told)
}

async fn take_pong(gateway: &Gateway, job: &Job) -> Result<(), ErrorBody> {
    let HeartbeatPong { session_id, ping_id, client_status, .. } = read(&job.data)?;
    let status = client_status.and_then(|status| status.status_message).unwrap_or_default();
    for (text, limit, path) in [(&ping_id, 64, "pingId"), (&status, 500, "clientStatus.statusMessage")] {
        let length = text.chars().count();
        if length > limit {
            let error = ErrorBody::validation("BAD_LENGTH", format!("at most {limit} characters"));
            return Err(error.path(path).limit(limit as u64, length as u64));
        }
    }
    let access = taking_part(gateway, job).await?;
    let client = job.reply.conn().client();
    if access.game_master != client.identity.user {
        return Err(ErrorBody::permission("NOT_GM", "only the game master does this"));
    }
    let Some(room) = client.joined(&session_id) else {
        return Err(ErrorBody::validation("NOT_JOINED", "join the session first"));
    };
    room.pong(ping_id).await;
    Ok(())
}

pub(crate) fn finish(job: Job, done: Result<(), ErrorBody>) -> Done {
    match done {
        Ok(()) => job.reply.success(&[]),
        Err(error) => return settle(job.reply, error),
    }
    Done::Settled
}
