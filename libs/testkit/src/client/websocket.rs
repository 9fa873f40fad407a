//! The client's side of a WebSocket (RFC 6455), without extensions. Raw enough to send what a well-behaved client never would.

use anyhow::{Context, bail, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{http::split_head, scratch::random_bytes};

const MAX_FRAME: usize = 64 * 1024 * 1024;

pub mod opcode {
    pub const CONTINUATION: u8 = 0;
    pub const TEXT: u8 = 1;
    pub const BINARY: u8 = 2;
    pub const CLOSE: u8 = 8;
    pub const PING: u8 = 9;
    pub const PONG: u8 = 10;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    Text(String),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    /// Code and reason; 1005 where the server gave none, 1006 where the connection ended without a close frame.
    Closed(u16, String),
}

pub struct WebSocket {
    stream: TcpStream,
    /// Received and not yet read. Reading may be given up at any await without losing a byte.
    buffer: Vec<u8>,
    /// The parts so far of a fragmented text.
    text: Vec<u8>,
}

/// The server's answer when it does not upgrade.
#[derive(Debug)]
pub struct NotUpgraded {
    pub status: u16,
}

impl std::fmt::Display for NotUpgraded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the server answered the upgrade with status {}", self.status)
    }
}

impl std::error::Error for NotUpgraded {}

impl WebSocket {
    /// `base` is `http://host:port`.
    pub async fn connect(base: &str, path: &str, headers: &[(&str, &str)]) -> anyhow::Result<Self> {
        let authority = base.strip_prefix("http://").context("an address begins with http://")?.trim_end_matches('/');
        let mut stream = TcpStream::connect(authority).await?;
        stream.set_nodelay(true)?;
        let key = STANDARD.encode(random_bytes::<16>());
        let mut head = format!(
            "GET {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: {key}\r\n"
        );
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).await?;
        let mut buffer = Vec::new();
        loop {
            if let Some((status, _, rest)) = split_head(&buffer)? {
                ensure!(status == 101, NotUpgraded { status });
                let buffer = rest.to_vec();
                return Ok(Self { stream, buffer, text: Vec::new() });
            }
            ensure!(stream.read_buf(&mut buffer).await? > 0, "the connection ended in the upgrade");
        }
    }

    pub async fn send_text(&mut self, text: &str) -> anyhow::Result<()> {
        self.send(true, opcode::TEXT, text.as_bytes()).await
    }

    pub async fn pong(&mut self, payload: &[u8]) -> anyhow::Result<()> {
        self.send(true, opcode::PONG, payload).await
    }

    pub async fn close(&mut self, code: u16) -> anyhow::Result<()> {
        self.send(true, opcode::CLOSE, &code.to_be_bytes()).await
    }

    /// One frame, masked as a client's must be.
    pub async fn send(&mut self, last: bool, opcode: u8, payload: &[u8]) -> anyhow::Result<()> {
        self.send_bytes(&frame(last, opcode, payload)).await
    }

    /// Any bytes at all.
    pub async fn send_bytes(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        Ok(self.stream.write_all(bytes).await?)
    }

    /// The next message. May be cancelled and called again.
    pub async fn next(&mut self) -> anyhow::Result<Message> {
        loop {
            while let Some((last, opcode, payload)) = self.take_frame()? {
                match opcode {
                    opcode::TEXT | opcode::CONTINUATION => {
                        self.text.extend_from_slice(&payload);
                        if last {
                            return Ok(Message::Text(String::from_utf8(std::mem::take(&mut self.text))?));
                        }
                    }
                    opcode::PING => return Ok(Message::Ping(payload)),
                    opcode::PONG => return Ok(Message::Pong(payload)),
                    opcode::CLOSE => {
                        let code = payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
                        let reason = String::from_utf8_lossy(payload.get(2..).unwrap_or_default()).into_owned();
                        return Ok(Message::Closed(code, reason));
                    }
                    other => bail!("a frame with opcode {other}"),
                }
            }
            if matches!(self.stream.read_buf(&mut self.buffer).await, Ok(0) | Err(_)) {
                return Ok(Message::Closed(1006, String::new()));
            }
        }
    }

    /// A complete frame out of the buffer, if there is one.
    fn take_frame(&mut self) -> anyhow::Result<Option<(bool, u8, Vec<u8>)>> {
        let &[first, second, ..] = self.buffer.as_slice() else { return Ok(None) };
        ensure!(first & 0x70 == 0, "a frame with reserved bits");
        ensure!(second & 0x80 == 0, "a server's frame is not masked");
        let (length, start) = match second {
            126 => match self.buffer.get(2..4) {
                Some(bytes) => (usize::from(u16::from_be_bytes(bytes.try_into()?)), 4),
                None => return Ok(None),
            },
            127 => match self.buffer.get(2..10) {
                Some(bytes) => (usize::try_from(u64::from_be_bytes(bytes.try_into()?))?, 10),
                None => return Ok(None),
            },
            short => (usize::from(short), 2),
        };
        ensure!(length <= MAX_FRAME, "a frame of {length} bytes");
        if self.buffer.len() < start + length {
            return Ok(None);
        }
        let payload = self.buffer[start..start + length].to_vec();
        self.buffer.drain(..start + length);
        Ok(Some((first & 0x80 != 0, first & 0x0f, payload)))
    }
}

/// A frame as a client sends it: several of them may go in one write.
pub fn frame(last: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![u8::from(last) << 7 | opcode];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length @ 126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    let mask = random_bytes::<4>();
    frame.extend_from_slice(&mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}
