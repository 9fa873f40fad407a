//! Headers of a message, with the typed ones that Stateward's services understand.

use std::fmt::{self, Write as _};

use async_nats::{HeaderMap, HeaderName, HeaderValue};
use game_state::{StateHash, Version};
use protocol::{
    ConnectionId, Epoch, Identity, Position, headers as name,
    identity::{SCOPE_ADMIN, SCOPE_SYSTEM},
};

const ANSWER_BROADCAST: &str = "broadcast";

/// Headers to send, or as received. A name stands once; setting it again replaces it.
#[derive(Clone, Default)]
pub struct Headers(HeaderMap);

impl Headers {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn get(&self, name: &'static str) -> Option<&str> {
        let get = |name| self.0.get(HeaderName::from_static(name)).map(HeaderValue::as_str);
        get(name).or_else(|| name::RENAMED.iter().find(|(new, _)| *new == name).and_then(|(_, old)| get(old)))
    }

    /// Line breaks would end the header, so they and all other control characters are left out of values.
    pub fn set(&mut self, name: &'static str, value: impl AsRef<str>) {
        let value = value.as_ref();
        if value.contains(char::is_control) {
            self.0.insert(HeaderName::from_static(name), value.replace(char::is_control, ""));
        } else {
            self.0.insert(HeaderName::from_static(name), value);
        }
    }

    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl AsRef<str>) -> Self {
        self.set(name, value);
        self
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The version of the protocol that the sender speaks. Every message of ours has it.
    pub fn protocol(&self) -> Option<u32> {
        self.number(name::PROTOCOL)
    }

    pub fn trace_parent(&self) -> Option<&str> {
        self.get(name::TRACE_PARENT)
    }

    pub fn set_trace_parent(&mut self, trace: impl fmt::Display) {
        self.set(name::TRACE_PARENT, trace.to_string());
    }

    pub fn identity(&self) -> Option<Identity> {
        let scopes = self.get(name::SCOPE).unwrap_or_default();
        let has = |scope: &str| scopes.split(' ').any(|given| given == scope);
        Some(Identity {
            user: self.get(name::USER)?.parse().ok()?,
            name: percent_decode(self.get(name::USER_NAME).unwrap_or_default()),
            admin: has(SCOPE_ADMIN),
            system: has(SCOPE_SYSTEM),
        })
    }

    pub fn set_identity(&mut self, identity: &Identity) {
        self.set(name::USER, identity.user.as_str());
        self.set(name::USER_NAME, percent_encode(&identity.name));
        let scopes = [(identity.admin, SCOPE_ADMIN), (identity.system, SCOPE_SYSTEM)];
        let scopes: Vec<_> = scopes.into_iter().filter_map(|(has, scope)| has.then_some(scope)).collect();
        // Most have none; but what was there before does not stay.
        if !scopes.is_empty() || self.get(name::SCOPE).is_some() {
            self.set(name::SCOPE, scopes.join(" "));
        }
    }

    pub fn takes_part(&self) -> Option<bool> {
        self.get(name::TAKES_PART)?.parse().ok()
    }

    pub fn set_takes_part(&mut self, takes_part: bool) {
        self.set(name::TAKES_PART, takes_part.to_string());
    }

    pub fn connection(&self) -> Option<ConnectionId> {
        self.get(name::CONNECTION)?.parse().ok()
    }

    pub fn set_connection(&mut self, connection: &ConnectionId) {
        self.set(name::CONNECTION, connection.as_str());
    }

    /// Whether whoever asks takes the broadcast of an update as its answer.
    pub fn takes_broadcast(&self) -> bool {
        self.get(name::ANSWER) == Some(ANSWER_BROADCAST)
    }

    pub fn set_takes_broadcast(&mut self) {
        self.set(name::ANSWER, ANSWER_BROADCAST);
    }

    pub fn delivery(&self) -> u32 {
        self.number(name::DELIVERY).unwrap_or(0)
    }

    pub fn set_delivery(&mut self, delivery: u32) {
        self.set(name::DELIVERY, delivery.to_string());
    }

    /// When a gateway read what became this message, in microseconds since the Unix epoch.
    pub fn received(&self) -> Option<u64> {
        self.number(name::RECEIVED)
    }

    pub fn set_received(&mut self, received_us: u64) {
        self.set(name::RECEIVED, received_us.to_string());
    }

    pub fn position(&self) -> Option<Position> {
        Some(Position { epoch: self.epoch()?, version: self.version()? })
    }

    pub fn set_position(&mut self, position: &Position) {
        self.set(name::EPOCH, position.epoch.as_str());
        self.set(name::VERSION, position.version.to_string());
    }

    pub fn epoch(&self) -> Option<Epoch> {
        self.get(name::EPOCH).map(Epoch::from)
    }

    pub fn version(&self) -> Option<Version> {
        self.get(name::VERSION)?.parse().ok()
    }

    pub fn hash(&self) -> Option<StateHash> {
        self.get(name::HASH)?.parse().ok()
    }

    pub fn set_hash(&mut self, hash: &StateHash) {
        self.set(name::HASH, hash.to_string());
    }

    pub fn hash_before(&self) -> Option<StateHash> {
        self.get(name::HASH_BEFORE)?.parse().ok()
    }

    pub fn set_hash_before(&mut self, hash: &StateHash) {
        self.set(name::HASH_BEFORE, hash.to_string());
    }

    pub fn digest(&self) -> Option<&str> {
        self.get(name::DIGEST)
    }

    pub fn is_receipt(&self) -> bool {
        self.get(name::RECEIPT).is_some()
    }

    pub(crate) fn number<T: std::str::FromStr>(&self, name: &'static str) -> Option<T> {
        self.get(name)?.parse().ok()
    }

    pub(crate) fn from_wire(headers: Option<HeaderMap>) -> Self {
        Self(headers.unwrap_or_default())
    }

    /// As sent: with the version of our protocol, and for readers of the version before under their names as well.
    pub(crate) fn into_wire(mut self) -> HeaderMap {
        for (new, old) in name::RENAMED {
            if let Some(value) = self.0.get(HeaderName::from_static(new)).cloned() {
                self.0.insert(HeaderName::from_static(old), value);
            }
        }
        self.set(name::PROTOCOL, protocol::PROTOCOL_VERSION.to_string());
        self.0
    }
}

/// What headers take of the server's limit for a message.
pub(crate) fn wire_size(headers: &HeaderMap) -> usize {
    let line = |name: &HeaderName, value: &HeaderValue| AsRef::<str>::as_ref(name).len() + ": ".len() + value.as_str().len() + "\r\n".len();
    let lines = headers.iter().flat_map(|(name, values)| values.iter().map(move |value| line(name, value)));
    "NATS/1.0\r\n".len() + lines.sum::<usize>() + "\r\n".len()
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(name, values)| (name.to_string(), values.first().map(HeaderValue::as_str)))).finish()
    }
}

/// Names may hold any character, header values only printable ASCII.
fn percent_encode(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        if (b' '..=b'~').contains(&byte) && byte != b'%' {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped =
            (*first == b'%').then(|| tail.get(..2)).flatten().and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        rest = if escaped.is_some() { &tail[2..] } else { tail };
        bytes.push(escaped.unwrap_or(*first));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_survives_its_headers_whatever_the_name() {
        for user_name in ["", "Mira", " Mira % von\r\nÄ 😀\u{7f} ", "100%", "%41"] {
            for (admin, system) in [(false, false), (true, false), (false, true), (true, true)] {
                let identity = Identity { user: "u-1".parse().unwrap(), name: user_name.into(), admin, system };
                let mut headers = Headers::new();
                headers.set_identity(&identity);
                assert_eq!(headers.identity(), Some(identity));
                assert!(headers.get(name::USER_NAME).unwrap().bytes().all(|b| (b' '..=b'~').contains(&b)));
            }
        }
    }

    #[test]
    fn a_value_cannot_start_another_header() {
        let headers = Headers::new().with(name::CONNECTION, "a\r\nStateward-Scope: stateward:admin");
        assert_eq!(headers.get(name::SCOPE), None);
        assert_eq!(headers.get(name::CONNECTION), Some("aStateward-Scope: stateward:admin"));
    }

    #[test]
    fn an_identity_without_a_user_is_none() {
        assert_eq!(Headers::new().with(name::SCOPE, SCOPE_ADMIN).identity(), None);
        assert_eq!(Headers::new().with(name::USER, "not an id").identity(), None);
    }
}
