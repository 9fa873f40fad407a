//! Publishing: to whoever listens, or into a stream with an acknowledgement.

use async_nats::Subject;
use bytes::Bytes;
use serde::Deserialize;

use crate::{Bus, BusError, Headers, RequestError, api};

/// JetStream drops a publish whose id it has seen within the stream's duplicate window.
const MESSAGE_ID: &str = "Nats-Msg-Id";

/// What JetStream answered to a publish.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct StreamAck {
    #[serde(rename = "seq")]
    pub sequence: u64,
    /// The stream had a message of this id already.
    #[serde(default)]
    pub duplicate: bool,
}

impl Bus {
    /// Publishes to whoever listens now.
    pub async fn publish(&self, subject: impl Into<Subject>, headers: Headers, payload: impl Into<Bytes>) -> Result<(), RequestError> {
        self.send(subject.into(), None, headers, payload.into()).await
    }

    /// Publishes into the stream that takes the subject, and waits until JetStream has it. Core subscribers get it as well.
    ///
    /// An acknowledged message can still be lost with the stream's tail: nothing may exist there alone.
    pub async fn publish_stream(
        &self,
        subject: impl Into<Subject>,
        message_id: impl Into<String>,
        headers: Headers,
        payload: impl Into<Bytes>,
    ) -> Result<StreamAck, BusError> {
        self.publish_acknowledged(subject.into(), headers.with_header(MESSAGE_ID, message_id), payload.into()).await
    }

    /// As [`Bus::publish_stream`] for work to be done: without an id, so that the same work can be asked for again at any time.
    pub async fn publish_work(
        &self,
        subject: impl Into<Subject>,
        headers: Headers,
        payload: impl Into<Bytes>,
    ) -> Result<StreamAck, BusError> {
        self.publish_acknowledged(subject.into(), headers, payload.into()).await
    }

    pub(crate) async fn publish_acknowledged(&self, subject: Subject, headers: Headers, payload: Bytes) -> Result<StreamAck, BusError> {
        let answer = match self.request(subject.clone(), headers, payload, self.stream_timeout()).await {
            Err(RequestError::NoResponders { subject }) => return Err(BusError::NoStream { subject }),
            answer => answer?,
        };
        // A refusal has a sequence too: it is looked for first.
        api::read(format_args!("publishing to {subject}"), &answer.payload)
    }
}
