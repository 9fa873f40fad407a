//! A client's connection, as the rest of the gateway sees it.

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use protocol::ConnectionId;

use super::{
    AckId, CloseCode, Frame,
    channel::{Channel, Kind},
};

/// What a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// JSON text frames on `/ws`.
    WebSocket,
    /// Socket.IO v4 on `/socket.io/`, over WebSocket or long polling.
    SocketIo,
}

/// Why a frame was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// So many broadcasts wait for this socket that the frame was not added. Drop them with
    /// [`Connection::drop_broadcasts`], tell the client to catch up, and close it as [`CloseCode::Slow`] if that happens again soon.
    #[error("the client reads too slowly")]
    Overflow,
    /// The connection is closed or closing.
    #[error("the connection is closed")]
    Closed,
}

/// An authenticated connection. `C` is what the handler made of the client's credentials.
pub struct Connection<C> {
    id: ConnectionId,
    address: IpAddr,
    client: C,
    channel: Arc<Channel>,
}

impl<C> Connection<C> {
    pub(super) fn new(id: ConnectionId, address: IpAddr, client: C, channel: Arc<Channel>) -> Arc<Self> {
        Arc::new(Self { id, address, client, channel })
    }

    pub fn id(&self) -> &ConnectionId {
        &self.id
    }

    pub fn address(&self) -> IpAddr {
        self.address
    }

    pub fn client(&self) -> &C {
        &self.client
    }

    pub fn transport(&self) -> Transport {
        match self.channel.kind() {
            Kind::Plain => Transport::WebSocket,
            Kind::SocketIo => Transport::SocketIo,
        }
    }

    /// Writes a broadcast: to the socket at once if nothing waits before it, else to the bounded queue.
    pub fn send(&self, frame: &Frame) -> Result<(), SendError> {
        self.channel.broadcast(frame)
    }

    /// Answers a message, in its place among the frames. `data` is JSON. Answers are never dropped: a client that lets
    /// them pile up past the queue's limit is closed as slow.
    pub fn ack(&self, id: &AckId, data: impl Into<Bytes>) -> Result<(), SendError> {
        self.channel.answer(&Frame::ack(id, data))
    }

    /// Sends an event that is meant for this client alone and, like an answer, is never dropped.
    pub fn notify(&self, frame: &Frame) -> Result<(), SendError> {
        self.channel.answer(frame)
    }

    /// Takes waiting broadcasts out of the queue and says how many bytes they were. A frame of which a part is already
    /// written stays, and so do answers.
    pub fn drop_broadcasts(&self) -> usize {
        self.channel.drop_broadcasts()
    }

    /// Bytes that wait for the socket.
    pub fn queued_bytes(&self) -> usize {
        self.channel.queued_bytes()
    }

    /// Stops reading from the client until [`Self::resume_reading`]. Meanwhile no unanswered ping is held against it.
    pub fn pause_reading(&self) {
        self.channel.set_paused(true);
    }

    pub fn resume_reading(&self) {
        self.channel.set_paused(false);
    }

    /// What the client has sent meanwhile waits in its socket.
    pub fn is_reading_paused(&self) -> bool {
        self.channel.is_paused()
    }

    /// Closes the connection after what waits has been written; a slow one at once. [`crate::edge::Handler::closed`] follows.
    pub fn close(&self, code: CloseCode) {
        self.channel.close(code);
    }

    pub fn is_closed(&self) -> bool {
        self.channel.is_closed()
    }
}
