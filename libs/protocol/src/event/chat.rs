//! `chat`: what a participant says, and what the recipients get of it.

use serde::{Deserialize, Serialize};

use crate::{SessionId, UserId};

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Chat {
    pub session_id: SessionId,
    #[cfg_attr(test, schemars(length(min = 1, max = 4000)))]
    pub message: String,
    pub recipient: Recipient,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, schemars(length(max = 50)))]
    pub mentions: Vec<Mention>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#as: Option<SpeaksAs>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum Recipient {
    Session {},
    User { id: UserId },
    Gm {},
}

/// Somebody named in a message. The indexes are UTF-16 units, as JavaScript counts.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Mention {
    #[cfg_attr(test, schemars(length(max = 512)))]
    pub id: String,
    #[cfg_attr(test, schemars(length(max = 512)))]
    pub name: String,
    pub r#type: Mentioned,
    #[cfg_attr(test, schemars(length(max = 512)))]
    pub participant_id: String,
    pub start_index: u32,
    pub end_index: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Mentioned {
    User,
    Actor,
    Bot,
}

/// The character that a player speaks as: a matter of play, shown beside the sender.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SpeaksAs {
    pub r#type: ActorOnly,
    #[cfg_attr(test, schemars(length(min = 1, max = 512)))]
    pub id: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ActorOnly {
    Actor,
}

/// `chat` as the recipients get it. Who sent it is the token's user, whatever the payload said.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ChatMessage<'a> {
    pub id: &'a str,
    pub session_id: &'a SessionId,
    pub message: &'a str,
    pub recipient: &'a Recipient,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub mentions: &'a [Mention],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r#as: Option<&'a SpeaksAs>,
    pub sender: ChatSender<'a>,
    pub timestamp: u64,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ChatSender<'a> {
    pub r#type: SenderType,
    pub id: &'a UserId,
    pub name: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum SenderType {
    User,
}

/// The answer to `chat`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ChatSent<'a> {
    pub id: &'a str,
    pub timestamp: u64,
}
