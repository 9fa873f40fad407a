//! The two transports as one: events and answers in, events out.

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};

use super::websocket::{Message, WebSocket};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// JSON frames on `/ws`.
    WebSocket,
    /// Socket.IO v4 on `/socket.io/`, over a WebSocket.
    SocketIo,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Incoming {
    /// With the `traceparent` of the frame that it came in, where that has one.
    Event(String, Value, Option<String>),
    Answer(u64, Value),
    Closed(u16, String),
}

pub(super) struct Wire {
    transport: Transport,
    socket: WebSocket,
}

impl Wire {
    /// Connects and authenticates. The error says what the server answered.
    pub(super) async fn open(transport: Transport, gateway: &str, token: &str, headers: &[(&str, &str)]) -> anyhow::Result<Self> {
        match transport {
            Transport::WebSocket => {
                let mut wire = Self { transport, socket: WebSocket::connect(gateway, "/ws", headers).await? };
                wire.send("auth", Some(1), &json!({"token": token})).await?;
                match wire.next().await? {
                    Incoming::Answer(1, answer) if answer["success"] == true => Ok(wire),
                    other => bail!("not authenticated: {other:?}"),
                }
            }
            Transport::SocketIo => {
                let socket = WebSocket::connect(gateway, "/socket.io/?EIO=4&transport=websocket", headers).await?;
                let mut wire = Self { transport, socket };
                let open = wire.packet().await?;
                ensure!(open.starts_with('0'), "Engine.IO opens with {open:?}");
                wire.socket.send_text(&format!("40{}", json!({"token": token}))).await?;
                let connected = wire.packet().await?;
                ensure!(connected.starts_with("40"), "not authenticated: {connected:?}");
                Ok(wire)
            }
        }
    }

    pub(super) async fn send(&mut self, event: &str, id: Option<u64>, data: &Value) -> anyhow::Result<()> {
        self.send_traced(event, id, data, None).await
    }

    /// Socket.IO has no place for a trace.
    pub(super) async fn send_traced(&mut self, event: &str, id: Option<u64>, data: &Value, trace: Option<&str>) -> anyhow::Result<()> {
        let text = match self.transport {
            Transport::WebSocket => {
                let mut frame = json!({"event": event, "data": data});
                if let Some(id) = id {
                    frame["id"] = json!(id);
                }
                if let Some(trace) = trace {
                    frame["trace"] = json!(trace);
                }
                frame.to_string()
            }
            Transport::SocketIo => {
                let id = id.map(|id| id.to_string()).unwrap_or_default();
                let mut arguments = vec![json!(event), data.clone()];
                arguments.extend(trace.map(|trace| json!({"trace": trace})));
                format!("42{id}{}", Value::Array(arguments))
            }
        };
        self.socket.send_text(&text).await
    }

    pub(super) async fn close(&mut self) -> anyhow::Result<()> {
        self.socket.close(1000).await
    }

    /// The next event or answer. May be cancelled and called again.
    pub(super) async fn next(&mut self) -> anyhow::Result<Incoming> {
        loop {
            let text = match self.socket.next().await? {
                Message::Text(text) => text,
                Message::Ping(payload) => {
                    self.socket.pong(&payload).await?;
                    continue;
                }
                Message::Pong(_) => continue,
                Message::Closed(code, reason) => return Ok(Incoming::Closed(code, reason)),
            };
            let incoming = match self.transport {
                Transport::WebSocket => Some(read_frame(&text)?),
                Transport::SocketIo if text == "2" => {
                    self.socket.send_text("3").await?;
                    None
                }
                Transport::SocketIo => read_packet(&text)?,
            };
            if let Some(incoming) = incoming {
                return Ok(incoming);
            }
        }
    }

    /// The next text before the connection is authenticated.
    async fn packet(&mut self) -> anyhow::Result<String> {
        match self.socket.next().await? {
            Message::Text(text) => Ok(text),
            other => bail!("not a packet of Engine.IO: {other:?}"),
        }
    }
}

fn read_frame(text: &str) -> anyhow::Result<Incoming> {
    let mut frame: Value = serde_json::from_str(text)?;
    let data = frame["data"].take();
    match frame["event"].as_str().context("a frame without its event")? {
        "ack" => Ok(Incoming::Answer(frame["id"].as_u64().context("an answer without its id")?, data)),
        event => Ok(Incoming::Event(event.to_owned(), data, frame["trace"].as_str().map(str::to_owned))),
    }
}

fn read_packet(text: &str) -> anyhow::Result<Option<Incoming>> {
    if text.starts_with("41") || text == "1" {
        return Ok(Some(Incoming::Closed(1000, "disconnected by the server".to_owned())));
    }
    if let Some(event) = text.strip_prefix("42") {
        let (name, mut data): (String, Vec<Value>) = match serde_json::from_str(event)? {
            Value::Array(mut parts) if parts.first().is_some_and(Value::is_string) => {
                let data = parts.split_off(1);
                (parts[0].as_str().unwrap_or_default().to_owned(), data)
            }
            other => bail!("not an event: {other}"),
        };
        // What stands beside the payload in a frame is the event's second argument here.
        let trace = if data.len() == 2 { data.pop() } else { None };
        ensure!(data.len() <= 1, "an event with {} arguments", data.len());
        let trace = trace.and_then(|beside| beside["trace"].as_str().map(str::to_owned));
        return Ok(Some(Incoming::Event(name, data.pop().unwrap_or_default(), trace)));
    }
    if let Some(answer) = text.strip_prefix("43") {
        let digits = answer.find('[').context("an answer without arguments")?;
        let id = answer[..digits].parse().context("an answer without its id")?;
        let mut data: Vec<Value> = serde_json::from_str(&answer[digits..])?;
        ensure!(data.len() == 1, "an answer with {} arguments", data.len());
        return Ok(Some(Incoming::Answer(id, data.remove(0))));
    }
    bail!("an unknown packet: {text:?}")
}
