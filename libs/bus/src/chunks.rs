//! Answers larger than NATS takes: cut into parts, each with its index; the first also says how many there are, the size
//! of the whole and its encoding, and carries the answer's own headers. An empty message with a status ends them.

use std::io::Read as _;

use bytes::{Bytes, BytesMut};
use protocol::headers as name;

use crate::{Headers, Message, RequestError};

/// Compression is tried above this size...
const COMPRESS_ABOVE: usize = 64 * 1024;
/// ...and kept if it saves at least this share, in hundredths.
const WORTH_SAVING: usize = 10;
/// The fastest level: the network inside a cluster is quick, the processor is shared.
const LEVEL: i32 = 1;
const LARGEST_PART: usize = 256 * 1024;
/// No answer is larger, neither in parts nor decompressed.
const LARGEST_WHOLE: usize = 64 * 1024 * 1024;
const ZSTD: &str = "zstd";
const END: &str = "end";

/// The parts of one answer, in order, the ending one included.
pub(crate) fn split(headers: Headers, whole: &Bytes, max_payload: usize) -> Vec<(Headers, Bytes)> {
    let (body, encoding) = compress(whole);
    let part_size = LARGEST_PART.min(max_payload / 2).max(1);
    let count = body.len().div_ceil(part_size);
    let mut first = headers.with(name::PARTS, count.to_string()).with(name::SIZE, whole.len().to_string());
    if let Some(encoding) = encoding {
        first.set(name::ENCODING, encoding);
    }
    let mut parts = Vec::with_capacity(count + 1);
    for index in 0..count {
        let from = index * part_size;
        let headers = std::mem::take(&mut first).with(name::PART, index.to_string());
        parts.push((headers, body.slice(from..body.len().min(from + part_size))));
    }
    // Of an empty answer the end is the first part as well.
    parts.push((first.with(name::PART, count.to_string()).with(name::STATUS, END), Bytes::new()));
    parts
}

fn compress(whole: &Bytes) -> (Bytes, Option<&'static str>) {
    if whole.len() > COMPRESS_ABOVE {
        match zstd::bulk::compress(whole, LEVEL) {
            Ok(small) if small.len() <= whole.len() / 100 * (100 - WORTH_SAVING) => return (small.into(), Some(ZSTD)),
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, bytes = whole.len(), "could not compress an answer, sending it as it is"),
        }
    }
    (whole.clone(), None)
}

/// Joins parts. A gap, a repetition or a wrong size fails the whole.
#[derive(Default)]
pub(crate) struct Assembler {
    first: Option<Message>,
    parts: usize,
    size: usize,
    taken: usize,
    body: BytesMut,
}

impl Assembler {
    /// Takes the next message; gives the whole when it is there. A message that is not a part is a whole by itself.
    pub(crate) fn take(&mut self, message: Message) -> Result<Option<Whole>, RequestError> {
        let Some(index) = message.headers.number::<usize>(name::PART) else {
            return if self.first.is_some() {
                Err(broken("it stopped in the middle"))
            } else {
                Ok(Some(Whole { size: message.payload.len(), message }))
            };
        };
        if index != self.taken {
            return Err(broken(&format!("part {} is missing, {index} came", self.taken)));
        }
        if self.first.is_none() {
            let field = |field| message.headers.number::<usize>(field).ok_or_else(|| broken("its first part does not say how large it is"));
            (self.parts, self.size) = (field(name::PARTS)?, field(name::SIZE)?);
            if self.size > LARGEST_WHOLE {
                return Err(broken(&format!("it has {} bytes, {LARGEST_WHOLE} are the most", self.size)));
            }
        }
        let ends = message.headers.get(name::STATUS) == Some(END);
        if ends != (index == self.parts) {
            return Err(broken(&format!("part {index} of {} does not belong there", self.parts)));
        }
        self.body.extend_from_slice(&message.payload);
        if self.body.len() > LARGEST_WHOLE {
            return Err(broken(&format!("it has more than {LARGEST_WHOLE} bytes")));
        }
        self.taken += 1;
        let mut message = self.first.take().unwrap_or(message);
        if !ends {
            self.first = Some(message);
            return Ok(None);
        }
        message.payload = std::mem::take(&mut self.body).freeze();
        Ok(Some(Whole { size: self.size, message }))
    }
}

/// An answer with all its parts, perhaps still compressed.
pub(crate) struct Whole {
    message: Message,
    size: usize,
}

impl Whole {
    pub(crate) async fn decode(self) -> Result<Message, RequestError> {
        let Self { mut message, size } = self;
        match message.headers.get(name::ENCODING) {
            None => {}
            Some(ZSTD) => {
                let packed = std::mem::take(&mut message.payload);
                // Milliseconds for a large state: not on a thread that serves others.
                let unpacked = tokio::task::spawn_blocking(move || decompress(&packed, size)).await;
                message.payload = unpacked.map_err(|_| broken("decompressing it panicked"))??;
            }
            Some(other) => return Err(broken(&format!("its encoding {other:?} is not known"))),
        }
        if message.payload.len() == size { Ok(message) } else { Err(broken(&format!("it has {} bytes of {size}", message.payload.len()))) }
    }
}

/// At most one byte more than announced is ever made, so that a small message cannot become a huge one.
fn decompress(packed: &[u8], size: usize) -> Result<Bytes, RequestError> {
    let decoder = zstd::stream::read::Decoder::new(packed).map_err(|error| broken(&error.to_string()))?;
    let mut whole = Vec::with_capacity(size);
    decoder.take(size as u64 + 1).read_to_end(&mut whole).map_err(|error| broken(&error.to_string()))?;
    Ok(whole.into())
}

fn broken(reason: &str) -> RequestError {
    RequestError::Incomplete(reason.to_owned())
}

#[cfg(test)]
mod tests;
