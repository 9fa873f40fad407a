//! The way out. What is sent while other tasks are ready to run leaves in one write.
//!
//! async-nats writes as soon as its task runs, and tokio runs a task that was woken right after the one that woke it: each message
//! would be a write of its own, which costs more than the message. So messages gather here until every task that was ready
//! has run. Nothing waits for a time: where nobody else is ready, a message leaves at once.

use async_nats::{Client, HeaderMap, Subject, connection::State};
use bytes::Bytes;
use tokio::{sync::mpsc, task::yield_now};

/// Messages that may gather. Whoever sends one more waits until there is room.
const MOST: usize = 1024;

/// A message as it leaves.
pub(crate) struct Letter {
    pub(crate) subject: Subject,
    pub(crate) reply: Option<Subject>,
    pub(crate) headers: HeaderMap,
    pub(crate) payload: Bytes,
}

/// What it is given is carried in the order in which it was given.
pub(crate) fn courier(client: Client) -> (mpsc::Sender<Letter>, impl Future<Output = ()> + Send) {
    let (sender, letters) = mpsc::channel(MOST);
    (sender, carry(client, letters))
}

async fn carry(client: Client, mut letters: mpsc::Receiver<Letter>) {
    let mut gathered = Vec::new();
    while gather(&mut letters, &mut gathered).await {
        for letter in gathered.drain(..) {
            hand_over(&client, letter).await;
        }
    }
}

/// Waits for the first, then takes all that every task that is ready by then sends. False when no more will come.
async fn gather<T>(letters: &mut mpsc::Receiver<T>, gathered: &mut Vec<T>) -> bool {
    let Some(first) = letters.recv().await else { return false };
    gathered.push(first);
    yield_now().await;
    while let Ok(letter) = letters.try_recv() {
        gathered.push(letter);
    }
    true
}

async fn hand_over(client: &Client, letter: Letter) {
    // async-nats would keep it for a later connection.
    if client.connection_state() != State::Connected {
        return;
    }
    let Letter { subject, reply, headers, payload } = letter;
    let shown = subject.clone();
    let sent = match reply {
        Some(reply) => client.publish_with_reply_and_headers(subject, reply, headers, payload).await,
        None => client.publish_with_headers(subject, headers, payload).await,
    };
    if let Err(error) = sent {
        tracing::warn!(%error, subject = %shown, "a message was not sent");
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "these tasks end with the test")]
mod tests {
    use std::time::Duration;

    use super::*;

    /// One worker, as on a machine with one core: it runs a task that was woken before those that were ready already.
    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn what_all_who_are_ready_send_is_gathered() {
        let (sender, mut letters) = mpsc::channel(100);
        let gathering = tokio::spawn(async move {
            let mut gathered = Vec::new();
            assert!(gather(&mut letters, &mut gathered).await);
            gathered
        });
        let senders = async move {
            for letter in 0..50 {
                let sender = sender.clone();
                tokio::spawn(async move { sender.send(letter).await });
            }
        };
        tokio::spawn(senders).await.unwrap();
        let gathered = tokio::time::timeout(Duration::from_secs(10), gathering).await.unwrap().unwrap();
        assert_eq!(gathered.len(), 50, "{gathered:?}");
    }
}
