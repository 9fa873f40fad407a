//! One connection: opened up to where updates come.

use std::{
    io::ErrorKind,
    mem::MaybeUninit,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Poll, ready},
    time::Duration,
};

use anyhow::{Context, anyhow, bail};
use serde_json::json;
use tokio::{
    io::{AsyncRead, ReadBuf},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    time::timeout,
};

use crate::{
    dialect::{Dialect, Meaning, Seat},
    websocket::{self, CLOSE, Frames, PING, PONG},
};

const PATIENCE: Duration = Duration::from_secs(60);
const SCRATCH: usize = 16 * 1024;

/// Cheap to clone: one reads, one writes.
#[derive(Clone)]
pub(super) struct Connection {
    writer: Arc<OwnedWriteHalf>,
    /// With what was read of a frame whose end has not come yet, whoever reads on.
    reader: Arc<Mutex<(OwnedReadHalf, Frames)>>,
}

/// Opens a connection; gives the version that the session is at, where its server says so.
pub(super) async fn open(dialect: Dialect, port: u16, session: &str, token: &str, seat: Seat) -> anyhow::Result<(Connection, u64)> {
    timeout(PATIENCE, opened(dialect, port, session, token, seat)).await.context("a connection was not opened in time")?
}

async fn opened(dialect: Dialect, port: u16, session: &str, token: &str, seat: Seat) -> anyhow::Result<(Connection, u64)> {
    if dialect == Dialect::Bare {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        return Ok((Connection::new(stream), 0));
    }
    let path = if dialect == Dialect::Colyseus { seat_of_colyseus(port, session).await? } else { dialect.path().to_owned() };
    let connection = Connection::new(websocket::connect(port, &path).await?);
    for _ in 0..dialect.greetings() {
        connection.await_answer(dialect).await?;
    }
    let mut version = 0;
    for said in dialect.opening(session, token, seat) {
        connection.send(&websocket::masked(dialect.opcode(), &said)).await?;
        // Colyseus says nothing to the client's last word.
        if dialect != Dialect::Colyseus {
            version = connection.await_answer(dialect).await?;
        }
    }
    Ok((connection, version))
}

async fn seat_of_colyseus(port: u16, session: &str) -> anyhow::Result<String> {
    let base = format!("http://127.0.0.1:{port}");
    let answer = testkit::http::post(&base, "/matchmake/joinOrCreate/table", None, &json!({"session": session})).await?.success()?;
    let field = |value: &serde_json::Value| value.as_str().map(str::to_owned).with_context(|| format!("no seat in {answer}"));
    let (room, own) = (&answer["room"], field(&answer["sessionId"])?);
    Ok(format!("/{}/{}?sessionId={own}", field(&room["processId"])?, field(&room["roomId"])?))
}

impl Connection {
    fn new(stream: TcpStream) -> Self {
        let (reader, writer) = stream.into_split();
        Self { writer: Arc::new(writer), reader: Arc::new(Mutex::new((reader, Frames::default()))) }
    }

    /// Sends a text and waits for its answer.
    pub(super) async fn ask(&self, dialect: Dialect, text: &[u8]) -> anyhow::Result<u64> {
        timeout(PATIENCE, async {
            self.send(&websocket::masked(dialect.opcode(), text)).await?;
            self.await_answer(dialect).await
        })
        .await
        .context("no answer in time")?
    }

    pub(super) async fn send(&self, mut bytes: &[u8]) -> anyhow::Result<()> {
        while !bytes.is_empty() {
            match self.writer.try_write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.writer.writable().await?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Reads until the server has answered. Frames that follow in the same packet belong to nothing that is measured.
    async fn await_answer(&self, dialect: Dialect) -> anyhow::Result<u64> {
        let mut version = None;
        loop {
            self.read(dialect, |meaning| {
                if let Meaning::Opened(at) = meaning {
                    version = Some(version.unwrap_or(0).max(at));
                }
            })
            .await?;
            if let Some(version) = version {
                return Ok(version);
            }
        }
    }

    /// Reads what is there, waiting for it; pings are answered on the way.
    pub(super) async fn read(&self, dialect: Dialect, mut each: impl FnMut(Meaning)) -> anyhow::Result<()> {
        let mut answers = Vec::new();
        let mut look = |opcode: u8, payload: &[u8]| {
            match opcode {
                PING => answers.extend(websocket::masked(PONG, payload)),
                CLOSE => bail!("closed by the server: {}", String::from_utf8_lossy(payload.get(2..).unwrap_or_default())),
                PONG => {}
                _ => match dialect.meaning(payload)? {
                    Meaning::AnswerWith(answer) => answers.extend(websocket::masked(dialect.opcode(), answer)),
                    meaning => each(meaning),
                },
            }
            Ok(())
        };
        // A read that does not fill the buffer has emptied the socket, and tokio knows: there is no second one that finds nothing.
        std::future::poll_fn(|context| {
            let mut locked = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
            let (reader, frames) = &mut *locked;
            let mut scratch = [MaybeUninit::uninit(); SCRATCH];
            let mut buffer = ReadBuf::uninit(&mut scratch);
            ready!(Pin::new(reader).poll_read(context, &mut buffer))?;
            if buffer.filled().is_empty() {
                return Poll::Ready(Err(anyhow!("the server closed a connection")));
            }
            Poll::Ready(frames.feed(buffer.filled(), &mut look))
        })
        .await?;
        if answers.is_empty() { Ok(()) } else { self.send(&answers).await }
    }
}
