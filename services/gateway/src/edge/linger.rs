//! The end of an HTTP connection. A refusal by the head alone goes out while the request's body still comes in: a socket that is
//! closed then is reset, and the reset may reach the client before the answer. So we stop writing, and read what comes to its end.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Of a body that nobody wants. A client that sends more meets the reset.
const MOST_BYTES: usize = 32 << 20;

/// A request's body that tells whether it was read to its end.
pub(super) struct Watched {
    body: Incoming,
    ended: bool,
    unread: Arc<AtomicBool>,
}

impl Watched {
    /// The flag stands from when it is dropped before its end.
    pub(super) fn new(body: Incoming, unread: Arc<AtomicBool>) -> Self {
        Self { body, ended: false, unread }
    }
}

impl Body for Watched {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        self.ended |= matches!(frame, Poll::Ready(None));
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if !self.ended && !self.body.is_end_stream() {
            self.unread.store(true, Ordering::Relaxed);
        }
    }
}

/// Ends a connection whose answers are all written, within a time.
pub(super) async fn close(mut stream: TcpStream, within: Duration) {
    // Whatever happens to the socket now, it is done with.
    let _ = timeout(within, drain(&mut stream)).await;
}

async fn drain(stream: &mut TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    let mut unwanted = vec![0; 16 << 10];
    let mut left = MOST_BYTES;
    while left > 0 {
        match stream.read(&mut unwanted).await? {
            0 => break,
            read => left = left.saturating_sub(read),
        }
    }
    Ok(())
}
