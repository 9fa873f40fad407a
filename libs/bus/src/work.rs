//! The work queue of `SESSION_SYNC`: one durable pull consumer, shared by all workers.

use std::{fmt, time::Duration};

use async_nats::{Subject, Subscriber};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{Bus, BusError, Headers, Message, RequestError, bus::random_token};

/// How long one pull stays open at the server. Lost with a server, it is missed for no longer than this.
const PULL: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(500);
/// The most that may be in work at once, over all workers.
const MAX_IN_WORK: u32 = 256;

impl Bus {
    /// Takes part in the work of a stream. Jobs not acknowledged within `ack_wait` are given to another worker.
    /// Waits for the stream, and says so.
    pub async fn work_queue(&self, stream: &str, durable: &str, ack_wait: Duration) -> Result<WorkQueue, BusError> {
        let (stream, durable) = (self.subjects().resource(stream), durable.to_owned());
        let inbox = format!("{}.{}", self.0.config.inbox_prefix, random_token()?);
        let arriving = self.listen(Subject::from(inbox.as_str()), None).await?;
        let queue = WorkQueue { bus: self.clone(), stream, durable, ack_wait, inbox, arriving, asked: None };
        queue.ensure_consumer().await?;
        Ok(queue)
    }
}

/// Jobs, one at a time. Dropping a pending [`WorkQueue::next`] loses nothing.
pub struct WorkQueue {
    bus: Bus,
    stream: String,
    durable: String,
    ack_wait: Duration,
    inbox: String,
    arriving: Subscriber,
    /// When the pull that is open was sent, over which connection.
    asked: Option<(Instant, u64)>,
}

impl WorkQueue {
    /// The next job. Waits as long as there is none, also while NATS is away; none when the bus is closed.
    pub async fn next(&mut self) -> Option<Job> {
        let mut connection = self.bus.watch_connection();
        loop {
            // A pull that was given up may have brought a job all the same.
            if let Some(message) = self.arriving.next().now_or_never() {
                if let Some(job) = self.take(message?.into()).await {
                    return Some(job);
                }
                continue;
            }
            let generation = connection.borrow_and_update().generation;
            let Some((since, _)) = self.asked.filter(|(_, over)| *over == generation) else {
                self.pull(generation).await;
                continue;
            };
            tokio::select! {
                message = self.arriving.next() => if let Some(job) = self.take(message?.into()).await {
                    return Some(job);
                },
                () = tokio::time::sleep_until(since + PULL + Duration::from_secs(1)) => self.asked = None,
                changed = connection.changed() => changed.ok()?,
            }
        }
    }

    /// A job, or what the server says in its place.
    async fn take(&mut self, message: Message) -> Option<Job> {
        self.asked = None;
        match message.status {
            None => return Some(Job { message, bus: self.bus.clone() }),
            // Nothing came while the pull was open.
            Some(404 | 408) => {}
            Some(status) => {
                tracing::warn!(stream = self.stream, status, description = message.description, "the work queue was interrupted");
                self.recover().await;
            }
        }
        None
    }

    /// Asks the server for one job.
    async fn pull(&mut self, generation: u64) {
        let subject = Subject::from(format!("$JS.API.CONSUMER.MSG.NEXT.{}.{}", self.stream, self.durable));
        let request = json!({"batch": 1, "expires": PULL.as_nanos() as u64}).to_string();
        // Before it is sent: if this future is dropped in between, the next pull merely comes a little late.
        self.asked = Some((Instant::now(), generation));
        if self.bus.send(subject, Some(Subject::from(self.inbox.as_str())), Headers::new(), request.into()).await.is_err() {
            self.asked = None;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The consumer or its stream may be gone: made again where they are ours to make.
    async fn recover(&self) {
        tokio::time::sleep(PAUSE).await;
        if let Err(error) = self.ensure_consumer_once().await {
            tracing::warn!(stream = self.stream, %error, "the work queue is not there");
        }
    }

    async fn ensure_consumer(&self) -> Result<(), BusError> {
        let mut tries = 0_u32;
        loop {
            match self.ensure_consumer_once().await {
                Err(error) if error.is_transient() || is_missing_stream(&error) => {
                    if tries.is_multiple_of(10) {
                        tracing::warn!(stream = self.stream, %error, "waiting for the work queue");
                    }
                    tries += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                done => return done,
            }
        }
    }

    /// The same call makes the consumer, changes it, or finds it as it should be.
    async fn ensure_consumer_once(&self) -> Result<(), BusError> {
        let request = json!({
            "stream_name": self.stream,
            "config": {
                "durable_name": self.durable,
                "name": self.durable,
                "ack_policy": "explicit",
                "ack_wait": self.ack_wait.as_nanos() as u64,
                "deliver_policy": "all",
                "max_deliver": -1,
                "max_ack_pending": MAX_IN_WORK,
                "replay_policy": "instant",
            },
        });
        let _: Value = self.bus.call(&format!("CONSUMER.CREATE.{}.{}", self.stream, self.durable), &request).await?;
        Ok(())
    }
}

/// Its owner may not have made it yet.
fn is_missing_stream(error: &BusError) -> bool {
    matches!(error, BusError::Refused { code: 404, .. })
}

impl fmt::Debug for WorkQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkQueue").field("stream", &self.stream).field("durable", &self.durable).finish_non_exhaustive()
    }
}

/// One job. Dropped without a word, it comes again after the queue's `ack_wait`.
#[derive(Clone)]
pub struct Job {
    pub message: Message,
    bus: Bus,
}

impl Job {
    /// How often it was given out, this time included.
    pub fn deliveries(&self) -> u64 {
        // $JS.ACK.<stream>.<consumer>.<deliveries>...; with a domain and an account two tokens more stand before the stream.
        let tokens: Vec<_> = self.message.reply.as_deref().unwrap_or_default().split('.').collect();
        let index = if tokens.len() >= 11 { 6 } else { 4 };
        tokens.get(index).and_then(|token| token.parse().ok()).unwrap_or(1)
    }

    /// It is done, and the server has noted that.
    pub async fn ack(&self) -> Result<(), RequestError> {
        let reply = self.reply_subject();
        self.bus.request(reply, Headers::new(), Bytes::from_static(b"+ACK"), self.bus.stream_timeout()).await.map(drop)
    }

    /// It could not be done now: give it out again after `delay`.
    pub async fn nak(&self, delay: Duration) -> Result<(), RequestError> {
        let verdict = format!("-NAK {}", json!({"delay": delay.as_nanos() as u64}));
        self.bus.send(self.reply_subject(), None, Headers::new(), verdict.into()).await
    }

    /// It takes longer: the time until it is given to another begins again.
    pub async fn in_progress(&self) -> Result<(), RequestError> {
        self.bus.send(self.reply_subject(), None, Headers::new(), Bytes::from_static(b"+WPI")).await
    }

    fn reply_subject(&self) -> Subject {
        self.message.reply.clone().unwrap_or_else(|| Subject::from_static("no-reply"))
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("subject", &self.message.subject).field("deliveries", &self.deliveries()).finish()
    }
}
