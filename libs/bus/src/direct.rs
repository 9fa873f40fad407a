//! Reading a stream without a consumer: batched direct gets, answered by any replica.

use bytes::Bytes;
use serde::Serialize;
use tokio::time::{Instant, timeout_at};

use async_nats::Subject;

use crate::{Bus, BusError, Headers, Message, RequestError, time};

const SUBJECT: &str = "Nats-Subject";
const SEQUENCE: &str = "Nats-Sequence";
const TIME: &str = "Nats-Time-Stamp";
const PENDING: &str = "Nats-Num-Pending";
/// Statuses of the server: the batch has ended; nothing (more) there; nobody there.
const END_OF_BATCH: u16 = 204;
const NOT_FOUND: u16 = 404;
const NO_RESPONDERS: u16 = 503;
/// The most that one batch brings, in messages and bytes.
const MAX_BATCH: usize = 1000;
const MAX_BATCH_BYTES: usize = 8 * 1024 * 1024;

/// A message as the stream has it.
#[derive(Debug, Clone)]
pub struct Stored {
    pub message: Message,
    pub sequence: u64,
    /// When the stream took it, milliseconds since the epoch.
    pub time_ms: u64,
}

/// A run of messages, oldest first.
#[derive(Debug, Clone, Default)]
pub struct StoredSlice {
    pub messages: Vec<Stored>,
    /// Whether the stream has nothing more after these.
    pub complete: bool,
}

#[derive(Serialize)]
struct GetRequest<'a> {
    next_by_subj: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<String>,
    batch: usize,
    max_bytes: usize,
}

impl Bus {
    /// What the stream holds of a subject since a time, oldest first, at most `max` messages. The stream need not be in the
    /// order of versions, and may have lost anything: the caller checks what it got.
    pub async fn stream_since(&self, stream: &str, subject: &str, start_time_ms: u64, max: usize) -> Result<StoredSlice, BusError> {
        let start_time = Some(time::format(start_time_ms));
        let request = GetRequest { next_by_subj: subject, start_time, seq: None, batch: max.min(MAX_BATCH), max_bytes: MAX_BATCH_BYTES };
        self.batch(&self.subjects().resource(stream), &request).await
    }

    /// The newest message that the stream holds of a subject.
    pub async fn stream_last(&self, stream: &str, subject: &str) -> Result<Option<Stored>, BusError> {
        self.last_of(&self.subjects().resource(stream), subject).await
    }

    /// From a sequence on, of a stream by its full name.
    pub(crate) async fn run_from(&self, name: &str, subject: &str, sequence: u64, max: usize) -> Result<StoredSlice, BusError> {
        let request = GetRequest {
            next_by_subj: subject,
            start_time: None,
            seq: Some(sequence),
            batch: max.min(MAX_BATCH),
            max_bytes: MAX_BATCH_BYTES,
        };
        self.batch(name, &request).await
    }

    /// The newest message of one subject of a stream, by the stream's full name.
    pub(crate) async fn last_of(&self, name: &str, subject: &str) -> Result<Option<Stored>, BusError> {
        let answer =
            self.request(format!("$JS.API.DIRECT.GET.{name}.{subject}"), Headers::new(), Bytes::new(), self.stream_timeout()).await;
        match answer {
            Err(RequestError::NoResponders { .. }) => Err(BusError::NoStream { subject: subject.to_owned() }),
            Err(error) => Err(error.into()),
            Ok(message) => match message.status {
                None => stored(message).map(Some),
                Some(NOT_FOUND) => Ok(None),
                Some(status) => Err(unexpected(name, status, &message)),
            },
        }
    }

    async fn batch(&self, name: &str, request: &GetRequest<'_>) -> Result<StoredSlice, BusError> {
        let timeout = self.stream_timeout();
        let deadline = Instant::now() + timeout;
        let payload =
            serde_json::to_vec(request).map_err(|error| BusError::Malformed { what: name.to_owned(), reason: error.to_string() })?;
        self.connected_within(timeout / 2).await?;
        let mut waiting = self.register(request.batch + 1)?;
        self.send(Subject::from(format!("$JS.API.DIRECT.GET.{name}")), Some(waiting.subject(0)), Headers::new(), payload.into()).await?;
        let mut slice = StoredSlice::default();
        loop {
            let message = timeout_at(deadline, waiting.next()).await.map_err(|_| RequestError::Timeout { after: timeout })??;
            match message.status {
                None => slice.messages.push(stored(message)?),
                Some(END_OF_BATCH) => {
                    slice.complete = message.headers.header(PENDING) == Some("0");
                    return Ok(slice);
                }
                Some(NOT_FOUND) => return Ok(StoredSlice { complete: true, ..slice }),
                Some(NO_RESPONDERS) => return Err(BusError::NoStream { subject: request.next_by_subj.to_owned() }),
                Some(status) => return Err(unexpected(name, status, &message)),
            }
        }
    }
}

fn stored(mut message: Message) -> Result<Stored, BusError> {
    let field = |name: &'static str| {
        message
            .headers
            .header(name)
            .ok_or_else(|| BusError::Malformed { what: "a direct get".to_owned(), reason: format!("it has no {name}") })
    };
    let subject = Subject::from(field(SUBJECT)?);
    let sequence = field(SEQUENCE)?.parse().unwrap_or_default();
    let time_ms = time::parse(field(TIME)?).unwrap_or_default();
    message.subject = subject;
    Ok(Stored { message, sequence, time_ms })
}

fn unexpected(stream: &str, status: u16, message: &Message) -> BusError {
    BusError::Refused {
        what: format!("a direct get of {stream}"),
        code: status,
        err_code: 0,
        description: message.description.clone().unwrap_or_default(),
    }
}
