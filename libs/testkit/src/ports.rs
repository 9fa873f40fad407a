//! Free ports for servers that must know theirs beforehand, or keep it over a restart.

use std::{
    collections::HashSet,
    future::Future,
    io,
    net::TcpListener,
    sync::{LazyLock, Mutex, PoisonError},
};

use crate::scratch::random_bytes;

/// Below the range that outgoing connections take theirs from, so that no connection can sit on the port of a stopped server.
const FIRST: u16 = 12_000;
const COUNT: u16 = 20_000;
const ATTEMPTS: usize = 200;

/// What this process was given: its owner may not have bound it yet.
static GIVEN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);

/// A port of 127.0.0.1 that nothing listens on, never the same twice in one process. Another process may still take it: whoever starts a server on it makes sure
/// that the one which answers is its own, and picks again otherwise.
pub fn free_port() -> io::Result<u16> {
    for _ in 0..ATTEMPTS {
        let port = FIRST + u16::from_le_bytes(random_bytes()) % COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() && GIVEN.lock().unwrap_or_else(PoisonError::into_inner).insert(port) {
            return Ok(port);
        }
    }
    Err(io::Error::new(io::ErrorKind::AddrInUse, "found no free port on 127.0.0.1"))
}

/// Starts a server on the port that is wanted; where none is, on a free one, and on another if somebody else takes it between our look
/// and the server's.
pub(crate) async fn on_a_port<T, F>(wanted: Option<u16>, start: impl Fn(u16) -> F) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<T>>,
{
    const AGAIN: usize = 3;
    if let Some(port) = wanted {
        return start(port).await;
    }
    for _ in 0..AGAIN {
        if let Ok(started) = start(free_port()?).await {
            return Ok(started);
        }
    }
    start(free_port()?).await
}
