//! Frames in: a decoder that takes bytes as they come, in pieces of any size, and holds only what it cannot give out yet.

use bytes::Bytes;

use super::{FIN, Opcode};
use crate::edge::CloseCode;

const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;
const MAX_CONTROL: usize = 125;

/// What a client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Valid UTF-8.
    Text(Bytes),
    Binary(Bytes),
    Ping(Bytes),
    Pong,
    /// Goodbye, with the payload to answer it with.
    Close(Bytes),
}

/// A frame that must end the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    #[error("the frame breaks the protocol")]
    Protocol,
    #[error("text is not UTF-8")]
    InvalidText,
    #[error("the message is too big")]
    TooBig,
}

impl Violation {
    pub fn close_code(self) -> CloseCode {
        match self {
            Self::Protocol => CloseCode::Protocol,
            Self::InvalidText => CloseCode::InvalidText,
            Self::TooBig => CloseCode::TooBig,
        }
    }
}

/// Reads the frames of one client. After a violation it must not be used again.
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
    header: [u8; 14],
    header_length: u8,
    /// The frame whose payload is being read.
    frame: Option<Frame>,
    /// Payload of the data message so far, over all its fragments.
    message: Vec<u8>,
    /// Whether the first fragment said text or binary; none between messages.
    fragmented: Option<Opcode>,
    /// Payload of a control frame so far: it may come between the fragments of a message.
    control: Vec<u8>,
}

#[cfg(test)]
mod tests;

#[derive(Debug, Clone, Copy)]
struct Frame {
    fin: bool,
    opcode: Opcode,
    mask: [u8; 4],
    length: usize,
    read: usize,
}

impl Decoder {
    /// `limit` is the largest message, over all fragments. A larger one is refused when its header is read.
    pub fn new(limit: usize) -> Self {
        Self { limit, header: [0; 14], header_length: 0, frame: None, message: Vec::new(), fragmented: None, control: Vec::new() }
    }

    /// Takes bytes off `input` until a message is whole; none when the input is used up.
    pub fn decode(&mut self, input: &mut &[u8]) -> Result<Option<Message>, Violation> {
        loop {
            let frame = match self.frame {
                Some(frame) => frame,
                None => match self.read_header(input)? {
                    Some(frame) => frame,
                    None => return Ok(None),
                },
            };
            let frame = self.read_payload(frame, input);
            if frame.read < frame.length {
                self.frame = Some(frame);
                return Ok(None);
            }
            self.frame = None;
            if let Some(message) = self.finish(frame)? {
                return Ok(Some(message));
            }
        }
    }

    /// Whether the last input ended between two messages.
    pub fn is_idle(&self) -> bool {
        self.header_length == 0 && self.frame.is_none() && self.fragmented.is_none()
    }

    fn read_header(&mut self, input: &mut &[u8]) -> Result<Option<Frame>, Violation> {
        loop {
            let have = usize::from(self.header_length);
            let need = header_length(&self.header[..have]);
            if have == 2 {
                // As early as possible: a client that breaks the rules may never send the rest.
                self.check_start()?;
            }
            if have == need {
                self.header_length = 0;
                return self.parse_header(need).map(Some);
            }
            if input.is_empty() {
                return Ok(None);
            }
            let taken = (need - have).min(input.len());
            self.header[have..have + taken].copy_from_slice(&input[..taken]);
            self.header_length += taken as u8;
            *input = &input[taken..];
        }
    }

    fn check_start(&self) -> Result<Opcode, Violation> {
        let [first, second, ..] = self.header;
        let opcode = match first & 0x0f {
            0x0 => Opcode::Continuation,
            0x1 => Opcode::Text,
            0x2 => Opcode::Binary,
            0x8 => Opcode::Close,
            0x9 => Opcode::Ping,
            0xA => Opcode::Pong,
            _ => return Err(Violation::Protocol),
        };
        let in_place = match opcode {
            Opcode::Continuation => self.fragmented.is_some(),
            Opcode::Text | Opcode::Binary => self.fragmented.is_none(),
            Opcode::Close | Opcode::Ping | Opcode::Pong => first & FIN != 0 && usize::from(second & !MASKED) <= MAX_CONTROL,
        };
        let allowed = first & RESERVED == 0 && second & MASKED != 0 && in_place;
        if allowed { Ok(opcode) } else { Err(Violation::Protocol) }
    }

    fn parse_header(&self, length: usize) -> Result<Frame, Violation> {
        let opcode = self.check_start()?;
        let kind = self.header[1] & !MASKED;
        let payload = self.header[2..length - 4].iter().fold(0, |length, byte| length << 8 | u64::from(*byte));
        let (payload, shortest) = match kind {
            126 => (payload, payload > 125),
            127 => (payload, payload > 0xffff && payload >> 63 == 0),
            short => (u64::from(short), true),
        };
        if !shortest {
            return Err(Violation::Protocol);
        }
        let room = if is_control(opcode) { MAX_CONTROL } else { self.limit - self.message.len() };
        let Some(payload) = usize::try_from(payload).ok().filter(|payload| *payload <= room) else {
            return Err(Violation::TooBig);
        };
        let mut mask = [0; 4];
        mask.copy_from_slice(&self.header[length - 4..length]);
        Ok(Frame { fin: self.header[0] & FIN != 0, opcode, mask, length: payload, read: 0 })
    }

    /// Memory is taken for what has come, never for what a header only announces.
    fn read_payload(&mut self, mut frame: Frame, input: &mut &[u8]) -> Frame {
        let target = if is_control(frame.opcode) { &mut self.control } else { &mut self.message };
        let taken = (frame.length - frame.read).min(input.len());
        let start = target.len();
        if taken == frame.length {
            target.reserve_exact(taken);
        }
        target.extend_from_slice(&input[..taken]);
        unmask(&mut target[start..], frame.mask, frame.read);
        frame.read += taken;
        *input = &input[taken..];
        frame
    }

    fn finish(&mut self, frame: Frame) -> Result<Option<Message>, Violation> {
        let message = match frame.opcode {
            Opcode::Ping => Message::Ping(std::mem::take(&mut self.control).into()),
            Opcode::Pong => {
                self.control = Vec::new();
                Message::Pong
            }
            Opcode::Close => {
                let payload = std::mem::take(&mut self.control);
                check_close(&payload)?;
                Message::Close(payload.into())
            }
            Opcode::Text | Opcode::Binary | Opcode::Continuation => {
                let kind = self.fragmented.unwrap_or(frame.opcode);
                if !frame.fin {
                    self.fragmented = Some(kind);
                    return Ok(None);
                }
                self.fragmented = None;
                let payload = std::mem::take(&mut self.message);
                match kind {
                    Opcode::Text if std::str::from_utf8(&payload).is_err() => return Err(Violation::InvalidText),
                    Opcode::Text => Message::Text(payload.into()),
                    _ => Message::Binary(payload.into()),
                }
            }
        };
        Ok(Some(message))
    }
}

/// How long the header is, as far as its beginning tells.
fn header_length(start: &[u8]) -> usize {
    match start.get(1).map(|second| second & 0x7f) {
        None => 2,
        Some(126) => 8,
        Some(127) => 14,
        Some(_) => 6,
    }
}

fn is_control(opcode: Opcode) -> bool {
    matches!(opcode, Opcode::Close | Opcode::Ping | Opcode::Pong)
}

/// Eight bytes at a time: a byte loop would be the most expensive part of reading a large message.
fn unmask(payload: &mut [u8], mask: [u8; 4], offset: usize) {
    let mask: [u8; 8] = std::array::from_fn(|index| mask[(offset + index) % 4]);
    let wide = u64::from_ne_bytes(mask);
    let mut chunks = payload.chunks_exact_mut(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        chunk.copy_from_slice(&(u64::from_ne_bytes(word) ^ wide).to_ne_bytes());
    }
    for (byte, mask) in chunks.into_remainder().iter_mut().zip(mask) {
        *byte ^= mask;
    }
}

fn check_close(payload: &[u8]) -> Result<(), Violation> {
    match payload {
        [] => Ok(()),
        [_] => Err(Violation::Protocol),
        [high, low, reason @ ..] => match u16::from_be_bytes([*high, *low]) {
            1000..=1003 | 1007..=1014 | 3000..=4999 => std::str::from_utf8(reason).map(|_| ()).map_err(|_| Violation::InvalidText),
            _ => Err(Violation::Protocol),
        },
    }
}
