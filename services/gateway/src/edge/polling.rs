//! Socket.IO over plain HTTP requests: one that waits for packets, and one for each batch of packets from the client.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use axum::{
    body::Body,
    http::{HeaderValue, Method, Request, Response, StatusCode, header},
};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};

use super::{
    CloseCode, Handler,
    admission::Source,
    engine_io::{self, Engine},
    frame::RECORD_SEPARATOR,
    linger::Watched,
    origin,
    server::Server,
    session::{Caller, Step},
};

/// A batch of packets must have come whole within this time.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// While a WebSocket probes, a polling request waits no longer than this, so that the client can change over.
const PROBING_WAIT: Duration = Duration::from_millis(100);

pub(super) async fn serve<H: Handler>(
    server: &Arc<Server<H>>,
    request: Request<Watched>,
    source: Source,
    caller: Caller,
    sid: Option<&str>,
) -> Response<Body> {
    let origin = caller.origin.clone();
    let mut response = match (request.method().clone(), sid) {
        (Method::OPTIONS, _) => preflight(),
        (Method::GET, None) => open(server, source, caller).await,
        (Method::GET, Some(sid)) => match server.engines.get(sid) {
            Some(engine) => receive(&engine).await,
            None => unknown_session(),
        },
        (Method::POST, Some(sid)) => match server.engines.get(sid) {
            Some(engine) => post(server, &engine, request.into_body()).await,
            None => unknown_session(),
        },
        _ => bad_request(2, "Bad handshake method"),
    };
    origin::allow(response.headers_mut(), origin.as_deref());
    response
}

async fn open<H: Handler>(server: &Arc<Server<H>>, source: Source, caller: Caller) -> Response<Body> {
    match server.admission.enter(source) {
        Ok(slot) => receive(&engine_io::open(server, caller, slot)).await,
        Err(full) => full.response(),
    }
}

/// Answers with what waits for the client, or waits until there is something.
async fn receive<H: Handler>(engine: &Engine<H>) -> Response<Body> {
    let Ok(_turn) = engine.polling.try_lock() else {
        // Two readers would tear the stream of packets apart.
        engine.channel.close(CloseCode::Malformed);
        return bad_request(3, "Bad request");
    };
    let packets = std::future::poll_fn(|cx| engine.channel.poll_packets(cx));
    let packets = if engine.probing.load(Ordering::Acquire) {
        tokio::time::timeout(PROBING_WAIT, packets).await.unwrap_or(Some(Bytes::from_static(b"6")))
    } else {
        packets.await
    };
    text(packets.unwrap_or(Bytes::from_static(b"6")))
}

/// Handles the client's packets in order. While reading is paused the request waits, and so does the client.
async fn post<H: Handler>(server: &Server<H>, engine: &Engine<H>, body: Watched) -> Response<Body> {
    let Ok(mut session) = engine.session.try_lock() else {
        engine.channel.close(CloseCode::Malformed);
        return bad_request(3, "Bad request");
    };
    let body = match tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, server.config.message_bytes).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) => {
            engine.channel.close(CloseCode::TooBig);
            return status(StatusCode::PAYLOAD_TOO_LARGE);
        }
        Err(_) => return status(StatusCode::REQUEST_TIMEOUT),
    };
    if body.iter().filter(|byte| **byte == RECORD_SEPARATOR).count() >= server.config.polling_packets {
        engine.channel.close(CloseCode::Flood);
        return bad_request(3, "Bad request");
    }
    for packet in body.split(|byte| *byte == RECORD_SEPARATOR) {
        std::future::poll_fn(|cx| engine.channel.poll_readable(cx)).await;
        if engine.channel.is_closed() {
            return unknown_session();
        }
        match session.text(body.slice_ref(packet)) {
            Step::Next | Step::Control => {}
            Step::Pong => engine.ponged.store(true, Ordering::Relaxed),
            Step::Login(login) => {
                session.login(login).await;
                engine.authenticated.store(session.is_authenticated(), Ordering::Relaxed);
            }
            Step::Close(CloseCode::Normal) => {
                session.end(super::Closed::ByClient);
                return text(Bytes::from_static(b"ok"));
            }
            Step::Close(code) => {
                engine.channel.close(code);
                return bad_request(3, "Bad request");
            }
        }
    }
    text(Bytes::from_static(b"ok"))
}

fn text(body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=UTF-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn preflight() -> Response<Body> {
    let mut response = status(StatusCode::NO_CONTENT);
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type, authorization"));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn unknown_session() -> Response<Body> {
    bad_request(1, "Session ID unknown")
}

/// Engine.IO's own numbers and words, which its clients look at.
pub(super) fn bad_request(code: u8, message: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(format!(r#"{{"code":{code},"message":"{message}"}}"#)));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
