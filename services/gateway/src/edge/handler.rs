//! What the edge asks of the gateway behind it.

use std::{fmt, future::Future, net::IpAddr, sync::Arc};

use bytes::Bytes;
use protocol::ErrorBody;

use super::{CloseCode, Closed, Connection, Transport};

/// The gateway behind the edge. All calls about one connection come one after another: `authenticate`, `opened`,
/// any number of `message`, `closed`.
pub trait Handler: Send + Sync + 'static {
    /// Who the caller is, and whatever else the handler keeps with a connection.
    type Client: Send + Sync + 'static;

    /// Decides whether a caller may connect. Bounded by the edge's authentication deadline.
    fn authenticate(&self, credentials: Credentials) -> impl Future<Output = Result<Self::Client, Refusal>> + Send;

    /// The connection is authenticated, and the client has been told so.
    fn opened(&self, connection: &Arc<Connection<Self::Client>>);

    /// One event from the client, in the order sent. Runs on the connection's task and must not block.
    fn message(&self, connection: &Arc<Connection<Self::Client>>, incoming: Incoming);

    /// The connection is gone; nothing can be sent on it any more. Called exactly once for each `opened`.
    fn closed(&self, connection: &Arc<Connection<Self::Client>>, reason: Closed);
}

/// What a caller shows to be let in.
#[derive(Clone)]
pub struct Credentials {
    /// From the `auth` frame, the subprotocol, or the payload of the Socket.IO connect packet.
    pub token: Option<String>,
    /// The `Cookie` header, as sent. Only to be trusted together with `origin`.
    pub cookie: Option<String>,
    /// The `Origin` header. One that is not allowed never gets here.
    pub origin: Option<String>,
    /// The client's address, behind trusted proxies as they tell it.
    pub address: IpAddr,
    pub transport: Transport,
}

impl fmt::Debug for Credentials {
    /// Leaves the secrets out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("token", &self.token.as_ref().map(|_| "..."))
            .field("cookie", &self.cookie.as_ref().map(|_| "..."))
            .field("origin", &self.origin)
            .field("address", &self.address)
            .field("transport", &self.transport)
            .finish()
    }
}

/// Why a caller is not let in: the client gets `error`, then the connection is closed with `code`.
#[derive(Debug)]
pub struct Refusal {
    pub code: CloseCode,
    pub error: Box<ErrorBody>,
}

/// One event from a client.
#[derive(Debug)]
pub struct Incoming {
    pub event: String,
    /// Set when the client waits for an answer: pass it to [`Connection::ack`] once.
    pub ack: Option<AckId>,
    /// The payload as sent: valid JSON, not otherwise looked at. `null` when there was none.
    pub data: Bytes,
    /// The client's `traceparent`, if it sent one.
    pub trace: Option<String>,
}

/// Names the message that an answer belongs to: a JSON number or string, echoed as the client wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AckId(pub(super) Box<str>);

impl fmt::Display for AckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
