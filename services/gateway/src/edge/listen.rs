//! The socket that clients connect to.

use std::{io, net::SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

/// Connections that wait to be accepted: after an outage everyone comes back at once, and whom the kernel has no room for is slowed
/// down by TCP for seconds, which no client can tell from a dead gateway. The kernel allows `net.core.somaxconn` at most.
const BACKLOG: u32 = 4096;

/// As `TcpListener::bind`, which leaves room for 128.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A gateway that starts again takes its port, whatever is left of its old connections.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

#[cfg(test)]
mod tests {
    use std::{net::TcpStream, time::Duration};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn hundreds_may_wait_to_be_accepted() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let waiting: Result<Vec<_>, _> = (0..400).map(|_| TcpStream::connect_timeout(&address, PATIENCE)).collect();
        assert_eq!(waiting.unwrap().len(), 400);
    }
}
