//! Core subscriptions: a bounded queue that says where messages are missing.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use async_nats::{Subject, Subscriber};
use futures_util::{Stream, StreamExt};
use tokio::sync::watch;

use crate::{
    Bus, BusError, Connection, Message,
    bus::spawn,
    queue::{self, Reader, Writer},
};

/// What a reader may lag behind before messages are left out and it is told so.
const MAX_MESSAGES: usize = 4096;
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// What a subscription gives, in order.
#[derive(Debug, Clone)]
pub enum Delivery {
    Message(Message),
    /// Messages are missing here: read again what they would have told.
    Lost(Lost),
}

/// Why messages are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// The reader was too slow: so many messages were left out.
    SlowReader { messages: u64 },
    /// The connection was lost and is back. What was published in between did not come; a few messages from before the
    /// loss or after it may stand on its other side.
    Connection,
}

impl Bus {
    /// Subscribes to a subject. In effect when this returns: what is published after that will come, or be told as lost.
    pub async fn subscribe(&self, subject: impl Into<Subject>) -> Result<Subscription, BusError> {
        self.subscribe_bounded(subject, MAX_MESSAGES, MAX_BYTES).await
    }

    /// As [`Bus::subscribe`], with bounds of its own on what waits.
    pub async fn subscribe_bounded(
        &self,
        subject: impl Into<Subject>,
        max_messages: usize,
        max_bytes: usize,
    ) -> Result<Subscription, BusError> {
        let mut connection = self.watch_connection();
        let generation = connection.borrow_and_update().generation;
        let arriving = self.listen(subject.into(), None).await?;
        let (writer, reader) = queue::bounded(max_messages, max_bytes);
        spawn(receive(arriving, writer, connection, generation));
        Ok(Subscription { reader })
    }
}

async fn receive(mut arriving: Subscriber, queue: Writer<Delivery>, mut connection: watch::Receiver<Connection>, mut generation: u64) {
    let mut lost: Option<Lost> = None;
    let mut watching = true;
    loop {
        // The place of a loss is before everything that comes after it, so it is told before anything else gets in.
        if let Some(told) = lost {
            tokio::select! {
                () = queue.push_when_room(Delivery::Lost(told)) => lost = None,
                message = arriving.next() => match message {
                    Some(_) => lost = Some(one_more(told)),
                    None => return,
                },
            }
            continue;
        }
        tokio::select! {
            () = queue.closed() => return,
            message = arriving.next() => {
                let Some(message) = message.map(Message::from) else { return };
                if queue.push(message.size(), Delivery::Message(message)).is_err() {
                    lost = Some(Lost::SlowReader { messages: 1 });
                }
            }
            changed = connection.changed(), if watching => {
                watching = changed.is_ok();
                let now = *connection.borrow_and_update();
                if now.connected && now.generation != generation {
                    generation = now.generation;
                    lost = Some(Lost::Connection);
                }
            }
        }
    }
}

fn one_more(lost: Lost) -> Lost {
    match lost {
        Lost::SlowReader { messages } => Lost::SlowReader { messages: messages + 1 },
        Lost::Connection => Lost::Connection,
    }
}

/// What arrives on one subject. Dropping it unsubscribes.
pub struct Subscription {
    reader: Reader<Delivery>,
}

impl Subscription {
    /// The next message or loss; none when the bus is closed.
    pub async fn next(&mut self) -> Option<Delivery> {
        std::future::poll_fn(|context| self.reader.poll_next(context)).await
    }
}

impl Stream for Subscription {
    type Item = Delivery;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Delivery>> {
        self.reader.poll_next(context)
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subscription")
    }
}
