//! The server's side of RFC 6455, without extensions: the opening handshake, frames out, frames in.

mod decode;
mod handshake;

pub use decode::{Decoder, Message, Violation};
pub(super) use handshake::accept;

use bytes::{Buf as _, BufMut, Bytes, BytesMut};

const FIN: u8 = 0x80;
/// A server masks nothing: two bytes, and eight for the length of a long payload.
const LONGEST_HEADER: usize = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Opcode {
    Continuation = 0x0,
    Text = 0x1,
    Binary = 0x2,
    Close = 0x8,
    Ping = 0x9,
    Pong = 0xA,
}

/// A whole text message in one frame.
pub fn text(payload: &[u8]) -> Bytes {
    frame(Opcode::Text, payload)
}

/// A whole text message that is written where it stays: its header, whose length depends on that of the text, goes before it in the end.
pub(super) struct TextFrame(BytesMut);

impl TextFrame {
    pub(super) fn with_capacity(payload: usize) -> Self {
        let mut frame = BytesMut::with_capacity(LONGEST_HEADER + payload);
        frame.put_bytes(0, LONGEST_HEADER);
        Self(frame)
    }

    /// What is put here comes behind what is there.
    pub(super) fn payload(&mut self) -> &mut BytesMut {
        &mut self.0
    }

    pub(super) fn finish(mut self) -> Bytes {
        let (header, length) = header(Opcode::Text, self.0.len() - LONGEST_HEADER);
        let start = LONGEST_HEADER - length;
        self.0[start..LONGEST_HEADER].copy_from_slice(&header[..length]);
        self.0.advance(start);
        self.0.freeze()
    }
}

pub fn ping() -> Bytes {
    Bytes::from_static(&[FIN | Opcode::Ping as u8, 0])
}

pub fn pong(payload: &[u8]) -> Bytes {
    frame(Opcode::Pong, payload)
}

pub fn close(code: u16, reason: &str) -> Bytes {
    let mut payload = BytesMut::with_capacity(2 + reason.len());
    payload.put_u16(code);
    payload.put_slice(reason.as_bytes());
    frame(Opcode::Close, &payload)
}

/// The answer to a client's close frame: the same payload.
pub fn close_answer(payload: &[u8]) -> Bytes {
    frame(Opcode::Close, payload)
}

fn frame(opcode: Opcode, payload: &[u8]) -> Bytes {
    let (header, length) = header(opcode, payload.len());
    let mut frame = BytesMut::with_capacity(length + payload.len());
    frame.put_slice(&header[..length]);
    frame.put_slice(payload);
    frame.freeze()
}

/// A frame's header, and how many bytes of it count.
fn header(opcode: Opcode, payload: usize) -> ([u8; LONGEST_HEADER], usize) {
    let mut header = [0; LONGEST_HEADER];
    header[0] = FIN | opcode as u8;
    let length = match payload {
        short @ ..=125 => {
            header[1] = short as u8;
            2
        }
        medium @ ..=0xffff => {
            header[1] = 126;
            header[2..4].copy_from_slice(&(medium as u16).to_be_bytes());
            4
        }
        long => {
            header[1] = 127;
            header[2..].copy_from_slice(&(long as u64).to_be_bytes());
            LONGEST_HEADER
        }
    };
    (header, length)
}
