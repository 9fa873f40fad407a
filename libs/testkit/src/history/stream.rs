//! What the stream holds of a session, and a replica that follows nothing but the stream.

use std::collections::HashSet;

use anyhow::Context;
use serde_json::Value;

use super::Seat;
use crate::{
    nats::wire::{Connection, Message},
    player::Delivery,
    replica::{Applied, Replica},
};

/// What the stream holds of the session.
#[derive(Debug, Clone, Default)]
pub struct Published {
    pub messages: Vec<(u64, String)>,
    /// Whether it must have every version; a stream that was lost is made anew without its past.
    pub whole: bool,
}

impl Published {
    pub async fn read(connection: &mut Connection, session: &str, whole: bool) -> anyhow::Result<Self> {
        let stored = connection.stored("SESSION_UPDATES", &format!("session.{session}.updated")).await?;
        Ok(Self::of(&stored, whole))
    }

    pub fn of(stored: &[Message], whole: bool) -> Self {
        let messages = stored.iter().map(|message| (version(message), text(message, "Stateward-Update")));
        Self { messages: messages.collect(), whole }
    }
}

/// A seat whose replica began with the answer `first` and took the messages of the stream as they stand there, and nothing else
/// but `last`, a full state, where the stream has lost what would be next.
pub fn seat_at_stream(session: &str, first: &Value, stored: &[Message], last: Option<&Value>) -> anyhow::Result<Seat> {
    let (mut replica, mut deliveries) = (Replica::new(session), Vec::new());
    replica.catch_up(first)?;
    for message in stored {
        let broadcast: Value = serde_json::from_slice(&message.payload).context("a message of the stream is JSON")?;
        let applied = replica.broadcast(&broadcast)?;
        if applied == Applied::Gap
            && let Some(last) = last
        {
            replica.catch_up(last)?;
        }
        if applied == Applied::Yes {
            deliveries.push(Delivery {
                connection: 1,
                epoch: text(message, "Stateward-Epoch"),
                version: version(message),
                update_id: text(message, "Stateward-Update"),
                hash: message.header("Stateward-Hash").map(str::to_owned),
            });
        }
    }
    Ok(Seat { name: "the stream's replica".to_owned(), held: replica.held().cloned(), deliveries, failure: None, sessions: HashSet::new() })
}

fn version(message: &Message) -> u64 {
    text(message, "Stateward-Version").parse().unwrap_or_default()
}

fn text(message: &Message, name: &str) -> String {
    message.header(name).unwrap_or_default().to_owned()
}
