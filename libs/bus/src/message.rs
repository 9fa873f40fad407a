//! One message as it was received.

use async_nats::Subject;
use bytes::Bytes;

use crate::Headers;

/// A message from NATS.
#[derive(Debug, Clone)]
pub struct Message {
    pub subject: Subject,
    pub headers: Headers,
    pub payload: Bytes,
    pub(crate) reply: Option<Subject>,
    /// Set by the server, not by a sender: 503 is "no responders", and so on.
    pub(crate) status: Option<u16>,
    pub(crate) description: Option<String>,
}

impl Message {
    /// What it costs to keep.
    pub(crate) fn size(&self) -> usize {
        /// Subjects, headers and the structs around them, roughly.
        const OVERHEAD: usize = 512;
        self.payload.len() + OVERHEAD
    }
}

impl From<async_nats::Message> for Message {
    fn from(message: async_nats::Message) -> Self {
        Self {
            subject: message.subject,
            headers: Headers::from_wire(message.headers),
            payload: message.payload,
            reply: message.reply,
            status: message.status.map(|status| status.as_u16()),
            description: message.description,
        }
    }
}
