//! `chat`: to the session, to one user of it, or to its game master. Who sends is the token's user, whatever the payload says.
//! A sender's own connections get what it sends, too: that is how its other tabs learn of it.

use std::sync::Arc;

use protocol::{
    ErrorBody,
    event::{
        chat::{Chat, ChatMessage, ChatSender, ChatSent, Mention, Recipient, SenderType},
        name,
    },
};
use service_kit::random_id;

use crate::{
    answer::Fields,
    events::{read, settle, taking_part},
    lanes::{Done, Job},
    relay,
    service::Gateway,
};

const MAX_CHARS: usize = 4_000;
const MAX_MENTIONS: usize = 50;
const MAX_NAME_BYTES: usize = 512;

fn check(chat: &Chat) -> Result<(), ErrorBody> {
    let chars = chat.message.chars().count();
    if !(1..=MAX_CHARS).contains(&chars) {
        let error = ErrorBody::validation("BAD_LENGTH", format!("a message has 1 to {MAX_CHARS} characters"));
        return Err(error.path("message").limit(MAX_CHARS as u64, chars as u64));
    }
    if chat.mentions.len() > MAX_MENTIONS {
        let error = ErrorBody::validation("TOO_MANY_MENTIONS", format!("at most {MAX_MENTIONS} mentions"));
        return Err(error.path("mentions").limit(MAX_MENTIONS as u64, chat.mentions.len() as u64));
    }
    let units = chat.message.encode_utf16().count();
    let is_sound = |mention: &Mention| {
        mention.start_index < mention.end_index
            && mention.end_index as usize <= units
            && [&mention.id, &mention.name, &mention.participant_id].iter().all(|text| text.len() <= MAX_NAME_BYTES)
    };
    if let Some(place) = chat.mentions.iter().position(|mention| !is_sound(mention)) {
        let error = ErrorBody::validation("BAD_MENTION", "a mention lies outside the message or has too long a name");
        return Err(error.path(format!("mentions[{place}]")));
    }
    if chat.r#as.as_ref().is_some_and(|speaks| speaks.id.is_empty() || speaks.id.len() > MAX_NAME_BYTES) {
        return Err(ErrorBody::validation("BAD_ACTOR", "an actor's id has 1 to 512 bytes").path("as.id"));
    }
    Ok(())
}

/// `chat`
pub async fn chat(gateway: Arc<Gateway>, job: Job) -> Done {
    match send(&gateway, &job).await {
        Ok((id, timestamp)) => job.reply.success(&[&Fields::of(&ChatSent { id: &id, timestamp })]),
        Err(error) => return settle(job.reply, error),
    }
    Done::Settled
}

async fn send(gateway: &Gateway, job: &Job) -> Result<(String, u64), ErrorBody> {
    let chat: Chat = read(&job.data)?;
    check(&chat)?;
    let access = taking_part(gateway, job).await?;
    let (id, timestamp, identity) = (random_id(), gateway.clock.now_ms(), &job.reply.conn().client().identity);
    let said = ChatMessage {
        id: &id,
        session_id: &chat.session_id,
        message: &chat.message,
        recipient: &chat.recipient,
        mentions: &chat.mentions,
        r#as: chat.r#as.as_ref(),
        sender: ChatSender { r#type: SenderType::User, id: &identity.user, name: &identity.name },
        timestamp,
    };
    let only = match &chat.recipient {
        Recipient::Session {} => {
            relay::keep(gateway, &chat.session_id, &id, name::CHAT, &said).await?;
            return Ok((id, timestamp));
        }
        Recipient::Gm {} => &access.game_master,
        Recipient::User { id } if access.takes_part(id)? => id,
        Recipient::User { .. } => {
            return Err(ErrorBody::validation("NO_SUCH_RECIPIENT", "this user does not take part in the session").path("recipient.id"));
        }
    };
    relay::to_user(gateway, only, name::CHAT, &said).await?;
    if *only != identity.user {
        relay::to_user(gateway, &identity.user, name::CHAT, &said).await?;
    }
    Ok((id, timestamp))
}
