//! A TCP proxy on a free port that does to a connection what networks do: delay, throttle, cut, swallow, reset.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp},
    sync::watch,
    task::{AbortHandle, JoinSet},
};

const PIECE: usize = 16 * 1024;

/// What the proxy does to bytes of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Link {
    /// Added to each piece on its way.
    pub latency: Duration,
    /// Bytes per second; none is as fast as it goes.
    pub throttle: Option<u64>,
    /// Bytes are not taken from the sender until this is over: its buffers fill, then it blocks.
    pub stalled: bool,
    /// Bytes are taken and thrown away, as by a peer that has gone without a word.
    pub swallowed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Faults {
    to_server: Link,
    to_client: Link,
    /// New connections are closed at once.
    refusing: bool,
    /// Counts resets: a connection ends when it differs from what it began with.
    resets: u64,
}

/// Everything passes until a fault is set. Ends with all its connections on drop.
pub struct Proxy {
    port: u16,
    faults: watch::Sender<Faults>,
    carried: Arc<AtomicU64>,
    open: Arc<AtomicUsize>,
    task: AbortHandle,
}

impl Proxy {
    /// `target` is `host:port`.
    pub async fn start(target: &str) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let faults = watch::Sender::new(Faults::default());
        let (carried, open) = (Arc::<AtomicU64>::default(), Arc::<AtomicUsize>::default());
        #[expect(clippy::disallowed_methods, reason = "ends with the proxy; testkit has no lifecycle")]
        let task =
            tokio::spawn(accept(listener, target.to_owned(), faults.subscribe(), Arc::clone(&carried), Arc::clone(&open))).abort_handle();
        Ok(Self { port, faults, carried, open, task })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Bytes carried so far, both directions together.
    pub fn carried(&self) -> u64 {
        self.carried.load(Ordering::Relaxed)
    }

    /// Connections that are open now. After a cut there are none as soon as each has been ended.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    pub fn set_to_server(&self, link: Link) {
        self.faults.send_modify(|faults| faults.to_server = link);
    }

    pub fn set_to_client(&self, link: Link) {
        self.faults.send_modify(|faults| faults.to_client = link);
    }

    pub fn set_latency(&self, latency: Duration) {
        self.faults.send_modify(|faults| {
            faults.to_server.latency = latency;
            faults.to_client.latency = latency;
        });
    }

    /// Both directions swallow: each side believes that the other is there and silent.
    pub fn half_open(&self) {
        let link = Link { swallowed: true, ..Link::default() };
        self.faults.send_modify(|faults| (faults.to_server, faults.to_client) = (link, link));
    }

    /// Ends every connection with a reset. New ones are served.
    pub fn reset(&self) {
        self.faults.send_modify(|faults| faults.resets += 1);
    }

    /// Ends every connection and refuses new ones until `heal`.
    pub fn cut(&self) {
        self.faults.send_modify(|faults| {
            faults.refusing = true;
            faults.resets += 1;
        });
    }

    /// Takes back all faults. Connections that lost bytes are of no use any more and are reset.
    pub fn heal(&self) {
        self.faults.send_modify(|faults| {
            let lost = faults.to_server.swallowed || faults.to_client.swallowed;
            *faults = Faults { resets: faults.resets + u64::from(lost), ..Faults::default() };
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, target: String, faults: watch::Receiver<Faults>, carried: Arc<AtomicU64>, open: Arc<AtomicUsize>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else { continue };
                // At one look: a connection that was taken before a cut is ended by it.
                let Faults { refusing, resets, .. } = *faults.borrow();
                if refusing {
                    continue;
                }
                let (counted, serving) = (Open::one(&open), connection(client, target.clone(), resets, faults.clone(), Arc::clone(&carried)));
                connections.spawn(async move {
                    serving.await;
                    drop(counted);
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Counts a connection as long as it is open.
struct Open(Arc<AtomicUsize>);

impl Open {
    fn one(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(open))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// `begun`: the count of resets when it was taken.
async fn connection(mut client: TcpStream, target: String, begun: u64, faults: watch::Receiver<Faults>, carried: Arc<AtomicU64>) {
    let Ok(mut server) = TcpStream::connect(&target).await else { return };
    // At worst a piece waits for the one before it.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let mut resets = faults.clone();
    let was_reset = {
        let (client_read, client_write) = client.split();
        let (server_read, server_write) = server.split();
        tokio::select! {
            _ = async { tokio::join!(
                pipe(client_read, server_write, faults.clone(), |faults| faults.to_server, &carried),
                pipe(server_read, client_write, faults, |faults| faults.to_client, &carried),
            ) } => false,
            _ = resets.wait_for(|faults| faults.resets != begun) => true,
        }
    };
    if was_reset {
        // Closing then sends a reset instead of an orderly end.
        let _ = (client.set_zero_linger(), server.set_zero_linger());
    }
}

async fn pipe(
    mut from: tcp::ReadHalf<'_>,
    mut to: tcp::WriteHalf<'_>,
    mut faults: watch::Receiver<Faults>,
    link: impl Fn(&Faults) -> Link,
    carried: &AtomicU64,
) {
    let mut piece = vec![0; PIECE];
    loop {
        if faults.wait_for(|faults| !link(faults).stalled).await.is_err() {
            return;
        }
        let Ok(count @ 1..) = from.read(&mut piece).await else { break };
        let now = link(&faults.borrow());
        if now.swallowed {
            continue;
        }
        let carrying = now.throttle.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(count as f64 / rate.max(1) as f64));
        if !(now.latency + carrying).is_zero() {
            tokio::time::sleep(now.latency + carrying).await;
        }
        // A fault that came while the piece was under way holds for it too.
        if faults.wait_for(|faults| !link(faults).stalled).await.is_err() {
            return;
        }
        if link(&faults.borrow()).swallowed {
            continue;
        }
        if to.write_all(&piece[..count]).await.is_err() {
            return;
        }
        carried.fetch_add(count as u64, Ordering::Relaxed);
    }
    // The sender is done: say so, as it did.
    let _ = to.shutdown().await;
}
