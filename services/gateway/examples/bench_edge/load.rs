//! The load generator: opens connections, counts the bytes that each gets, and reports the updates that the first player has,
//! which stands for the game master who waits for his answers, and those that all have.

use std::{
    collections::VecDeque,
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context as _;
use tokio::io::AsyncWriteExt as _;

use crate::{Receipts, say, update_data};

const SCRATCH: usize = 8 * 1024;

pub(crate) fn run(port: u16, dialect: &str, connections: usize) -> anyhow::Result<()> {
    let report = open(port, dialect, Some("report"))?;
    let players = (0..connections).map(|_| open(port, dialect, None)).collect::<anyhow::Result<Vec<_>>>()?;
    say("open");
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(count(report, players, dialect))
}

/// Opens one connection up to where updates come.
fn open(port: u16, dialect: &str, hello: Option<&str>) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    let (path, login, answers) = match dialect {
        "bare" => return Ok(stream),
        "plain" => ("/ws", r#"{"event":"auth","id":1,"data":{"token":"t"}}"#, 1),
        _ => ("/socket.io/?EIO=4&transport=websocket", r#"40{"token":"t"}"#, 2),
    };
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    anyhow::ensure!(head.starts_with(b"HTTP/1.1 101"), "not upgraded: {}", String::from_utf8_lossy(&head));
    stream.write_all(&masked(login))?;
    for _ in 0..answers {
        let mut header = [0; 2];
        stream.read_exact(&mut header)?;
        let length = match header[1] {
            126 => {
                let mut length = [0; 2];
                stream.read_exact(&mut length)?;
                usize::from(u16::from_be_bytes(length))
            }
            short => usize::from(short),
        };
        stream.read_exact(&mut vec![0; length])?;
    }
    if let Some(hello) = hello {
        stream.write_all(&masked(&event(dialect, hello, 0)))?;
    }
    Ok(stream)
}

fn event(dialect: &str, event: &str, data: usize) -> String {
    match dialect {
        "plain" => format!(r#"{{"event":"{event}","data":{data}}}"#),
        _ => format!(r#"42["{event}",{data}]"#),
    }
}

/// A client's frame. A mask of zeros is a mask.
fn masked(text: &str) -> Vec<u8> {
    assert!(text.len() < 126);
    let mut frame = vec![0x81, 0x80 | text.len() as u8, 0, 0, 0, 0];
    frame.extend_from_slice(text.as_bytes());
    frame
}

async fn count(report: TcpStream, players: Vec<TcpStream>, dialect: &str) -> anyhow::Result<()> {
    let data = update_data();
    let text = match dialect {
        "socket.io" => format!(r#"42["gameState:updated",{data}]"#),
        _ => format!(r#"{{"event":"gameState:updated","data":{data}}}"#),
    };
    let update_bytes = gateway::edge::websocket::text(text.as_bytes()).len();
    let progress = Arc::new(Mutex::new(Progress { players: players.len(), first: 0, complete: 0, missing: VecDeque::new() }));
    let (reports, mut reported) = tokio::sync::mpsc::unbounded_channel();
    let tasks = tokio_util::task::TaskTracker::new();
    for (number, player) in players.into_iter().enumerate() {
        player.set_nonblocking(true)?;
        tasks.spawn(read(number, tokio::net::TcpStream::from_std(player)?, update_bytes, progress.clone(), reports.clone()));
    }
    report.set_nonblocking(true)?;
    let mut report = tokio::net::TcpStream::from_std(report)?;
    while let Some(receipts) = reported.recv().await {
        match dialect {
            "bare" => report.write_all(&(receipts.to_number() as u64).to_be_bytes()).await?,
            _ => report.write_all(&masked(&event(dialect, "received", receipts.to_number()))).await?,
        }
    }
    Ok(())
}

async fn read(
    number: usize,
    stream: tokio::net::TcpStream,
    update_bytes: usize,
    progress: Arc<Mutex<Progress>>,
    reports: tokio::sync::mpsc::UnboundedSender<Receipts>,
) -> anyhow::Result<()> {
    let (mut bytes, mut updates) = (0, 0);
    let mut scratch = Vec::new();
    loop {
        stream.readable().await?;
        scratch.resize(SCRATCH, 0);
        match stream.try_read(&mut scratch) {
            Ok(0) => return Ok(()),
            Ok(length) => bytes += length,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error.into()),
        }
        while bytes >= (updates + 1) * update_bytes {
            let receipts = progress.lock().unwrap_or_else(PoisonError::into_inner).received(number, updates);
            if let Some(receipts) = receipts {
                reports.send(receipts).context("nobody takes reports")?;
            }
            updates += 1;
        }
    }
}

/// How many players still miss each update that not all have.
struct Progress {
    players: usize,
    first: usize,
    complete: usize,
    missing: VecDeque<usize>,
}

impl Progress {
    /// The receipts, if this one made them grow.
    fn received(&mut self, player: usize, update: usize) -> Option<Receipts> {
        let index = update - self.complete;
        if self.missing.len() <= index {
            self.missing.resize(index + 1, self.players);
        }
        self.missing[index] -= 1;
        let before = (self.first, self.complete);
        while self.missing.front() == Some(&0) {
            self.missing.pop_front();
            self.complete += 1;
        }
        if player == 0 {
            self.first = update + 1;
        }
        let Self { first, complete, .. } = *self;
        ((first, complete) != before).then_some(Receipts { first, complete })
    }
}
