//! The transport edge: sockets, frames, Engine.IO and Socket.IO. It knows nothing of sessions, rules or NATS.
//!
//! What the gateway exists for is fan-out, and nearly all of a delivery is the kernel's `send`. So:
//!
//! 1. `accept` serves HTTP/1 on one port, where thousands may wait at once ([`listen()`]). Every request but an upgrade goes to the
//!    REST router or to the polling transport.
//! 2. On an upgrade the TCP socket is taken back from hyper, whose buffers are freed, and one small task reads it from then on.
//! 3. A [`Frame`] is encoded once for all connections. [`Connection::send`] writes it to the socket on the caller's own
//!    thread; only what the socket does not take is queued, and the connection's task writes that when the socket is ready.
//! 4. What waits is written together: a queue leaves in vectored writes, [`Frame::joined`] makes one write of many frames.
//! 5. An idle connection holds no buffer at all: reads go through a scratch buffer of the thread.
//!
//! The edge asks a [`Handler`] who the caller is, then hands it each message in order. `Handler::message` must not block:
//! to slow a client down, pause its reading ([`Connection::pause_reading`]).

mod accept;
mod admission;
mod channel;
mod close;
mod config;
mod connection;
mod engine_io;
mod frame;
mod handler;
mod heartbeat;
mod linger;
mod listen;
mod origin;
mod plain;
mod polling;
mod server;
mod session;
mod socket;
mod socket_io;
mod upgrade;
pub mod websocket;

pub use close::{CloseCode, Closed};
pub use config::EdgeConfig;
pub use connection::{Connection, SendError, Transport};
pub use frame::Frame;
pub use handler::{AckId, Credentials, Handler, Incoming, Refusal};
pub use listen::listen;

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A configured edge, ready to run on a listener.
pub struct Edge {
    config: Arc<EdgeConfig>,
}

impl EdgeConfig {
    pub fn build(self) -> Edge {
        Edge { config: Arc::new(self) }
    }
}

impl Edge {
    /// Serves `listener` until `shutdown`, then closes every connection with [`CloseCode::Drain`], spread over the
    /// configured time so that the clients do not all reconnect at once, and returns when all are gone.
    /// Requests that are neither `/ws` nor `/socket.io/` go to `router`.
    pub async fn run<H: Handler>(
        self,
        listener: TcpListener,
        router: axum::Router,
        handler: Arc<H>,
        shutdown: CancellationToken,
    ) -> std::io::Result<()> {
        accept::run(self.config, listener, router, handler, shutdown).await
    }
}
