//! A client that writes whatever bytes a test wants.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{DEADLINE, TestEdge};

pub(super) const TEXT: u8 = 0x81;
pub(super) const CLOSE: u8 = 0x88;
pub(super) const PING: u8 = 0x89;
pub(super) const PONG: u8 = 0x8a;

pub(super) struct Raw {
    pub(super) stream: TcpStream,
}

impl Raw {
    pub(super) async fn tcp(edge: &TestEdge) -> Self {
        Self { stream: TcpStream::connect(edge.address).await.unwrap() }
    }

    /// Asks for an upgrade and gives the answer's head.
    pub(super) async fn handshake(edge: &TestEdge, path: &str, headers: &str) -> (Self, String) {
        let mut raw = Self::tcp(edge).await;
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
        );
        raw.stream.write_all(head.as_bytes()).await.unwrap();
        let answer = raw.head().await;
        (raw, answer)
    }

    pub(super) async fn open(edge: &TestEdge, path: &str) -> Self {
        let (raw, head) = Self::handshake(edge, path, "").await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        raw
    }

    /// An authenticated plain connection.
    pub(super) async fn plain(edge: &TestEdge) -> Self {
        let mut raw = Self::open(edge, "/ws").await;
        raw.text(r#"{"event":"auth","id":1,"data":{"token":"good"}}"#).await;
        assert!(raw.read_text().await.contains(r#""success":true"#));
        raw
    }

    pub(super) async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match tokio::time::timeout(DEADLINE, self.stream.read_u8()).await.expect("an answer") {
                Ok(byte) => head.push(byte),
                Err(_) => break,
            }
        }
        String::from_utf8(head).unwrap()
    }

    /// What the body that follows a head says: the reason, and the limit that was passed.
    pub(super) async fn refusal(&mut self, head: &str) -> (String, u64) {
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await.unwrap();
        let refusal: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert!(refusal["success"] == false && refusal["error"]["retryable"] == true, "{refusal}");
        let details = &refusal["error"]["details"];
        (details["reason"].as_str().unwrap().to_owned(), details["limit"].as_u64().unwrap())
    }

    pub(super) async fn text(&mut self, text: &str) {
        self.bytes(&frame(TEXT, text.as_bytes())).await;
    }

    pub(super) async fn bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// The next frame: first byte and payload; none at the end of the stream.
    pub(super) async fn read(&mut self) -> Option<(u8, Vec<u8>)> {
        tokio::time::timeout(DEADLINE, async {
            let first = self.stream.read_u8().await.ok()?;
            let length = match self.stream.read_u8().await.ok()? {
                126 => usize::from(self.stream.read_u16().await.ok()?),
                127 => self.stream.read_u64().await.ok()? as usize,
                short => usize::from(short),
            };
            let mut payload = vec![0; length];
            self.stream.read_exact(&mut payload).await.ok()?;
            Some((first, payload))
        })
        .await
        .expect("a frame or the end")
    }

    pub(super) async fn read_text(&mut self) -> String {
        let (first, payload) = self.read().await.expect("a frame");
        assert_eq!(first, TEXT, "{}", String::from_utf8_lossy(&payload));
        String::from_utf8(payload).unwrap()
    }

    /// The code of the close frame that must come, after whatever else is on the way.
    pub(super) async fn close_code(&mut self) -> u16 {
        loop {
            let (first, payload) = self.read().await.expect("a close frame before the end");
            if first == CLOSE {
                return u16::from_be_bytes([payload[0], payload[1]]);
            }
        }
    }
}

/// A masked frame. The first byte is taken as it is.
pub(super) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0xa5, 0x01, 0xff, 0x3c];
    let mut frame = vec![first];
    match payload.len() {
        short @ ..=125 => frame.push(0x80 | short as u8),
        medium @ ..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend((medium as u16).to_be_bytes());
        }
        long => {
            frame.push(0x80 | 127);
            frame.extend((long as u64).to_be_bytes());
        }
    }
    frame.extend(mask);
    frame.extend(payload.iter().enumerate().map(|(index, byte)| byte ^ mask[index % 4]));
    frame
}
