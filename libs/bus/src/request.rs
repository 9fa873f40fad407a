//! Requests: one answer, or one in parts, from whoever listens or from a preferred instance.

use std::time::Duration;

use async_nats::Subject;
use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

use crate::{Bus, Headers, Message, RequestError, chunks::Assembler, inbox::Waiting, serve};

/// The server's status for a request that nobody listens to.
const NO_RESPONDERS: u16 = 503;

/// The answer to [`Bus::request_preferred`].
#[derive(Debug, Clone)]
pub struct Reply {
    pub message: Message,
    /// How many instances may have received the request. After more than one, an answer that says "nothing was changed"
    /// speaks for its own delivery alone.
    pub deliveries: u32,
}

/// Where [`Bus::request_preferred`] turns to when the preferred instance does not take a request.
#[derive(Debug)]
pub struct Fallback<F> {
    pub subject: Subject,
    /// How long the preferred instance has for a receipt.
    pub after: Duration,
    /// Told when it is asked. At once, because whoever waits for the answer may stop waiting.
    pub asked: F,
}

/// What the preferred instance did with a request that was sent to the fallback as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassedOver {
    /// Nobody listened there.
    Absent,
    /// It refused the request unread.
    Busy,
    /// It sent neither answer nor receipt in time, and may carry out the request all the same.
    Silent,
}

impl Bus {
    /// Asks and waits for one answer. While NATS is away, up to half of `timeout` is spent waiting for it.
    pub async fn request(
        &self,
        subject: impl Into<Subject>,
        headers: Headers,
        payload: Bytes,
        timeout: Duration,
    ) -> Result<Message, RequestError> {
        let deadline = Instant::now() + timeout;
        let subject = subject.into();
        let mut waiting = self.ask(&subject, headers, payload, timeout, ROOM_FOR_ONE).await?;
        loop {
            let message = answer(&mut waiting, deadline, timeout).await?;
            if message.headers.is_receipt() {
                continue;
            }
            return refusal(&message, &subject).map_or(Ok(message), Err);
        }
    }

    /// Asks and joins an answer that comes in parts. An answer in one piece is returned as it is.
    pub async fn request_chunked(
        &self,
        subject: impl Into<Subject>,
        headers: Headers,
        payload: Bytes,
        timeout: Duration,
    ) -> Result<Message, RequestError> {
        /// Parts that may wait to be joined; joining is much faster than the network.
        const ROOM_FOR_PARTS: usize = 1024;
        let deadline = Instant::now() + timeout;
        let subject = subject.into();
        let mut waiting = self.ask(&subject, headers, payload, timeout, ROOM_FOR_PARTS).await?;
        let mut parts = Assembler::default();
        loop {
            let message = answer(&mut waiting, deadline, timeout).await?;
            if message.headers.is_receipt() {
                continue;
            }
            if let Some(error) = refusal(&message, &subject) {
                return Err(error);
            }
            if let Some(whole) = parts.take(message)? {
                return whole.decode().await;
            }
        }
    }

    /// Asks the preferred instance first. If it is not there, or has not sent a receipt in time, asks the fallback as well; the first
    /// answer of either is taken. The second delivery says in its headers that it is one. It is rare: `headers` makes them anew for it.
    pub async fn request_preferred(
        &self,
        preferred: impl Into<Subject>,
        fallback: Fallback<impl Fn(PassedOver)>,
        headers: impl Fn() -> Headers,
        payload: Bytes,
        timeout: Duration,
    ) -> Result<Reply, RequestError> {
        let deadline = Instant::now() + timeout;
        let receipt_deadline = Instant::now() + fallback.after;
        let mut waiting = self.ask(&preferred.into(), headers(), payload.clone(), timeout, ROOM_FOR_ONE).await?;
        // How many deliveries may have been carried out, by which the rest is judged.
        let (mut live, mut preferred_is_live, mut fallback_is_sent, mut has_receipt) = (1, true, false, false);
        loop {
            let until = if has_receipt || fallback_is_sent { deadline } else { receipt_deadline.min(deadline) };
            let passed_over = match timeout_at(until, waiting.next()).await {
                Ok(message) => {
                    let message = message?;
                    if message.headers.is_receipt() {
                        has_receipt = true;
                        continue;
                    }
                    let Some(error) = refusal(&message, &fallback.subject) else {
                        return Ok(Reply { message, deliveries: live });
                    };
                    live -= 1;
                    if Waiting::delivery_of(&message) == Some(0) {
                        preferred_is_live = false;
                    }
                    if fallback_is_sent {
                        // Another delivery may still be at work: its answer, or the deadline, decides.
                        if live > 0 {
                            continue;
                        }
                        return Err(error);
                    }
                    if matches!(error, RequestError::NoResponders { .. }) { PassedOver::Absent } else { PassedOver::Busy }
                }
                Err(_) if until == deadline => return Err(RequestError::Timeout { after: timeout }),
                Err(_) => PassedOver::Silent,
            };
            let mut headers = headers();
            headers.set_delivery(headers.delivery() + u32::from(preferred_is_live));
            fallback_is_sent = true;
            match self.send(fallback.subject.clone(), Some(waiting.subject(1)), headers, payload.clone()).await {
                Ok(()) => {
                    live += 1;
                    (fallback.asked)(passed_over);
                }
                Err(error) if live == 0 => return Err(error),
                Err(_) => {}
            }
        }
    }

    async fn ask(
        &self,
        subject: &Subject,
        headers: Headers,
        payload: Bytes,
        timeout: Duration,
        room: usize,
    ) -> Result<Waiting, RequestError> {
        self.connected_within(timeout / 2).await?;
        let waiting = self.register(room)?;
        self.send(subject.clone(), Some(waiting.subject(0)), headers, payload).await?;
        Ok(waiting)
    }
}

/// Answers, refusals and receipts of at most two deliveries.
const ROOM_FOR_ONE: usize = 8;

async fn answer(waiting: &mut Waiting, deadline: Instant, timeout: Duration) -> Result<Message, RequestError> {
    timeout_at(deadline, waiting.next()).await.map_err(|_| RequestError::Timeout { after: timeout })?
}

/// An answer that says that the request was not taken.
fn refusal(message: &Message, subject: &Subject) -> Option<RequestError> {
    if message.status == Some(NO_RESPONDERS) {
        return Some(RequestError::NoResponders { subject: subject.to_string() });
    }
    serve::is_busy(message).then(|| RequestError::Busy { what: format!("{subject} takes no more requests now") })
}
