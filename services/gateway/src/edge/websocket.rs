//! The server's side of RFC 6455, without extensions: the opening handshake, frames out, frames in.

mod decode;
mod handshake;

pub use decode::{Decoder, Message, Violation};
pub(super) use handshake::accept;

use bytes::{BufMut, Bytes, BytesMut};

const FIN: u8 = 0x80;

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
    let mut frame = BytesMut::with_capacity(payload.len() + 10);
    frame.put_u8(FIN | opcode as u8);
    match payload.len() {
        short @ ..=125 => frame.put_u8(short as u8),
        medium @ ..=0xffff => {
            frame.put_u8(126);
            frame.put_u16(medium as u16);
        }
        long => {
            frame.put_u8(127);
            frame.put_u64(long as u64);
        }
    }
    frame.put_slice(payload);
    frame.freeze()
}
