//! Clients that do not do in time what they must.

use std::time::{Duration, Instant};

use gateway::edge::{CloseCode, Closed, EdgeConfig};

use super::{Seen, TestEdge, raw::*};

/// For clients that do nothing.
fn quick() -> EdgeConfig {
    EdgeConfig { handshake_timeout_ms: 200, auth_timeout_ms: 300, close_timeout_ms: 200, ..EdgeConfig::default() }
}

/// For clients that are connected: quick pings, and time enough for an answer on a crowded machine.
fn pinging() -> EdgeConfig {
    EdgeConfig { ping_interval_ms: 500, pong_timeout_ms: 2_500, close_timeout_ms: 200, ..EdgeConfig::default() }
}

/// Longer than a client lives that answers no ping.
const OVERDUE: Duration = Duration::from_millis(4_000);

#[tokio::test]
async fn a_connection_that_sends_no_request_is_cut() {
    let edge = TestEdge::start(quick()).await;
    for start in ["", "GET /ws HTTP/1.1\r\nHost: te"] {
        let mut client = Raw::tcp(&edge).await;
        client.bytes(start.as_bytes()).await;
        let head = client.head().await;
        assert!(head.is_empty() || head.starts_with("HTTP/1.1 408"), "{head}");
    }
}

#[tokio::test]
async fn a_connection_that_does_not_authenticate_is_closed_for_good() {
    for path in ["/ws", "/socket.io/?EIO=4&transport=websocket"] {
        let edge = TestEdge::start(quick()).await;
        assert_eq!(Raw::open(&edge, path).await.close_code().await, CloseCode::AuthTimeout.code());
    }
}

#[tokio::test]
async fn a_half_open_connection_is_found_by_its_missing_pong() {
    let mut edge = TestEdge::start(pinging()).await;
    let mut client = Raw::plain(&edge).await;
    assert_eq!(client.read().await.unwrap().0, PING);
    // Talking is no pong.
    client.text(r#"{"event":"echo","data":1}"#).await;
    assert_eq!(client.close_code().await, CloseCode::NoPong.code());
    assert_eq!(
        (edge.seen().await, edge.seen().await),
        (Seen::Opened, Seen::Closed(Closed::ByServer(CloseCode::NoPong))),
        "without an answer to the goodbye"
    );
}

#[tokio::test]
async fn a_client_that_answers_pings_stays() {
    let edge = TestEdge::start(pinging()).await;
    let mut client = Raw::plain(&edge).await;
    let begun = Instant::now();
    while begun.elapsed() < OVERDUE {
        let (first, payload) = client.read().await.expect("the connection lives");
        assert_eq!(first, PING, "{payload:?}");
        client.bytes(&frame(PONG, b"")).await;
    }
    client.text(r#"{"event":"echo","id":1,"data":1}"#).await;
    assert_eq!(client.read_text().await, r#"{"event":"ack","id":1,"data":1}"#);
}

#[tokio::test]
async fn nothing_is_held_against_a_client_that_is_not_read() {
    let edge = TestEdge::start(pinging()).await;
    let mut client = Raw::plain(&edge).await;
    let start = Instant::now();
    client.text(&format!(r#"{{"event":"pause","data":{}}}"#, OVERDUE.as_millis())).await;
    client.text(r#"{"event":"echo","id":1,"data":"read after the pause"}"#).await;
    let mut pings = 0;
    loop {
        match client.read().await.expect("the connection lives") {
            (PING, _) => {
                pings += 1;
                client.bytes(&frame(PONG, b"")).await;
            }
            (first, payload) => {
                assert_eq!(first, TEXT, "{payload:?}");
                assert_eq!(payload, br#"{"event":"ack","id":1,"data":"read after the pause"}"#);
                break;
            }
        }
    }
    assert!(start.elapsed() >= OVERDUE, "it was read during the pause");
    assert!(pings >= 3, "pings go on: {pings}");
}

#[tokio::test]
async fn an_edge_that_goes_down_sends_its_clients_away_one_after_another() {
    // Ten minutes from one to the next: within this test only the first goes.
    let edge = TestEdge::draining(EdgeConfig { drain_ms: 30_000_000, ..EdgeConfig::default() }).await;
    let mut clients = [Raw::plain(&edge).await, Raw::plain(&edge).await];
    edge.shutdown.cancel();
    let [one, other] = &mut clients;
    let (stays, code) = tokio::select! {
        code = one.close_code() => (other, code),
        code = other.close_code() => (one, code),
    };
    assert_eq!(code, CloseCode::Drain.code());
    stays.text(r#"{"event":"echo","id":1,"data":"still here"}"#).await;
    assert_eq!(stays.read_text().await, r#"{"event":"ack","id":1,"data":"still here"}"#);
}
