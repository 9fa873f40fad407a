//! The plain dialect: `{"event","id"?,"data","trace"?}` in a text frame, the answer to an `id` is `{"event":"ack","id","data"}`.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    AckId, CloseCode, Incoming,
    session::{Login, LoginAnswer, Parsed, Step},
};

/// The longest `id` of a message, as JSON.
const MAX_ACK_ID: usize = 64;

#[derive(Deserialize)]
struct Message<'a> {
    event: String,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    trace: Option<String>,
}

#[derive(Deserialize)]
struct Auth {
    token: Option<String>,
}

pub(super) fn parse(text: &Bytes, authenticated: bool) -> Parsed {
    let Some((message, ack)) = read(text) else {
        return Parsed::Step(Step::Close(CloseCode::Malformed));
    };
    if !authenticated && message.event == protocol::event::name::AUTH {
        let token = message.data.and_then(|data| serde_json::from_str::<Auth>(data.get()).ok()).and_then(|auth| auth.token);
        return Parsed::Step(Step::Login(Login { token, answer: LoginAnswer::Ack(ack) }));
    }
    let data = message.data.map_or(Bytes::from_static(b"null"), |data| text.slice_ref(data.get().as_bytes()));
    Parsed::Event(Incoming { event: message.event, ack, data, trace: message.trace })
}

fn read(text: &[u8]) -> Option<(Message<'_>, Option<AckId>)> {
    let message: Message<'_> = serde_json::from_slice(text).ok()?;
    let ack = match message.id.map(RawValue::get) {
        None | Some("null") => None,
        Some(id) if id.len() <= MAX_ACK_ID && !id.starts_with(['{', '[', 't', 'f']) => Some(AckId(id.into())),
        Some(_) => return None,
    };
    Some((message, ack))
}
