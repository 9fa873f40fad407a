//! The accept loop: HTTP/1 on one port, and the way from a request to its transport.

use std::{
    future::poll_fn,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    body::Body,
    extract::ConnectInfo,
    http::{HeaderMap, Request, Response, header},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::{
    CloseCode, EdgeConfig, Handler,
    linger::{self, Watched},
    polling,
    server::Server,
    session::Caller,
    upgrade::Upgrade,
    websocket,
};

/// A client that sends its token as a subprotocol offers this one too: a browser insists on an answer, and the token must not be it.
const SUBPROTOCOL: &str = "stateward";
const TOKEN_SUBPROTOCOL: &str = "bearer.";
/// Accepting goes on after this time when the process has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

pub(super) async fn run<H: Handler>(
    config: Arc<EdgeConfig>,
    listener: TcpListener,
    router: axum::Router,
    handler: Arc<H>,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let server = Server::new(config, handler, shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = server.shutdown.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                server.tasks.spawn(serve(server.clone(), router.clone(), stream, peer));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    drain(&server).await;
    Ok(())
}

/// Says goodbye to everyone, a few at a time, and waits until they are gone.
async fn drain<H: Handler>(server: &Server<H>) {
    let channels = server.admission.channels();
    let pause = Duration::from_millis(server.config.drain_ms / 50);
    for some in channels.chunks(channels.len().div_ceil(50).max(1)) {
        some.iter().for_each(|channel| channel.close(CloseCode::Drain));
        tokio::time::sleep(pause).await;
    }
    // Those that came in the meantime, and those that are still in their handshake.
    server.admission.close(CloseCode::Drain);
    server.tasks.close();
    // Every connection has a deadline of its own for its goodbye; what is left then are requests that hang.
    let patience = server.config.close_timeout() * 2;
    if tokio::time::timeout(patience, server.tasks.wait()).await.is_err() {
        tracing::warn!(left = server.tasks.len(), "connections were cut off at shutdown");
    }
}

/// One TCP connection: requests, until it ends or becomes a WebSocket.
async fn serve<H: Handler>(server: Arc<Server<H>>, router: axum::Router, stream: TcpStream, peer: SocketAddr) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let (upgrade, unread) = (Arc::new(Mutex::new(None)), Arc::new(AtomicBool::new(false)));
    let service = service_fn(|request: Request<Incoming>| {
        let (server, router, upgrade) = (server.clone(), router.clone(), upgrade.clone());
        let request = request.map(|body| Watched::new(body, unread.clone()));
        Box::pin(async move { route(&server, router, request, peer, &upgrade).await })
    });
    let config = &server.config;
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(config.handshake_timeout())
        .max_headers(config.headers)
        .max_header_size(config.header_bytes)
        .serve_connection(TokioIo::new(stream), service);
    let served = tokio::select! {
        served = poll_fn(|cx| connection.poll_without_shutdown(cx)) => served,
        () = server.shutdown.cancelled() => {
            // The request that is being answered is the last one.
            Pin::new(&mut connection).graceful_shutdown();
            poll_fn(|cx| connection.poll_without_shutdown(cx)).await
        }
    };
    let parts = connection.into_parts();
    let upgrade = upgrade.lock().unwrap_or_else(PoisonError::into_inner).take();
    // A task of its own for what is left: this one is as large as HTTP needs it to be.
    let stream = parts.io.into_inner();
    let may_send_more = served.is_err() || unread.load(Ordering::Relaxed);
    if let (Ok(()), Some(upgrade)) = (served, upgrade) {
        upgrade.start(&server, stream, parts.read_buf);
    } else if may_send_more {
        server.tasks.spawn(linger::close(stream, server.config.close_timeout()));
    }
}

type Pending<H> = Mutex<Option<Upgrade<H>>>;

async fn route<H: Handler>(
    server: &Arc<Server<H>>,
    router: axum::Router,
    mut request: Request<Watched>,
    peer: SocketAddr,
    pending: &Pending<H>,
) -> Result<Response<Body>, std::convert::Infallible> {
    let path = request.uri().path();
    let is_socket_io = path == "/socket.io" || path.starts_with("/socket.io/");
    if path != "/ws" && !is_socket_io {
        request.extensions_mut().insert(ConnectInfo(peer));
        return router.oneshot(request.map(Body::new)).await;
    }
    let source = server.admission.source(peer, request.headers());
    let origin = match server.origins.check(request.headers()) {
        Ok(origin) => origin,
        Err(forbidden) => return Ok(forbidden.response()),
    };
    let cookie = text(request.headers(), header::COOKIE);
    let caller = Caller { address: source.address, origin, cookie };
    if !is_socket_io {
        let (subprotocol, token) = subprotocols(request.headers());
        return Ok(match server.admission.enter(source) {
            Ok(slot) => switch(pending, &request, subprotocol, Upgrade::Plain { token, slot, caller }),
            Err(full) => full.response(),
        });
    }

    let query = request.uri().query().unwrap_or_default().to_owned();
    let parameter =
        |name: &str| query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value);
    let sid = parameter("sid");
    Ok(match (parameter("EIO"), parameter("transport")) {
        (Some("4"), Some("polling")) => polling::serve(server, request, source, caller, sid).await,
        (Some("4"), Some("websocket")) => match sid.map(|sid| server.engines.get(sid)) {
            None => match server.admission.enter(source) {
                Ok(slot) => switch(pending, &request, None, Upgrade::SocketIo { slot, caller }),
                Err(full) => full.response(),
            },
            Some(Some(engine)) => switch(pending, &request, None, Upgrade::Engine(engine)),
            Some(None) => polling::bad_request(1, "Session ID unknown"),
        },
        (Some("4"), _) => polling::bad_request(0, "Transport unknown"),
        _ => polling::bad_request(5, "Unsupported protocol version"),
    })
}

fn switch<H: Handler>(
    pending: &Pending<H>,
    request: &Request<Watched>,
    subprotocol: Option<&'static str>,
    upgrade: Upgrade<H>,
) -> Response<Body> {
    match websocket::accept(request, subprotocol) {
        Ok(response) => {
            *pending.lock().unwrap_or_else(PoisonError::into_inner) = Some(upgrade);
            response
        }
        Err(refused) => refused.response(),
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// The subprotocol to agree on, and the token that stands beside it.
fn subprotocols(headers: &HeaderMap) -> (Option<&'static str>, Option<String>) {
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).into_iter().filter_map(|value| value.to_str().ok());
    let offered = offered.flat_map(|value| value.split(',')).map(str::trim).collect::<Vec<_>>();
    let ours = offered.contains(&SUBPROTOCOL).then_some(SUBPROTOCOL);
    (ours, offered.iter().find_map(|protocol| protocol.strip_prefix(TOKEN_SUBPROTOCOL)).map(str::to_owned))
}
