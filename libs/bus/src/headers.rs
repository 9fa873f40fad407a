//! Headers of a message, with the typed ones that Stateward's services understand.

use std::fmt::{self, Write as _};

use async_nats::{HeaderMap, HeaderName, HeaderValue};
use game_state::{StateHash, Version};
use protocol::{
    ConnectionId, Epoch, Identity, Position,
    headers::{self as name, Parameter},
    identity::{SCOPE_ADMIN, SCOPE_SYSTEM},
};

const ANSWER_BROADCAST: &str = "broadcast";
/// What parameters of an update take, so that their text is made room for once.
const USUAL_LENGTH: usize = 256;

/// Headers to send, or as received: the parameters of [`name::STATEWARD`], and the headers that have other names. A name stands once;
/// setting it again replaces it.
#[derive(Clone, Default)]
pub struct Headers {
    /// Each with its semicolon.
    parameters: String,
    others: HeaderMap,
}

impl Headers {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn get(&self, name: Parameter) -> Option<&str> {
        let get = |name: Parameter| self.all().find_map(|parameter| parameter.strip_prefix(name.name())?.strip_prefix('='));
        get(name).or_else(|| name::RENAMED.iter().find(|(new, _)| *new == name).and_then(|(_, old)| get(*old)))
    }

    /// Each as `name=value`.
    fn all(&self) -> impl Iterator<Item = &str> {
        let mut rest = self.parameters.as_str();
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            // Byte by byte: they are too short for a search that gets itself ready first.
            let end = rest.bytes().position(|byte| byte == b';').unwrap_or(rest.len());
            let (parameter, more) = rest.split_at(end);
            rest = more.get(1..).unwrap_or_default();
            Some(parameter)
        })
    }

    fn values(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all().filter_map(|parameter| parameter.split_once('='))
    }

    /// A line break would end the header and a semicolon the parameter, so they and all other control characters are left out of values.
    pub fn set(&mut self, name: Parameter, value: impl fmt::Display) {
        if self.get(name).is_some() {
            self.remove(name);
        }
        self.add(name, value);
    }

    fn add(&mut self, name: Parameter, value: impl fmt::Display) {
        self.parameters.reserve(if self.parameters.is_empty() { USUAL_LENGTH } else { 0 });
        let begin = self.parameters.len();
        // Text takes whatever is written to it.
        let _ = write!(self.parameters, "{}={value}", name.name());
        if self.parameters[begin..].contains(ends_a_value) {
            let clean = self.parameters[begin..].replace(ends_a_value, "");
            self.parameters.replace_range(begin.., &clean);
        }
        self.parameters.push(';');
    }

    fn remove(&mut self, name: Parameter) {
        let kept = self.values().filter(|(found, _)| *found != name.name());
        self.parameters = kept.fold(String::new(), |kept, (name, value)| kept + name + "=" + value + ";");
    }

    #[must_use]
    pub fn with(mut self, name: Parameter, value: impl fmt::Display) -> Self {
        self.set(name, value);
        self
    }

    /// A header that is not ours.
    pub fn header(&self, name: &'static str) -> Option<&str> {
        self.others.get(HeaderName::from_static(name)).map(HeaderValue::as_str)
    }

    pub fn set_header(&mut self, name: &'static str, value: impl Into<String>) {
        let value = value.into();
        let value = if value.contains(char::is_control) { value.replace(char::is_control, "") } else { value };
        self.others.insert(HeaderName::from_static(name), value);
    }

    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.set_header(name, value);
        self
    }

    pub fn is_empty(&self) -> bool {
        self.parameters.is_empty() && self.others.is_empty()
    }

    /// The version of the protocol that the sender speaks. Every message of ours has it.
    pub fn protocol(&self) -> Option<u32> {
        self.number(name::PROTOCOL)
    }

    pub fn trace_parent(&self) -> Option<&str> {
        self.header(name::TRACE_PARENT)
    }

    pub fn set_trace_parent(&mut self, trace: impl fmt::Display) {
        self.set_header(name::TRACE_PARENT, trace.to_string());
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
        self.set(name::USER, &identity.user);
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
        self.set(name::TAKES_PART, takes_part);
    }

    pub fn connection(&self) -> Option<ConnectionId> {
        self.get(name::CONNECTION)?.parse().ok()
    }

    pub fn set_connection(&mut self, connection: &ConnectionId) {
        self.set(name::CONNECTION, connection);
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
        self.set(name::DELIVERY, delivery);
    }

    /// When a gateway read what became this message, in microseconds since the Unix epoch.
    pub fn received(&self) -> Option<u64> {
        self.number(name::RECEIVED)
    }

    pub fn set_received(&mut self, received_us: u64) {
        self.set(name::RECEIVED, received_us);
    }

    pub fn position(&self) -> Option<Position> {
        Some(Position { epoch: self.epoch()?, version: self.version()? })
    }

    pub fn set_position(&mut self, position: &Position) {
        self.set(name::EPOCH, &position.epoch);
        self.set(name::VERSION, position.version);
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
        self.set(name::HASH, hash);
    }

    pub fn hash_before(&self) -> Option<StateHash> {
        self.get(name::HASH_BEFORE)?.parse().ok()
    }

    pub fn set_hash_before(&mut self, hash: &StateHash) {
        self.set(name::HASH_BEFORE, hash);
    }

    pub fn digest(&self) -> Option<&str> {
        self.get(name::DIGEST)
    }

    pub fn is_receipt(&self) -> bool {
        self.get(name::RECEIPT).is_some()
    }

    pub(crate) fn number<T: std::str::FromStr>(&self, name: Parameter) -> Option<T> {
        self.get(name)?.parse().ok()
    }

    pub(crate) fn from_wire(headers: Option<HeaderMap>) -> Self {
        let others = headers.unwrap_or_default();
        let parameters = others.get(HeaderName::from_static(name::STATEWARD)).map(|value| value.as_str().to_owned());
        Self { parameters: parameters.unwrap_or_default(), others }
    }

    /// As sent: with the version of our protocol, and for readers of the version before under their names as well.
    pub(crate) fn into_wire(mut self) -> HeaderMap {
        for (new, old) in name::RENAMED {
            if let Some(value) = self.get(*new).map(str::to_owned) {
                self.set(*old, value);
            }
        }
        self.set(name::PROTOCOL, protocol::PROTOCOL_VERSION);
        self.others.insert(HeaderName::from_static(name::STATEWARD), self.parameters);
        self.others
    }
}

fn ends_a_value(character: char) -> bool {
    character == ';' || character.is_control()
}

/// What headers take of the server's limit for a message.
pub(crate) fn wire_size(headers: &HeaderMap) -> usize {
    let line = |name: &HeaderName, value: &HeaderValue| AsRef::<str>::as_ref(name).len() + ": ".len() + value.as_str().len() + "\r\n".len();
    let lines = headers.iter().flat_map(|(name, values)| values.iter().map(move |value| line(name, value)));
    "NATS/1.0\r\n".len() + lines.sum::<usize>() + "\r\n".len()
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let others = self.others.iter().filter(|(name, _)| AsRef::<str>::as_ref(*name) != name::STATEWARD);
        let others = others.map(|(name, values)| (name.to_string(), values.first().map(HeaderValue::as_str)));
        f.debug_map().entries(self.values()).entries(others).finish()
    }
}

/// Names may hold any character, values only printable ASCII without a semicolon.
fn percent_encode(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        if (b' '..=b'~').contains(&byte) && !b"%;".contains(&byte) {
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
        for user_name in ["", "Mira", " Mira % von\r\nÄ 😀\u{7f} ", "100%", "%41", "a;scope=stateward:admin;b=c"] {
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
    fn a_value_cannot_start_another_parameter_or_header() {
        let headers = Headers::new().with(name::CONNECTION, "a\r\nStateward: scope=admin;scope=stateward:admin");
        assert_eq!(headers.get(name::SCOPE), None);
        assert_eq!(headers.get(name::CONNECTION), Some("aStateward: scope=adminscope=stateward:admin"));
        let headers = Headers::new().with_header(name::TRACE_PARENT, "a\r\nStateward: scope=admin");
        assert_eq!(headers.header(name::TRACE_PARENT), Some("aStateward: scope=admin"));
    }

    #[test]
    fn a_parameter_that_is_set_again_is_replaced_and_no_other() {
        let mut headers = Headers::new().with(name::PART, 1).with(name::PARTS, 2).with(name::STATUS, "a=b");
        headers.set(name::PART, 3);
        headers.set(name::PART, 4);
        assert_eq!([name::PART, name::PARTS, name::STATUS].map(|name| headers.get(name)), [Some("4"), Some("2"), Some("a=b")]);
    }

    #[test]
    fn what_is_sent_is_what_is_read() {
        let sent = Headers::new().with(name::USER, "u1").with_header(name::TRACE_PARENT, "00-1-2-01");
        let wire = sent.into_wire();
        assert_eq!(wire.len(), 2, "ours are one header: {wire:?}");
        let read = Headers::from_wire(Some(wire));
        assert_eq!(
            (read.get(name::USER), read.protocol(), read.trace_parent()),
            (Some("u1"), Some(protocol::PROTOCOL_VERSION), Some("00-1-2-01"))
        );
        assert_eq!(Headers::from_wire(Some(read.into_wire())).get(name::USER), Some("u1"));
    }

    #[test]
    fn parameters_that_others_wrote_are_read_with_or_without_a_last_semicolon_and_around_empty_ones() {
        for text in ["user=u1;connection=c1", "user=u1;connection=c1;", ";;user=u1;;connection=c1;;", "user=u1;nothing;connection=c1"] {
            let wire = HeaderMap::from_iter([(HeaderName::from_static(name::STATEWARD), HeaderValue::from(text))]);
            let read = Headers::from_wire(Some(wire));
            assert_eq!((read.get(name::USER), read.get(name::CONNECTION)), (Some("u1"), Some("c1")), "{text}");
        }
    }

    #[test]
    fn an_identity_without_a_user_is_none() {
        assert_eq!(Headers::new().with(name::SCOPE, SCOPE_ADMIN).identity(), None);
        assert_eq!(Headers::new().with(name::USER, "not an id").identity(), None);
    }
}
