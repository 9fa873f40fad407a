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
    /// It must have every version above this one; a stream that was lost is made anew without its past. Absent: it may lack any.
    pub above: Option<u64>,
}

impl Published {
    pub async fn read(connection: &mut Connection, session: &str, above: Option<u64>) -> anyhow::Result<Self> {
        let stored = connection.stored("SESSION_UPDATES", &format!("session.{session}.updated")).await?;
        Ok(Self { above, ..Self::of(&stored, false) })
    }

    pub fn of(stored: &[Message], whole: bool) -> Self {
        let messages = stored.iter().map(said).map(|broadcast| (version(&broadcast), text(&broadcast, "updateId")));
        Self { messages: messages.collect(), above: whole.then_some(0) }
    }

    pub fn has(&self, version: u64) -> bool {
        self.messages.iter().any(|(at, _)| *at == version)
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
                epoch: text(&broadcast, "epoch"),
                version: version(&broadcast),
                update_id: text(&broadcast, "updateId"),
                hash: broadcast["expectedHash"].as_str().map(str::to_owned),
            });
        }
    }
    Ok(Seat { name: "the stream's replica".to_owned(), held: replica.held().cloned(), deliveries, failure: None, sessions: HashSet::new() })
}

/// What a message of the stream says in its payload.
fn said(message: &Message) -> Value {
    serde_json::from_slice(&message.payload).unwrap_or_default()
}

fn version(broadcast: &Value) -> u64 {
    broadcast["newVersion"].as_str().and_then(|version| version.parse().ok()).unwrap_or_default()
}

fn text(broadcast: &Value, field: &str) -> String {
    broadcast[field].as_str().unwrap_or_default().to_owned()
}
