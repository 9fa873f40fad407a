//! A message to clients, encoded once for all of them.

use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
};

use bytes::{BufMut, Bytes, BytesMut};

use super::{AckId, websocket};

/// Between packets in one polling payload. Never occurs inside one: JSON text escapes control characters.
pub(super) const RECORD_SEPARATOR: u8 = 0x1e;

/// An event, an answer, or several of them. A clone is cheap and shares the encodings, which are made when first needed.
#[derive(Debug, Clone)]
pub struct Frame(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    content: Content,
    plain: OnceLock<Bytes>,
    socket_io: OnceLock<Bytes>,
    polling: OnceLock<Bytes>,
}

#[derive(Debug)]
enum Content {
    Event {
        event: Cow<'static, str>,
        data: Bytes,
        trace: Option<Arc<str>>,
    },
    Ack {
        id: AckId,
        data: Bytes,
    },
    /// An Engine.IO packet, whatever the transport.
    Packet(Bytes),
    Joined(Box<[Frame]>),
}

/// How the bytes are to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// A WebSocket frame with the plain JSON message.
    Plain,
    /// A WebSocket frame with the Socket.IO packet.
    SocketIo,
    /// The text of the Socket.IO packet.
    Polling,
}

impl Frame {
    /// An event. `data` must be JSON: it is sent as it is.
    pub fn event(event: impl Into<Cow<'static, str>>, data: impl Into<Bytes>) -> Self {
        Self::of(Content::Event { event: event.into(), data: data.into(), trace: None })
    }

    /// An event that says which trace it belongs to: beside its payload, which over Socket.IO is its second argument.
    pub fn traced(event: &'static str, data: impl Into<Bytes>, trace: impl Into<Arc<str>>) -> Self {
        Self::of(Content::Event { event: event.into(), data: data.into(), trace: Some(trace.into()) })
    }

    /// Several frames in one: each connection gets all of them in one write. One alone stays as it is.
    pub fn joined(frames: impl IntoIterator<Item = Frame>) -> Self {
        let mut frames = frames.into_iter();
        match (frames.next(), frames.next()) {
            (Some(alone), None) => alone,
            (first, second) => Self::of(Content::Joined(first.into_iter().chain(second).chain(frames).collect())),
        }
    }

    /// How many frames it is.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        match &self.0.content {
            Content::Joined(frames) => frames.iter().map(Self::len).sum(),
            _ => 1,
        }
    }

    pub(super) fn ack(id: &AckId, data: impl Into<Bytes>) -> Self {
        Self::of(Content::Ack { id: id.clone(), data: data.into() })
    }

    pub(super) fn packet(text: impl Into<Bytes>) -> Self {
        Self::of(Content::Packet(text.into()))
    }

    fn of(content: Content) -> Self {
        Self(Arc::new(Inner { content, plain: OnceLock::new(), socket_io: OnceLock::new(), polling: OnceLock::new() }))
    }

    pub(super) fn bytes(&self, encoding: Encoding) -> &Bytes {
        match encoding {
            Encoding::Plain => self.0.plain.get_or_init(|| self.encode(encoding)),
            Encoding::SocketIo => self.0.socket_io.get_or_init(|| self.encode(encoding)),
            Encoding::Polling => self.0.polling.get_or_init(|| self.encode(encoding)),
        }
    }

    fn encode(&self, encoding: Encoding) -> Bytes {
        match (&self.0.content, encoding) {
            (Content::Joined(frames), _) => joined(frames, encoding),
            (_, Encoding::Plain | Encoding::SocketIo) => {
                let mut frame = websocket::TextFrame::with_capacity(self.room());
                self.write(encoding, frame.payload());
                frame.finish()
            }
            (_, Encoding::Polling) => {
                let mut text = BytesMut::with_capacity(self.room());
                self.write(encoding, &mut text);
                text.freeze()
            }
        }
    }

    /// What its text takes in any encoding, or a little more.
    fn room(&self) -> usize {
        /// Names of fields, brackets and quotes.
        const AROUND: usize = 48;
        AROUND
            + match &self.0.content {
                Content::Event { event, data, trace } => event.len() + data.len() + trace.as_ref().map_or(0, |trace| trace.len()),
                Content::Ack { id, data } => id.0.len() + data.len(),
                Content::Packet(packet) => packet.len(),
                Content::Joined(_) => 0,
            }
    }

    fn write(&self, encoding: Encoding, text: &mut BytesMut) {
        match (&self.0.content, encoding) {
            // Joined of what is written already.
            (Content::Joined(_), _) => {}
            (Content::Event { event, data, trace }, Encoding::Plain) => {
                text.put_slice(b"{\"event\":");
                put_json(text, event);
                text.put_slice(b",\"data\":");
                text.put_slice(data);
                if let Some(trace) = trace {
                    text.put_slice(b",\"trace\":");
                    put_json(text, trace);
                }
                text.put_u8(b'}');
            }
            (Content::Event { event, data, trace }, Encoding::SocketIo | Encoding::Polling) => {
                text.put_slice(b"42[");
                put_json(text, event);
                text.put_u8(b',');
                text.put_slice(data);
                if let Some(trace) = trace {
                    text.put_slice(b",{\"trace\":");
                    put_json(text, trace);
                    text.put_u8(b'}');
                }
                text.put_u8(b']');
            }
            (Content::Ack { id, data }, Encoding::Plain) => {
                text.put_slice(b"{\"event\":\"ack\",\"id\":");
                text.put_slice(id.0.as_bytes());
                text.put_slice(b",\"data\":");
                text.put_slice(data);
                text.put_u8(b'}');
            }
            (Content::Ack { id, data }, Encoding::SocketIo | Encoding::Polling) => {
                text.put_slice(b"43");
                text.put_slice(id.0.as_bytes());
                text.put_u8(b'[');
                text.put_slice(data);
                text.put_u8(b']');
            }
            (Content::Packet(packet), _) => text.put_slice(packet),
        }
    }
}

fn joined(frames: &[Frame], encoding: Encoding) -> Bytes {
    let frames: Vec<&Bytes> = frames.iter().map(|frame| frame.bytes(encoding)).collect();
    let mut bytes = BytesMut::with_capacity(frames.iter().map(|frame| frame.len() + 1).sum());
    for (index, frame) in frames.into_iter().enumerate() {
        if index > 0 && encoding == Encoding::Polling {
            bytes.put_u8(RECORD_SEPARATOR);
        }
        bytes.put_slice(frame);
    }
    bytes.freeze()
}

fn put_json(out: &mut BytesMut, text: &str) {
    if text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        out.put_u8(b'"');
        out.put_slice(text.as_bytes());
        out.put_u8(b'"');
    } else {
        out.put_slice(serde_json::Value::from(text).to_string().as_bytes());
    }
}
