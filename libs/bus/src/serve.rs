//! Requests as they arrive: a bounded queue of them, each with the means to answer.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use async_nats::{Subject, Subscriber, client::SubscribeErrorKind};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use protocol::headers as name;
use tokio_util::sync::CancellationToken;

use crate::{
    Bus, BusError, Headers, Message, RequestError,
    bus::spawn,
    chunks,
    queue::{self, Reader, Writer},
};

/// Requests that wait to be taken. The next is refused as busy, so that its sender learns at once that nothing has happened.
const MAX_REQUESTS: usize = 4096;
const MAX_REQUEST_BYTES: usize = 64 * 1024 * 1024;
const BUSY: &str = "busy";
/// A server that has not confirmed a subscription by then is not there.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(5);
/// When work that is not done yet is receipted: well before whoever waits for a receipt gives up on it.
pub const RECEIPT_AFTER: Duration = Duration::from_millis(50);

impl Bus {
    /// Serves a subject; with a queue group, each request goes to one member. In effect when this returns.
    pub async fn serve(&self, subject: impl Into<Subject>, queue_group: Option<&str>) -> Result<Requests, BusError> {
        self.serve_bounded(subject, queue_group, MAX_REQUESTS, MAX_REQUEST_BYTES).await
    }

    /// As [`Bus::serve`], with bounds of its own on what waits.
    pub async fn serve_bounded(
        &self,
        subject: impl Into<Subject>,
        queue_group: Option<&str>,
        max_requests: usize,
        max_bytes: usize,
    ) -> Result<Requests, BusError> {
        let arriving = self.listen(subject.into(), queue_group).await?;
        let (writer, reader) = queue::bounded(max_requests, max_bytes);
        let stop = CancellationToken::new();
        spawn(receive(self.clone(), arriving, writer, stop.clone()));
        Ok(Requests { reader, stop })
    }

    /// Subscribes, and returns once the server knows of it.
    pub(crate) async fn listen(&self, subject: Subject, queue_group: Option<&str>) -> Result<Subscriber, BusError> {
        self.connected_within(SUBSCRIBE_TIMEOUT).await?;
        let client = &self.0.client;
        let subscribed = match queue_group {
            Some(group) => client.queue_subscribe(subject.clone(), group.to_owned()).await,
            None => client.subscribe(subject.clone()).await,
        };
        let subscriber = subscribed.map_err(|error| match error.kind() {
            SubscribeErrorKind::InvalidSubject => RequestError::BadSubject { subject: subject.into_string() },
            _ => RequestError::Disconnected,
        })?;
        self.flush(SUBSCRIBE_TIMEOUT).await?;
        Ok(subscriber)
    }
}

async fn receive(bus: Bus, mut arriving: Subscriber, queue: Writer<Request>, stop: CancellationToken) {
    let mut stopping = false;
    loop {
        tokio::select! {
            () = queue.closed() => return,
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                // What is on its way still comes, and is served.
                let _ = arriving.drain().await;
            }
            message = arriving.next() => {
                let Some(message) = message else { return };
                let request = Request { message: message.into(), bus: bus.clone() };
                if let Err(request) = queue.push(request.message.size(), request) {
                    let _ = request.answer(Headers::new().with(name::STATUS, BUSY), Bytes::new()).await;
                }
            }
        }
    }
}

/// Whether an answer says that the request was refused unread.
pub(crate) fn is_busy(message: &Message) -> bool {
    message.headers.get(name::STATUS) == Some(BUSY)
}

fn receipt() -> Headers {
    Headers::new().with(name::RECEIPT, "1")
}

/// The requests of one subject. Dropping it drops what waits.
pub struct Requests {
    reader: Reader<Request>,
    stop: CancellationToken,
}

impl Requests {
    /// The next request; none after [`Requests::stop`], once all are served, or when the bus is closed.
    pub async fn next(&mut self) -> Option<Request> {
        std::future::poll_fn(|context| self.reader.poll_next(context)).await
    }

    /// Takes no new requests; those that have arrived are still given out.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Stops like [`Requests::stop`], from elsewhere than where the requests are read.
    pub fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }
}

impl Stream for Requests {
    type Item = Request;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Request>> {
        self.reader.poll_next(context)
    }
}

impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Requests")
    }
}

/// One request. If it is dropped unanswered, its sender waits for its deadline.
#[derive(Clone)]
pub struct Request {
    pub message: Message,
    bus: Bus,
}

impl Request {
    /// Answers. A message that wants no answer gets none.
    pub async fn reply(&self, headers: Headers, payload: impl Into<Bytes>) -> Result<(), RequestError> {
        self.answer(headers, payload.into()).await
    }

    /// Says that the request has arrived and that its answer will follow.
    pub async fn receipt(&self) -> Result<(), RequestError> {
        self.answer(receipt(), Bytes::new()).await
    }

    /// Does the work of this request. If that takes a while, says meanwhile that the request has arrived: most work is done
    /// before anybody would wait for that word, and then it is not sent.
    pub async fn with_receipt<T>(self, work: impl AsyncFnOnce(Self) -> T) -> T {
        let (bus, reply) = (self.bus.clone(), self.message.reply.clone());
        let mut work = std::pin::pin!(work(self));
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = tokio::time::sleep(RECEIPT_AFTER) => {}
        }
        if let Some(reply) = reply
            && let Err(error) = bus.send(reply, None, receipt(), Bytes::new()).await
        {
            // Who asked turns to another instance, which is right as well.
            tracing::debug!(%error, "a receipt was not sent");
        }
        work.await
    }

    /// Answers with any amount of data, compressed when that pays, in parts.
    pub async fn reply_chunked(&self, headers: Headers, payload: impl Into<Bytes>) -> Result<(), RequestError> {
        let (payload, max_payload) = (payload.into(), self.bus.max_payload());
        // Compressing takes milliseconds for a large state: not on a thread that serves others.
        let parts = tokio::task::spawn_blocking(move || chunks::split(headers, &payload, max_payload)).await;
        let parts = parts.map_err(|_| RequestError::Incomplete("cutting it into parts panicked".to_owned()))?;
        for (headers, part) in parts {
            self.answer(headers, part).await?;
        }
        Ok(())
    }

    async fn answer(&self, headers: Headers, payload: Bytes) -> Result<(), RequestError> {
        match &self.message.reply {
            Some(reply) => self.bus.send(reply.clone(), None, headers, payload).await,
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Request").field(&self.message.subject).finish()
    }
}
