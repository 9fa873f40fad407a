//! The transport edge, driven over real sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod abuse;
mod deadlines;
mod http;
mod plain;
mod polling;
mod raw;
mod slow_readers;
mod socket_io;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use gateway::edge::{CloseCode, Closed, Connection, Credentials, EdgeConfig, Frame, Handler, Incoming, Refusal};
use protocol::ErrorBody;
use tokio::{net::TcpListener, sync::mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Nothing that is waited for here takes this long, unless it never comes.
const DEADLINE: Duration = testkit::PATIENCE;
const ORIGIN: &str = "https://play.example";

type Conn = Arc<Connection<Credentials>>;

#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Opened,
    Closed(Closed),
}

/// Lets in whoever has the token `good`, and does what events say.
struct Scripted {
    connections: Mutex<Vec<Conn>>,
    seen: mpsc::UnboundedSender<Seen>,
    tasks: TaskTracker,
}

impl Handler for Scripted {
    type Client = Credentials;

    async fn authenticate(&self, credentials: Credentials) -> Result<Credentials, Refusal> {
        let cookie = credentials.cookie.as_deref() == Some("token=good") && credentials.origin.is_some();
        if credentials.token.as_deref() == Some("good") || cookie {
            return Ok(credentials);
        }
        Err(Refusal { code: CloseCode::Unauthorized, error: Box::new(ErrorBody::permission("TOKEN_INVALID", "the token is not valid")) })
    }

    fn opened(&self, connection: &Conn) {
        self.connections.lock().unwrap().push(connection.clone());
        let _ = self.seen.send(Seen::Opened);
    }

    fn message(&self, connection: &Conn, incoming: Incoming) {
        let data = std::str::from_utf8(&incoming.data).unwrap();
        match incoming.event.as_str() {
            "echo" => {}
            "traced" => {
                let heard = format!("\"{}\"", incoming.trace.as_deref().unwrap_or("none"));
                return connection.ack(&incoming.ack.unwrap(), heard).unwrap();
            }
            "trace" => connection.send(&Frame::traced("trace", "{}", incoming.trace.as_deref().unwrap_or("none"))).unwrap(),
            "burst" => {
                for number in 0..data.parse::<usize>().unwrap() {
                    connection.send(&Frame::event("news", number.to_string())).unwrap();
                }
            }
            "joined" => connection.send(&Frame::joined((0..3).map(|number| Frame::event("news", number.to_string())))).unwrap(),
            "leave" => connection.close(CloseCode::AccessRevoked),
            "move" => connection.close(CloseCode::Drain),
            "pause" => {
                connection.pause_reading();
                let (connection, pause) = (connection.clone(), Duration::from_millis(data.parse().unwrap()));
                self.tasks.spawn(async move {
                    tokio::time::sleep(pause).await;
                    connection.resume_reading();
                });
            }
            other => panic!("unexpected event {other}"),
        }
        if let Some(ack) = incoming.ack {
            let _ = connection.ack(&ack, incoming.data);
        }
    }

    fn closed(&self, connection: &Conn, reason: Closed) {
        self.connections.lock().unwrap().retain(|other| other.id() != connection.id());
        let _ = self.seen.send(Seen::Closed(reason));
    }
}

struct TestEdge {
    address: SocketAddr,
    handler: Arc<Scripted>,
    seen: mpsc::UnboundedReceiver<Seen>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

impl TestEdge {
    /// One whose clients all go at once when it stops.
    async fn start(config: EdgeConfig) -> Self {
        Self::draining(EdgeConfig { drain_ms: 0, ..config }).await
    }

    async fn draining(config: EdgeConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tasks, shutdown, (sender, seen)) = (TaskTracker::new(), CancellationToken::new(), mpsc::unbounded_channel());
        let handler = Arc::new(Scripted { connections: Mutex::default(), seen: sender, tasks: tasks.clone() });
        let router = axum::Router::new()
            .route("/hello", axum::routing::get(|| async { "hello" }))
            .route("/refuse", axum::routing::post(|| async { (axum::http::StatusCode::FORBIDDEN, "not for you") }));
        let config = EdgeConfig { allowed_origins: vec![ORIGIN.into()], ..config };
        tasks.spawn(config.build().run(listener, router, handler.clone(), shutdown.clone()));
        Self { address, handler, seen, tasks, shutdown }
    }

    async fn seen(&mut self) -> Seen {
        tokio::time::timeout(DEADLINE, self.seen.recv()).await.expect("something happens").unwrap()
    }

    /// The only connection there is.
    async fn connection(&mut self) -> Conn {
        assert_eq!(self.seen().await, Seen::Opened);
        self.handler.connections.lock().unwrap()[0].clone()
    }

    async fn stop(mut self) -> Vec<Seen> {
        self.shutdown.cancel();
        self.tasks.close();
        tokio::time::timeout(DEADLINE, self.tasks.wait()).await.expect("the edge stops");
        std::iter::from_fn(|| self.seen.try_recv().ok()).collect()
    }
}

impl Drop for TestEdge {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}
