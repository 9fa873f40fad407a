//! The way out to one client: a socket that is written to directly, and a bounded queue for what it does not take.

mod queue;

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use tokio::net::TcpStream;

use self::queue::{Queue, Written};
use super::{
    CloseCode, SendError,
    frame::{Encoding, Frame, RECORD_SEPARATOR},
    websocket,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    SocketIo,
}

pub(super) struct Channel {
    kind: Kind,
    state: Mutex<State>,
}

struct State {
    link: Link,
    queue: Queue,
    /// Set once: nothing is sent after the close.
    closing: Option<CloseCode>,
    /// The close frame is on its way.
    said_goodbye: bool,
    paused: bool,
    /// The task that drives this channel: woken when there is something to write, to read again, or to close.
    driver: Option<Waker>,
    /// The polling request that waits for something to send.
    poller: Option<Waker>,
    /// The polling request whose packets wait until reading goes on.
    poster: Option<Waker>,
}

enum Link {
    Socket(Arc<TcpStream>),
    Polling,
    Gone,
}

/// What the driving task must know, read under one lock.
pub(super) struct Status {
    pub(super) closing: Option<CloseCode>,
    pub(super) paused: bool,
    /// Something waits for the client.
    pub(super) waiting: bool,
    pub(super) link: LinkKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LinkKind {
    Socket,
    Polling,
    Gone,
}

impl Channel {
    pub(super) fn socket(kind: Kind, stream: Arc<TcpStream>, queue_bytes: usize) -> Arc<Self> {
        Self::new(kind, Link::Socket(stream), queue_bytes)
    }

    pub(super) fn polling(queue_bytes: usize) -> Arc<Self> {
        Self::new(Kind::SocketIo, Link::Polling, queue_bytes)
    }

    fn new(kind: Kind, link: Link, queue_bytes: usize) -> Arc<Self> {
        let queue = Queue::new(queue_bytes);
        Arc::new(Self {
            kind,
            state: Mutex::new(State {
                link,
                queue,
                closing: None,
                said_goodbye: false,
                paused: false,
                driver: None,
                poller: None,
                poster: None,
            }),
        })
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// The state is consistent between any two statements, so a panic elsewhere does not make it unusable.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A frame that may be dropped when the client is slow.
    pub(super) fn broadcast(&self, frame: &Frame) -> Result<(), SendError> {
        let mut state = self.lock();
        let bytes = state.encode(self.kind, frame)?;
        state.write(bytes, true)
    }

    /// A frame that is never dropped. A client that lets too many of them wait is closed.
    pub(super) fn answer(&self, frame: &Frame) -> Result<(), SendError> {
        let mut state = self.lock();
        let bytes = state.encode(self.kind, frame)?;
        state.write(bytes, false).map_err(|refused| {
            if refused == SendError::Overflow {
                state.close(self.kind, CloseCode::Slow);
            }
            SendError::Closed
        })
    }

    /// Control frames of the WebSocket itself.
    pub(super) fn control(&self, frame: Bytes) {
        let mut state = self.lock();
        if state.closing.is_none() && state.write(frame, false) == Err(SendError::Overflow) {
            state.close(self.kind, CloseCode::Slow);
        }
    }

    pub(super) fn drop_broadcasts(&self) -> usize {
        self.lock().queue.drop_broadcasts()
    }

    pub(super) fn queued_bytes(&self) -> usize {
        self.lock().queue.bytes()
    }

    pub(super) fn set_paused(&self, paused: bool) {
        let mut state = self.lock();
        if state.paused != paused {
            state.paused = paused;
            state.wake_all();
        }
    }

    pub(super) fn is_paused(&self) -> bool {
        self.lock().paused
    }

    pub(super) fn close(&self, code: CloseCode) {
        self.lock().close(self.kind, code);
    }

    /// Sends the close frame of a closing WebSocket if that has not been done.
    pub(super) fn say_goodbye(&self) {
        let mut state = self.lock();
        if let Some(code) = state.closing.filter(|_| !state.said_goodbye) {
            state.said_goodbye = true;
            state.write_last(websocket::close(code.code(), code.reason()));
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        let state = self.lock();
        state.closing.is_some() || matches!(state.link, Link::Gone)
    }

    /// The end: drops the socket and whatever waits for it.
    pub(super) fn disconnect(&self) {
        let mut state = self.lock();
        state.link = Link::Gone;
        state.queue.clear();
        state.wake_all();
    }

    pub(super) fn status(&self, cx: &mut Context<'_>) -> Status {
        let mut state = self.lock();
        if !state.driver.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            state.driver = Some(cx.waker().clone());
        }
        let link = match state.link {
            Link::Socket(_) => LinkKind::Socket,
            Link::Polling => LinkKind::Polling,
            Link::Gone => LinkKind::Gone,
        };
        Status { closing: state.closing, paused: state.paused, waiting: !state.queue.is_empty(), link }
    }

    /// Ready when messages of the client may be handled.
    pub(super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if !state.paused || state.closing.is_some() || matches!(state.link, Link::Gone) {
            return Poll::Ready(());
        }
        state.poster = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Writes what waits, as much in one write as possible, until the socket takes no more.
    pub(super) fn poll_flush(&self, stream: &TcpStream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.lock().queue.write_to(stream)? == Written::All {
                return Poll::Ready(Ok(()));
            }
            std::task::ready!(stream.poll_write_ready(cx))?;
        }
    }

    /// What a polling request gets: all that waits, joined. Pending when there is nothing; none when polling is over.
    pub(super) fn poll_packets(&self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut state = self.lock();
        if !matches!(state.link, Link::Polling) {
            return Poll::Ready(None);
        }
        if !state.queue.is_empty() {
            let packets = state.queue.take_joined(RECORD_SEPARATOR);
            if state.closing.is_some() {
                state.wake_driver();
            }
            return Poll::Ready(Some(packets));
        }
        state.poller = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Goes on over a WebSocket after polling. What waits is framed and written first; false when the channel is not polling any more.
    pub(super) fn upgrade(&self, stream: Arc<TcpStream>) -> bool {
        let mut state = self.lock();
        if !matches!(state.link, Link::Polling) {
            return false;
        }
        // A client that stopped polling has not got the last packets, so they go over the WebSocket, and the close frame after them.
        state.said_goodbye = false;
        state.queue.map_each(|packets| {
            let frames = packets.split(|byte| *byte == RECORD_SEPARATOR).map(websocket::text).collect::<Vec<_>>();
            frames.concat().into()
        });
        state.link = Link::Socket(stream);
        state.wake_all();
        true
    }
}

impl State {
    fn encode(&self, kind: Kind, frame: &Frame) -> Result<Bytes, SendError> {
        if self.closing.is_some() {
            return Err(SendError::Closed);
        }
        let encoding = match (&self.link, kind) {
            (Link::Socket(_), Kind::Plain) => Encoding::Plain,
            (Link::Socket(_), Kind::SocketIo) => Encoding::SocketIo,
            (Link::Polling, _) => Encoding::Polling,
            (Link::Gone, _) => return Err(SendError::Closed),
        };
        Ok(frame.bytes(encoding).clone())
    }

    /// Straight to the socket if nothing waits before it, else to the queue.
    fn write(&mut self, bytes: Bytes, droppable: bool) -> Result<(), SendError> {
        let was_empty = self.queue.is_empty();
        let mut written = 0;
        if was_empty && let Link::Socket(stream) = &self.link {
            match stream.try_write(&bytes) {
                Ok(all) if all == bytes.len() => return Ok(()),
                Ok(some) => written = some,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // The driving task reads the same error from the socket and ends the connection.
                Err(_) => {
                    self.link = Link::Gone;
                    self.wake_all();
                    return Err(SendError::Closed);
                }
            }
        }
        self.queue.push(bytes, written, droppable)?;
        if was_empty {
            self.wake_all();
        }
        Ok(())
    }

    fn close(&mut self, kind: Kind, code: CloseCode) {
        if self.closing.is_some() {
            return;
        }
        if code == CloseCode::Slow {
            self.queue.clear_unwritten();
        }
        // `socket.io-client` reconnects after a lost transport, but not after a disconnect packet. That packet goes alone: were the
        // end of the transport right behind it, the client would see the end first. It hangs up by itself.
        let disconnect = kind == Kind::SocketIo && !code.may_reconnect() && code != CloseCode::Normal;
        let last = match (&self.link, disconnect) {
            (Link::Socket(_), true) => websocket::text(b"41"),
            (Link::Socket(_), false) => websocket::close(code.code(), code.reason()),
            (Link::Polling, true) => Bytes::from_static(b"41"),
            (Link::Polling, false) => Bytes::from_static(b"1"),
            (Link::Gone, _) => return,
        };
        self.write_last(last);
        self.said_goodbye = !disconnect;
        self.closing = Some(code);
        self.wake_all();
    }

    /// What is written while closing may always enter the queue; a broken socket needs no goodbye.
    fn write_last(&mut self, bytes: Bytes) {
        self.queue.lift_limit();
        let _ = self.write(bytes, false);
    }

    fn wake_driver(&self) {
        if let Some(waker) = &self.driver {
            waker.wake_by_ref();
        }
    }

    fn wake_all(&mut self) {
        self.wake_driver();
        for request in [self.poller.take(), self.poster.take()].into_iter().flatten() {
            request.wake();
        }
    }
}
