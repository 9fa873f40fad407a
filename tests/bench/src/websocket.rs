//! As much of WebSocket as a load generator needs: an upgrade, masked frames out, whole frames in. The bytes of a payload are
//! looked at once, by the dialect, and copied only where a frame comes in parts.

use anyhow::{Context, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// More than any state that is measured, in any dialect's clothes.
const MAX_FRAME: u64 = 64 << 20;

pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// Opens a WebSocket.
pub(crate) async fn connect(port: u16, path: &str) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.context("connecting")?;
    stream.set_nodelay(true)?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        // Byte by byte, because the first frame may follow in the same packet.
        head.push(stream.read_u8().await.context("the upgrade was not answered")?);
        ensure!(head.len() < 16 * 1024, "the upgrade's answer has no end");
    }
    ensure!(head.starts_with(b"HTTP/1.1 101"), "not upgraded: {}", String::from_utf8_lossy(&head));
    Ok(stream)
}

/// A client's frame. A mask of zeros is a mask, and costs nothing to apply.
pub(crate) fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(payload.len() + 14);
    frame.push(0x80 | opcode);
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length @ 126..65_536 => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// A server's text frame, for servers that know nothing but how to write it.
pub(crate) fn framed(payload: &[u8]) -> Vec<u8> {
    let mut frame = masked(TEXT, payload);
    let mask = frame.len() - payload.len() - 4;
    frame.drain(mask..mask + 4);
    frame[1] &= 0x7f;
    frame
}

/// Whole frames out of what a socket gives.
#[derive(Default)]
pub(crate) struct Frames {
    /// The begin of a frame that is not complete.
    rest: Vec<u8>,
}

impl Frames {
    pub(crate) fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(u8, &[u8]) -> anyhow::Result<()>) -> anyhow::Result<()> {
        if self.rest.is_empty() {
            let used = whole(bytes, &mut each)?;
            self.rest.extend(&bytes[used..]);
        } else {
            self.rest.extend(bytes);
            let used = whole(&self.rest, &mut each)?;
            self.rest.drain(..used);
        }
        Ok(())
    }
}

/// Gives each whole frame; tells how many bytes they are.
fn whole(bytes: &[u8], each: &mut impl FnMut(u8, &[u8]) -> anyhow::Result<()>) -> anyhow::Result<usize> {
    let mut used = 0;
    while let Some((header, length)) = header(&bytes[used..]) {
        ensure!(length <= MAX_FRAME, "a frame of {length} bytes");
        let (begin, end) = (used + header, used + header + length as usize);
        if end > bytes.len() {
            break;
        }
        each(bytes[used] & 0xf, &bytes[begin..end])?;
        used = end;
    }
    Ok(used)
}

/// Bytes of the header, and of the payload. Servers do not mask.
fn header(bytes: &[u8]) -> Option<(usize, u64)> {
    match bytes.get(1)? & 0x7f {
        126 => Some((4, u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)))),
        127 => Some((10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?))),
        length => Some((2, u64::from(length))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_whole_however_they_are_cut() {
        let payloads = [vec![b'a'; 3], vec![b'b'; 300], vec![b'c'; 70_000], Vec::new()];
        let wire: Vec<u8> = payloads.iter().flat_map(|payload| framed(payload)).collect();
        for cut in [1, 7, 1_000, wire.len()] {
            let (mut frames, mut found) = (Frames::default(), Vec::new());
            for part in wire.chunks(cut) {
                frames
                    .feed(part, |opcode, payload| {
                        assert_eq!(opcode, TEXT);
                        found.push(payload.to_vec());
                        Ok(())
                    })
                    .unwrap();
            }
            assert_eq!(found, payloads);
        }
    }
}
