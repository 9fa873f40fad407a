//! The Socket.IO dialect (protocol 5 over Engine.IO 4), namespace `/` only.
//!
//! An event's first argument is its payload. A second one may carry what stands beside it in a frame of the plain dialect:
//! `{"trace": traceparent}`. There are no others in our protocol, and they are not looked at.
//! Binary events are refused: a declared attachment would be memory held for a client's promise.

use std::fmt;

use bytes::Bytes;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{
    AckId, CloseCode, Frame, Incoming,
    session::{Login, LoginAnswer, Parsed, Step},
};

/// The longest number that names an acknowledgement.
const MAX_ACK_DIGITS: usize = 15;

pub(super) fn parse(text: &Bytes, authenticated: bool) -> Parsed {
    match text.first() {
        Some(b'4') => packet(text, &text[1..], authenticated),
        Some(b'3') => Parsed::Step(Step::Pong),
        Some(b'2') => Parsed::Reply(Frame::packet([b"3", &text[1..]].concat())),
        Some(b'1') => Parsed::Step(Step::Close(CloseCode::Normal)),
        Some(b'b') => close(CloseCode::Unsupported),
        _ => close(CloseCode::Malformed),
    }
}

fn close(code: CloseCode) -> Parsed {
    Parsed::Step(Step::Close(code))
}

/// A Socket.IO packet: `<type>[<namespace>,][<ack id>][<JSON>]`.
fn packet(whole: &Bytes, packet: &[u8], authenticated: bool) -> Parsed {
    let Some((kind, rest)) = std::str::from_utf8(packet).ok().and_then(|packet| packet.split_at_checked(1)) else {
        return close(CloseCode::Malformed);
    };
    let (namespace, rest) = match rest.starts_with('/') {
        true => rest.split_once(',').unwrap_or((rest, "")),
        false => ("/", rest),
    };
    let namespace = namespace.split('?').next().unwrap_or(namespace);
    match kind {
        "0" if namespace != "/" => no_such_namespace(namespace),
        "0" if authenticated => close(CloseCode::Malformed),
        "0" => Parsed::Step(Step::Login(Login { token: token(rest), answer: LoginAnswer::Namespace })),
        _ if namespace != "/" => close(CloseCode::Malformed),
        "1" => close(CloseCode::Normal),
        "2" => event(whole, rest).map_or_else(|| close(CloseCode::Malformed), Parsed::Event),
        // We ask for no acknowledgements, so there is nothing that one could belong to.
        "3" => Parsed::Step(Step::Next),
        "5" | "6" => close(CloseCode::Unsupported),
        _ => close(CloseCode::Malformed),
    }
}

fn no_such_namespace(namespace: &str) -> Parsed {
    if namespace.len() > 64 || namespace.chars().any(char::is_control) {
        return close(CloseCode::Malformed);
    }
    Parsed::Reply(Frame::packet(format!(r#"44{namespace},{{"message":"Invalid namespace"}}"#)))
}

fn token(payload: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Auth {
        token: Option<String>,
    }
    serde_json::from_str::<Auth>(payload).ok()?.token
}

fn event(whole: &Bytes, rest: &str) -> Option<Incoming> {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (ack, arguments) = rest.split_at(digits);
    if digits > MAX_ACK_DIGITS {
        return None;
    }
    let ack = (digits > 0).then(|| AckId(ack.into()));
    let Arguments { event, data, beside } = serde_json::from_str(arguments).ok()?;
    let data = data.map_or(Bytes::from_static(b"null"), |data| whole.slice_ref(data.get().as_bytes()));
    // Whoever sends something else there means something else.
    let trace = beside.and_then(|beside| serde_json::from_str::<Beside>(beside.get()).ok()).and_then(|beside| beside.trace);
    Some(Incoming { event, ack, data, trace })
}

struct Arguments<'a> {
    event: String,
    data: Option<&'a RawValue>,
    beside: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Beside {
    trace: Option<String>,
}

impl<'de> Deserialize<'de> for Arguments<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Array;

        impl<'de> Visitor<'de> for Array {
            type Value = Arguments<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event name and its arguments")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut arguments: A) -> Result<Self::Value, A::Error> {
                let event = arguments.next_element::<String>()?.ok_or_else(|| serde::de::Error::invalid_length(0, &self))?;
                let (data, beside) = (arguments.next_element()?, arguments.next_element()?);
                while arguments.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Arguments { event, data, beside })
            }
        }

        deserializer.deserialize_seq(Array)
    }
}
