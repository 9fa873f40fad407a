//! How each server is spoken to: the same table, in five dialects.

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use crate::websocket::{BINARY, TEXT};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Dialect {
    /// Ours, plain WebSocket.
    Plain,
    /// Ours, and the cached peer.
    SocketIo,
    ShareDb,
    Colyseus,
    /// nats-server's own WebSocket listener: whoever publishes is a subscriber too.
    Nats,
    /// A server that only writes: no upgrade, any byte asks for an update.
    Bare,
}

/// What a frame of a server is, as far as the load generator cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// So many updates of somebody.
    Updates(usize),
    /// The answer to our own update.
    Acked,
    /// A step of opening the connection is done, and the head is at this version.
    Opened(u64),
    /// To be answered with these bytes.
    AnswerWith(&'static [u8]),
    Other,
}

/// The bare loop's frames have no names: what is larger than this is a state.
const STATE_BYTES: usize = 4096;
const NATS_SUBJECT: &str = "bench.fanout";

impl Dialect {
    pub(crate) fn opcode(self) -> u8 {
        if matches!(self, Self::Colyseus | Self::Nats) { BINARY } else { TEXT }
    }

    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Plain => "/ws",
            Self::SocketIo => "/socket.io/?EIO=4&transport=websocket",
            _ => "/",
        }
    }

    /// What a client says until it sits at the table; each is said when the one before is answered.
    pub(crate) fn opening(self, session: &str, token: &str, seat: Seat) -> Vec<Vec<u8>> {
        let joins = seat == Seat::Joined;
        let said: Vec<String> = match self {
            Self::Plain => {
                let auth = format!(r#"{{"event":"auth","id":"a","data":{{"token":"{token}"}}}}"#);
                let join = format!(r#"{{"event":"gameSession:join","id":"j","data":"{session}"}}"#);
                [Some(auth), joins.then_some(join)].into_iter().flatten().collect()
            }
            Self::SocketIo => {
                let join = format!(r#"420["gameSession:join","{session}"]"#);
                [Some(format!(r#"40{{"token":"{token}"}}"#)), joins.then_some(join)].into_iter().flatten().collect()
            }
            Self::ShareDb => vec![r#"{"a":"hs","id":null}"#.to_owned(), format!(r#"{{"a":"s","c":"sessions","d":"{session}"}}"#)],
            Self::Nats => {
                vec![format!("CONNECT {{\"verbose\":false,\"pedantic\":false,\"echo\":true}}\r\nSUB {NATS_SUBJECT} 1\r\nPING\r\n")]
            }
            Self::Colyseus => return vec![vec![10]],
            Self::Bare => Vec::new(),
        };
        said.into_iter().map(String::into_bytes).collect()
    }

    /// Frames that a server sends by itself before it listens.
    pub(crate) fn greetings(self) -> usize {
        match self {
            // The engine's handshake; the state's begin.
            Self::SocketIo | Self::Nats | Self::Colyseus | Self::ShareDb => 1,
            Self::Plain | Self::Bare => 0,
        }
    }

    pub(crate) fn request_full(self, session: &str) -> String {
        match self {
            Self::Plain => format!(r#"{{"event":"gameState:requestFull","id":"f","data":"{session}"}}"#),
            _ => format!(r#"421["gameState:requestFull","{session}"]"#),
        }
    }

    pub(crate) fn update(self, session: &str, base: u64, place: &Place) -> anyhow::Result<Vec<u8>> {
        let Place { character, value } = place;
        let path = format!("characters.{character}.pluginData.hitPoints.current");
        let operations = format!(r#"[{{"path":"{path}","operation":"set","value":{value}}}]"#);
        let ours = || {
            format!(
                r#"{{"id":"u-{base}","sessionId":"{session}","version":"{base}","operations":{operations},"timestamp":1790000000000,"source":"gm"}}"#
            )
        };
        Ok(match self {
            Self::Plain => format!(r#"{{"event":"gameState:update","id":{base},"data":{}}}"#, ours()).into_bytes(),
            Self::SocketIo => format!(r#"42{}["gameState:update",{}]"#, base + 10, ours()).into_bytes(),
            Self::ShareDb => format!(
                r#"{{"a":"op","c":"sessions","d":"{session}","v":{base},"seq":{},"x":{{}},"op":[{{"p":["characters",{character},"pluginData","hitPoints","current"],"oi":{value}}}]}}"#,
                base + 1
            )
            .into_bytes(),
            Self::Colyseus => {
                let mut message = vec![13];
                let data = serde_json::from_str(&ours()).context("an update is JSON")?;
                message_pack(&serde_json::json!("update"), &mut message)?;
                message_pack(&data, &mut message)?;
                message
            }
            Self::Nats => {
                // As large as an update of ours.
                let data = plain_update(&operations, base);
                format!("PUB {NATS_SUBJECT} {}\r\n{data}\r\n", data.len()).into_bytes()
            }
            Self::Bare => vec![b'u'],
        })
    }

    pub(crate) fn meaning(self, frame: &[u8]) -> anyhow::Result<Meaning> {
        Ok(match self {
            Self::Plain if frame.starts_with(br#"{"event":"gameState:updated""#) => Meaning::Updates(1),
            Self::Plain if frame.starts_with(br#"{"event":"ack""#) => answer(frame)?,
            Self::SocketIo => match frame {
                [b'2'] => Meaning::AnswerWith(b"3"),
                [b'4', b'2', b'[', ..] if frame[3..].starts_with(br#""gameState:updated""#) => Meaning::Updates(1),
                [b'4', b'3', ..] => answer(frame)?,
                [b'0', ..] | [b'4', b'0', ..] => Meaning::Opened(0),
                _ => Meaning::Other,
            },
            Self::ShareDb => match frame {
                _ if contains(frame, br#""error""#) => bail!("refused: {}", excerpt(frame)),
                _ if contains(head(frame), br#""a":"op""#) => {
                    if contains(frame, br#""op":["#) {
                        Meaning::Updates(1)
                    } else {
                        Meaning::Acked
                    }
                }
                // The answer to a subscription has the document, wherever it has the rest.
                _ => Meaning::Opened(number_after(frame, br#""data":{"v":"#).unwrap_or(0)),
            },
            Self::Colyseus => match frame {
                [10, ..] => Meaning::Opened(0),
                [13, rest @ ..] if rest.starts_with(b"\xa7updated") => Meaning::Updates(1),
                [13, rest @ ..] if rest.starts_with(b"\xa3ack") => {
                    if contains(rest, b"VERSION_CONFLICT") {
                        bail!("refused: {}", excerpt(frame));
                    }
                    Meaning::Acked
                }
                [11, ..] => bail!("refused: {}", excerpt(frame)),
                _ => Meaning::Other,
            },
            // The listener puts several messages into one frame, and begins each frame with a whole one.
            Self::Nats => match count(frame, b"MSG bench") {
                0 if frame.starts_with(b"-ERR") => bail!("refused: {}", excerpt(frame)),
                0 if contains(frame, b"INFO {") || contains(frame, b"PONG") => Meaning::Opened(0),
                0 => Meaning::Other,
                messages => Meaning::Updates(messages),
            },
            // A whole state is larger than any update.
            Self::Bare if frame.len() > STATE_BYTES => Meaning::Opened(0),
            Self::Bare => Meaning::Updates(1),
            Self::Plain => Meaning::Other,
        })
    }
}

/// An answer of ours, on either transport, or of the cached peer.
fn answer(frame: &[u8]) -> anyhow::Result<Meaning> {
    if !contains(head(frame), br#""success":true"#) {
        bail!("refused: {}", excerpt(frame));
    }
    if contains(head(frame), br#""newVersion""#) {
        return Ok(Meaning::Acked);
    }
    let version = [&br#""gameStateVersion":""#[..], &br#""version":""#[..]].into_iter().find_map(|field| number_after(frame, field));
    Ok(Meaning::Opened(version.unwrap_or(0)))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Seat {
    /// At its session's table.
    Joined,
    /// Connected and authenticated, no more.
    Connected,
}

/// The place that an update changes.
pub(crate) struct Place {
    pub(crate) character: usize,
    pub(crate) value: u64,
}

/// A broadcast as large as ours, for servers that carry any bytes.
pub(crate) fn plain_update(operations: &str, version: u64) -> String {
    let hash = "0123456789abcdef".repeat(4);
    format!(
        r#"{{"event":"gameState:updated","data":{{"sessionId":"bench-session-0","operations":{operations},"newVersion":"{version}","expectedHash":"{hash}","epoch":"0123456789abcdef","timestamp":1790000000000,"source":"gm","updateId":"u-{version}","kind":"update"}}}}"#
    )
}

/// For servers that send always the same.
pub(crate) fn some_update() -> String {
    plain_update(r#"[{"path":"characters.3.pluginData.hitPoints.current","operation":"set","value":27}]"#, 123_456)
}

fn head(frame: &[u8]) -> &[u8] {
    &frame[..frame.len().min(400)]
}

fn excerpt(frame: &[u8]) -> String {
    String::from_utf8_lossy(head(frame)).into_owned()
}

fn contains(frame: &[u8], part: &[u8]) -> bool {
    frame.windows(part.len()).any(|window| window == part)
}

fn count(frame: &[u8], part: &[u8]) -> usize {
    let (mut found, mut at) = (0, 0);
    // Messages are longer than their mark by far: after a hit the search goes on behind it.
    while let Some(next) = frame[at..].windows(part.len()).position(|window| window == part) {
        found += 1;
        at += next + part.len();
    }
    found
}

fn number_after(frame: &[u8], field: &[u8]) -> Option<u64> {
    let at = frame.windows(field.len()).position(|window| window == field)? + field.len();
    let digits: Vec<u8> = frame[at..].iter().copied().take_while(u8::is_ascii_digit).collect();
    std::str::from_utf8(&digits).ok()?.parse().ok()
}

/// MessagePack, as much as an update has of it.
fn message_pack(value: &serde_json::Value, out: &mut Vec<u8>) -> anyhow::Result<()> {
    use serde_json::Value;
    match value {
        Value::Null => out.push(0xc0),
        Value::Bool(value) => out.push(if *value { 0xc3 } else { 0xc2 }),
        Value::Number(number) => {
            out.push(0xcf);
            out.extend(number.as_u64().context("only whole numbers")?.to_be_bytes());
        }
        Value::String(text) if text.len() < 32 => {
            out.push(0xa0 | text.len() as u8);
            out.extend(text.as_bytes());
        }
        Value::String(text) => {
            out.extend([0xd9, u8::try_from(text.len())?]);
            out.extend(text.as_bytes());
        }
        Value::Array(items) => {
            out.push(0x90 | u8::try_from(items.len()).ok().filter(|length| *length < 16).context("a long array")?);
            items.iter().try_for_each(|item| message_pack(item, out))?;
        }
        Value::Object(fields) => {
            out.push(0x80 | u8::try_from(fields.len()).ok().filter(|length| *length < 16).context("a large object")?);
            for (key, value) in fields {
                message_pack(&Value::String(key.clone()), out)?;
                message_pack(value, out)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_and_updates_are_told_apart() {
        let plain = |text: &str| Dialect::Plain.meaning(text.as_bytes());
        assert_eq!(plain(r#"{"event":"gameState:updated","data":{}}"#).unwrap(), Meaning::Updates(1));
        assert_eq!(plain(r#"{"event":"ack","id":1,"data":{"success":true,"newVersion":"2"}}"#).unwrap(), Meaning::Acked);
        assert_eq!(plain(r#"{"event":"ack","id":"j","data":{"success":true,"gameStateVersion":"17"}}"#).unwrap(), Meaning::Opened(17));
        assert!(plain(r#"{"event":"ack","id":1,"data":{"success":false,"error":{}}}"#).is_err());
        assert_eq!(Dialect::Nats.meaning(b"MSG bench.fanout 1 1\r\nx\r\nMSG bench.fanout 1 1\r\ny\r\n").unwrap(), Meaning::Updates(2));
        assert_eq!(Dialect::SocketIo.meaning(b"2").unwrap(), Meaning::AnswerWith(b"3"));
    }
}
