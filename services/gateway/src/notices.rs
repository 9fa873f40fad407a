//! Notices to a session that change nothing: of the game master about the encounter, of services about their bots. And the
//! game master's turns of the session by one event, which do the same as by REST.

use std::sync::Arc;

use protocol::{Command, ErrorBody, SessionId, UserId, event::name};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    answer::Fields,
    chat::Recipient,
    events::{must_be_service, read, settle, taking_part},
    joins::Commanded,
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
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Encounter {
        session_id: SessionId,
        encounter_id: String,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Told<'a> {
        session_id: &'a SessionId,
        encounter_id: &'a str,
        timestamp: u64,
        user_id: &'a UserId,
    }
    let Encounter { session_id, encounter_id } = read(&job.data)?;
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
    let data = Told { session_id: &session_id, encounter_id: &encounter_id, timestamp: gateway.clock.now_ms(), user_id: user };
    relay::to_session(gateway, &session_id, told, &data).await
}

/// Of a service's bot: to the session, or to one user of it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Bot {
    session_id: SessionId,
    bot_id: String,
    #[serde(default)]
    bot_name: Option<String>,
    #[serde(default)]
    recipient: Option<Recipient>,
    #[serde(default)]
    response: Option<String>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    message_type: Option<MessageType>,
    #[serde(default)]
    sources: Option<Vec<Source>>,
    #[serde(default)]
    processing_time: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum MessageType {
    Direct,
    Mention,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read for its form; sent on as written")]
struct Source {
    title: String,
    #[serde(default)]
    page: Option<Value>,
    #[serde(default)]
    section: Option<String>,
    #[serde(default)]
    url: Option<String>,
}

impl Bot {
    /// Which fields an event must have, and may not have.
    fn check(&self, event: &str) -> Result<(), ErrorBody> {
        let wanted = match event {
            name::CHATBOT_RESPONSE => (true, false),
            name::CHATBOT_ERROR => (false, true),
            _ => (false, false),
        };
        let is_message = wanted.0 || wanted.1;
        let extras = self.message_type.is_some() || self.sources.is_some() || self.processing_time.is_some();
        let fits = (self.response.is_some(), self.error.is_some()) == wanted
            && if is_message { self.bot_name.is_some() && self.message_type.is_some() } else { !extras };
        let sound = (1..=128).contains(&self.bot_id.len()) && self.sources.as_ref().is_none_or(|sources| sources.len() <= 50);
        if fits && sound { Ok(()) } else { Err(ErrorBody::validation("BAD_MESSAGE", "the fields are not those of this event")) }
    }
}

/// `chatbot:*`
pub async fn chatbot(gateway: Arc<Gateway>, job: Job) -> Done {
    let told = tell_of_bot(&gateway, &job).await;
    finish(job, told)
}

async fn tell_of_bot(gateway: &Gateway, job: &Job) -> Result<(), ErrorBody> {
    must_be_service(job)?;
    let bot: Bot = read(&job.data)?;
    bot.check(&job.sent_as)?;
    let mut data: Value = read(&job.data)?;
    if let Some(fields) = data.as_object_mut() {
        fields.remove("recipient");
    }
    let access = gateway.accesses.of(&gateway.authority, &bot.session_id).await?;
    match &bot.recipient {
        None | Some(Recipient::Session {}) => relay::to_session(gateway, &bot.session_id, &job.sent_as, &data).await,
        Some(Recipient::Gm {}) => relay::to_user(gateway, &access.game_master, &job.sent_as, &data).await,
        Some(Recipient::User { id }) if access.takes_part(id) => relay::to_user(gateway, id, &job.sent_as, &data).await,
        Some(Recipient::User { .. }) => {
            Err(ErrorBody::validation("NO_SUCH_RECIPIENT", "this user does not take part in the session").path("recipient.id"))
        }
    }
}

/// `gm:session-control`
pub async fn session_control(gateway: Arc<Gateway>, job: Job) -> Done {
    #[derive(Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Action {
        Pause,
        Resume,
        End,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Control {
        session_id: SessionId,
        action: Action,
        #[serde(default)]
        reason: Option<String>,
    }
    let Control { session_id, action, reason } = match read(&job.data) {
        Ok(control) => control,
        Err(error) => return settle(job.reply, error),
    };
    let command = match action {
        Action::Pause => Command::Pause { reason },
        Action::Resume => Command::Resume,
        Action::End => Command::End { reason, force: false },
    };
    match gateway.authority.command(&session_id, &job.reply.caller(), &command).await {
        Ok(done) => job.reply.success(&[&Fields::of(&Commanded::from(done))]),
        Err(error) => return settle(job.reply, error),
    }
    Done::Settled
}

pub(crate) fn finish(job: Job, done: Result<(), ErrorBody>) -> Done {
    match done {
        Ok(()) => job.reply.success(&[]),
        Err(error) => return settle(job.reply, error),
    }
    Done::Settled
}
