//! A small client of nats-server: one connection, one request at a time. Shares no code with the bus.

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::timeout,
};

use crate::{PATIENCE, scratch::random_name};

/// The most that one batch of a stream brings.
const BATCH: u64 = 1000;
/// What a server says at the end of a batch, and when there is nothing.
const END_OF_BATCH: u16 = 204;
const NOT_FOUND: u16 = 404;
const NO_RESPONDERS: u16 = 503;

pub struct Connection {
    stream: BufReader<TcpStream>,
    inbox: String,
    requests: u64,
}

#[derive(Debug, Clone, Default)]
pub struct Message {
    /// In place of a payload: the server has no message.
    pub status: Option<u16>,
    pub headers: Vec<(String, String)>,
    pub payload: Vec<u8>,
}

impl Message {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// A parameter of the header in which Stateward's services tell each other what is no payload.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let parameters = self.header("Stateward")?.split(';').filter_map(|parameter| parameter.split_once('='));
        parameters.into_iter().find_map(|(found, value)| (found == name).then_some(value))
    }
}

impl Connection {
    /// `address` is `host:port`.
    pub async fn open(address: &str) -> anyhow::Result<Self> {
        let stream = timeout(PATIENCE, TcpStream::connect(address)).await??;
        stream.set_nodelay(true)?;
        let inbox = format!("_INBOX.{}", random_name());
        let mut connection = Self { stream: BufReader::new(stream), inbox, requests: 0 };
        let hello = json!({"verbose": false, "pedantic": false, "headers": true, "no_responders": true, "name": "testkit", "lang": "rust", "version": "0"});
        let subscribe = format!("CONNECT {hello}\r\nSUB {}.* 1\r\n", connection.inbox);
        connection.stream.write_all(subscribe.as_bytes()).await?;
        Ok(connection)
    }

    /// The answer. A receipt that comes before it is let go.
    pub async fn request(&mut self, subject: &str, headers: &[(&str, &str)], payload: &[u8]) -> anyhow::Result<Message> {
        let asked = self.ask(subject, headers, payload).await?;
        loop {
            let answer = self.answer(asked).await.with_context(|| format!("asking {subject}"))?;
            if answer.parameter("receipt").is_none() {
                return Ok(answer);
            }
        }
    }

    /// A request to JetStream's API. A refusal is an error.
    pub async fn jetstream(&mut self, call: &str, body: Value) -> anyhow::Result<Value> {
        let payload = if body.is_null() { Vec::new() } else { serde_json::to_vec(&body)? };
        let answer = self.request(&format!("$JS.API.{call}"), &[], &payload).await?;
        ensure!(answer.status != Some(NO_RESPONDERS), "{call}: JetStream does not answer");
        let answer: Value = serde_json::from_slice(&answer.payload)?;
        ensure!(answer.get("error").is_none(), "{call}: {}", answer["error"]);
        Ok(answer)
    }

    /// Everything that a stream holds of a subject, oldest first.
    pub async fn stored(&mut self, stream: &str, subject: &str) -> anyhow::Result<Vec<Message>> {
        let mut found = Vec::new();
        let mut next = 1;
        loop {
            let batch = json!({"batch": BATCH, "next_by_subj": subject, "seq": next});
            let asked = self.ask(&format!("$JS.API.DIRECT.GET.{stream}"), &[], &serde_json::to_vec(&batch)?).await?;
            let begun = found.len();
            loop {
                let message = self.answer(asked).await?;
                match message.status {
                    None => {
                        let sequence = message.header("Nats-Sequence").context("a stored message has a sequence")?;
                        next = sequence.parse::<u64>()? + 1;
                        found.push(message);
                    }
                    Some(END_OF_BATCH | NOT_FOUND) => break,
                    Some(status) => bail!("{stream} answers {status}"),
                }
            }
            if ((found.len() - begun) as u64) < BATCH {
                return Ok(found);
            }
        }
    }

    async fn ask(&mut self, subject: &str, headers: &[(&str, &str)], payload: &[u8]) -> anyhow::Result<u64> {
        self.requests += 1;
        let reply = format!("{}.{}", self.inbox, self.requests);
        let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let mut out = if headers.is_empty() {
            format!("PUB {subject} {reply} {}\r\n", payload.len()).into_bytes()
        } else {
            let lines = format!("NATS/1.0\r\n{lines}\r\n");
            let mut out = format!("HPUB {subject} {reply} {} {}\r\n", lines.len(), lines.len() + payload.len()).into_bytes();
            out.extend_from_slice(lines.as_bytes());
            out
        };
        out.extend_from_slice(payload);
        out.extend_from_slice(b"\r\n");
        self.stream.write_all(&out).await?;
        Ok(self.requests)
    }

    /// The next message for a request; those for earlier ones are let go.
    async fn answer(&mut self, asked: u64) -> anyhow::Result<Message> {
        let wanted = format!("{}.{asked}", self.inbox);
        let search = async {
            loop {
                let (subject, message) = self.next().await?;
                if subject == wanted {
                    return anyhow::Ok(message);
                }
            }
        };
        timeout(PATIENCE, search).await.context("no answer within the deadline")?
    }

    async fn next(&mut self) -> anyhow::Result<(String, Message)> {
        loop {
            let mut line = String::new();
            ensure!(self.stream.read_line(&mut line).await? > 0, "nats-server closed the connection");
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["PING"] => self.stream.write_all(b"PONG\r\n").await?,
                ["MSG", subject, .., size] => {
                    let payload = self.body(size.parse()?).await?;
                    return Ok(((*subject).to_owned(), Message { payload, ..Message::default() }));
                }
                ["HMSG", subject, .., head, size] => {
                    let mut body = self.body(size.parse()?).await?;
                    let payload = body.split_off(head.parse()?);
                    return Ok(((*subject).to_owned(), read_headers(&String::from_utf8(body)?, payload)));
                }
                [error, ..] if error.starts_with("-ERR") => bail!("nats-server: {}", line.trim()),
                _ => {}
            }
        }
    }

    async fn body(&mut self, size: usize) -> anyhow::Result<Vec<u8>> {
        let mut body = vec![0; size + 2];
        self.stream.read_exact(&mut body).await?;
        body.truncate(size);
        Ok(body)
    }
}

fn read_headers(text: &str, payload: Vec<u8>) -> Message {
    let mut lines = text.lines();
    let status = lines.next().and_then(|first| first.strip_prefix("NATS/1.0")?.split_whitespace().next()?.parse().ok());
    let headers = lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
    Message { status, headers: headers.collect(), payload }
}
