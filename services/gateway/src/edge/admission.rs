//! How many connections there may be, and where they are when all must go.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};

use protocol::{Ack, ErrorBody};

use super::{CloseCode, EdgeConfig, channel::Channel};

pub(super) struct Admission {
    connections: usize,
    per_address: usize,
    trusted_proxies: Vec<IpAddr>,
    inside: Mutex<Inside>,
}

#[derive(Default)]
struct Inside {
    next: u64,
    /// Every place that is taken, with its connection once the handshake is over.
    places: HashMap<u64, Weak<Channel>>,
    addresses: HashMap<IpAddr, usize>,
    /// All must go: also whoever is done with its handshake after the others were told.
    closing: Option<CloseCode>,
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) address: IpAddr,
    limited: bool,
}

/// No place is left, of so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    Gateway(usize),
    Address(usize),
}

impl Full {
    pub(super) fn response(self) -> Response<Body> {
        let (status, limit, reason, message) = match self {
            Self::Gateway(limit) => {
                (StatusCode::SERVICE_UNAVAILABLE, limit, "GATEWAY_FULL", "this gateway has as many connections as it may have")
            }
            Self::Address(limit) => {
                (StatusCode::TOO_MANY_REQUESTS, limit, "ADDRESS_FULL", "as many connections come from this address as may")
            }
        };
        let error = ErrorBody::unavailable(reason, message).limit(limit as u64, limit as u64 + 1).retry_after_ms(5_000);
        // An error body is a plain tree of texts and numbers, which always has a JSON form.
        let refusal = serde_json::to_vec(&Ack::<()>::Refused(error)).unwrap_or_default();
        let mut response = Response::new(Body::from(refusal));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

impl Admission {
    pub(super) fn new(config: &EdgeConfig) -> Arc<Self> {
        Arc::new(Self {
            connections: config.connections,
            per_address: config.connections_per_address,
            trusted_proxies: config.trusted_proxies.clone(),
            inside: Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client's address: behind a trusted proxy the right-most one in `X-Forwarded-For` that is no proxy of ours, since everything
    /// left of it is the client's own claim.
    pub(super) fn source(&self, peer: SocketAddr, headers: &HeaderMap) -> Source {
        let peer = peer.ip().to_canonical();
        let is_proxy = |address: &IpAddr| self.trusted_proxies.contains(address);
        let address = if is_proxy(&peer) {
            let forwarded =
                headers.get_all("x-forwarded-for").into_iter().filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().join(",");
            let addresses = forwarded.rsplit(',').map_while(|address| address.trim().parse::<IpAddr>().ok());
            addresses.map(|address| address.to_canonical()).find(|address| !is_proxy(address)).unwrap_or(peer)
        } else {
            peer
        };
        Source { address, limited: !address.is_loopback() && !is_proxy(&address) }
    }

    /// Takes a place before the handshake is answered, so that of many at once none is let in that must be sent away again. It is
    /// given back when the slot is dropped.
    pub(super) fn enter(self: &Arc<Self>, source: Source) -> Result<Slot, Full> {
        let mut inside = self.lock();
        inside.check(self, source)?;
        let address = source.limited.then_some(source.address);
        if let Some(address) = address {
            *inside.addresses.entry(address).or_default() += 1;
        }
        inside.next += 1;
        let id = inside.next;
        inside.places.insert(id, Weak::new());
        Ok(Slot { id, address, admission: self.clone() })
    }

    /// All open connections.
    pub(super) fn channels(&self) -> Vec<Arc<Channel>> {
        self.lock().places.values().filter_map(Weak::upgrade).collect()
    }

    /// Closes all that are open, and from now on each as soon as its handshake is over.
    pub(super) fn close(&self, code: CloseCode) {
        self.lock().closing = Some(code);
        self.channels().iter().for_each(|channel| channel.close(code));
    }
}

impl Inside {
    fn check(&self, limits: &Admission, source: Source) -> Result<(), Full> {
        if limits.connections > 0 && self.places.len() >= limits.connections {
            return Err(Full::Gateway(limits.connections));
        }
        let from_there = self.addresses.get(&source.address).copied().unwrap_or(0);
        if source.limited && limits.per_address > 0 && from_there >= limits.per_address {
            return Err(Full::Address(limits.per_address));
        }
        Ok(())
    }
}

/// One connection's place.
pub(super) struct Slot {
    id: u64,
    address: Option<IpAddr>,
    admission: Arc<Admission>,
}

impl Slot {
    /// Tells where the connection is, for when all must go.
    pub(super) fn occupy(&self, channel: &Arc<Channel>) {
        let closing = {
            let mut inside = self.admission.lock();
            inside.places.insert(self.id, Arc::downgrade(channel));
            inside.closing
        };
        if let Some(code) = closing {
            channel.close(code);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut inside = self.admission.lock();
        inside.places.remove(&self.id);
        if let Some(address) = self.address
            && let Some(count) = inside.addresses.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                inside.addresses.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(connections: usize, connections_per_address: usize) -> Arc<Admission> {
        let trusted_proxies = vec!["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
        Admission::new(&EdgeConfig { connections, connections_per_address, trusted_proxies, ..EdgeConfig::default() })
    }

    fn source(admission: &Admission, peer: &str, forwarded: Option<&str>) -> Source {
        let mut headers = HeaderMap::new();
        if let Some(forwarded) = forwarded {
            headers.insert("x-forwarded-for", forwarded.parse().unwrap());
        }
        admission.source(SocketAddr::new(peer.parse().unwrap(), 1), &headers)
    }

    #[test]
    fn only_a_trusted_proxy_may_name_the_client() {
        let admission = admission(0, 0);
        let address = |peer, forwarded| source(&admission, peer, forwarded).address.to_string();
        assert_eq!(address("192.0.2.9", Some("1.2.3.4")), "192.0.2.9");
        assert_eq!(address("10.0.0.1", Some("6.6.6.6, 1.2.3.4")), "1.2.3.4");
        assert_eq!(address("10.0.0.1", Some("6.6.6.6, 1.2.3.4, 10.0.0.2")), "1.2.3.4");
        assert_eq!(address("10.0.0.1", Some("nonsense")), "10.0.0.1");
        assert_eq!(address("10.0.0.1", None), "10.0.0.1");
    }

    #[test]
    fn an_address_has_so_many_places_and_gets_them_back() {
        let admission = admission(0, 2);
        let client = source(&admission, "192.0.2.9", None);
        let first = admission.enter(client).ok().unwrap();
        let _second = admission.enter(client).ok().unwrap();
        assert_eq!(admission.enter(client).err(), Some(Full::Address(2)));
        assert!(admission.enter(source(&admission, "192.0.2.10", None)).is_ok());
        drop(first);
        assert!(admission.enter(client).is_ok());
    }

    #[test]
    fn a_connection_is_known_from_its_handshake_until_it_leaves() {
        let admission = admission(0, 0);
        let slot = admission.enter(source(&admission, "192.0.2.9", None)).ok().unwrap();
        assert!(admission.channels().is_empty());
        let channel = Channel::polling(1024);
        slot.occupy(&channel);
        assert!(Arc::ptr_eq(&admission.channels()[0], &channel));
        drop(slot);
        assert!(admission.channels().is_empty());
    }

    #[test]
    fn whoever_is_in_its_handshake_when_all_must_go_goes_too() {
        let admission = admission(0, 0);
        let client = source(&admission, "192.0.2.9", None);
        let (open, late) = (Channel::polling(1024), Channel::polling(1024));
        let (first, second) = (admission.enter(client).ok().unwrap(), admission.enter(client).ok().unwrap());
        first.occupy(&open);
        admission.close(CloseCode::Drain);
        assert!(open.is_closed() && !late.is_closed());
        second.occupy(&late);
        assert!(late.is_closed());
    }

    #[test]
    fn loopback_and_trusted_proxies_are_not_limited_by_address_but_by_the_gateway() {
        let admission = admission(3, 1);
        let sources = ["127.0.0.1", "127.0.0.1", "10.0.0.1", "10.0.0.1"].map(|peer| source(&admission, peer, None));
        let entered = sources.map(|source| admission.enter(source));
        assert_eq!(entered.each_ref().map(|slot| slot.as_ref().err().copied()), [None, None, None, Some(Full::Gateway(3))]);
    }
}
