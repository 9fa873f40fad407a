//! Free ports for servers that must know theirs beforehand, or keep it over a restart.

use std::{io, net::TcpListener};

use crate::scratch::random_bytes;

/// Below the range that outgoing connections take theirs from, so that no connection can sit on the port of a stopped server.
const FIRST: u16 = 12_000;
const COUNT: u16 = 20_000;
const ATTEMPTS: usize = 200;

/// A port of 127.0.0.1 that nothing listens on. Another process may still take it: whoever starts a server on it makes sure
/// that the one which answers is its own, and picks again otherwise.
pub fn free_port() -> io::Result<u16> {
    for _ in 0..ATTEMPTS {
        let port = FIRST + u16::from_le_bytes(random_bytes()) % COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    Err(io::Error::new(io::ErrorKind::AddrInUse, "found no free port on 127.0.0.1"))
}
