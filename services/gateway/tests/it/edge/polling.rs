//! Socket.IO over plain HTTP requests, byte by byte; the real client's part is in `socket_io`.

use gateway::edge::{CloseCode, Closed, EdgeConfig, Frame};
use tokio::io::AsyncReadExt as _;

use super::{DEADLINE, ORIGIN, Seen, TestEdge, raw::*};

/// One request on a connection of its own: status and body.
async fn request(edge: &TestEdge, method: &str, query: &str, headers: &str, body: &[u8]) -> (u16, String, String) {
    let mut client = Raw::tcp(edge).await;
    let head = format!(
        "{method} /socket.io/?EIO=4&transport=polling{query} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len()
    );
    client.bytes(head.as_bytes()).await;
    // The answer may come before all of a refused body is sent.
    let _ = tokio::io::AsyncWriteExt::write_all(&mut client.stream, body).await;
    let head = client.head().await;
    let mut body = Vec::new();
    let _ = tokio::time::timeout(DEADLINE, client.stream.read_to_end(&mut body)).await.expect("the whole answer");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no status in {head:?}"));
    (status, head, String::from_utf8(body).unwrap())
}

/// Opens a session and gives `&sid=...`.
async fn open(edge: &TestEdge) -> String {
    let (status, _, body) = request(edge, "GET", "", "", b"").await;
    assert_eq!(status, 200);
    let open: serde_json::Value = serde_json::from_str(body.strip_prefix('0').expect("an open packet")).unwrap();
    assert_eq!(open["maxPayload"], 256 * 1024);
    assert_eq!((&open["pingInterval"], &open["pingTimeout"]), (&25_000.into(), &20_000.into()));
    assert_eq!(open["upgrades"], serde_json::json!(["websocket"]));
    format!("&sid={}", open["sid"].as_str().unwrap())
}

async fn connect(edge: &TestEdge) -> String {
    let sid = open(edge).await;
    assert_eq!(request(edge, "POST", &sid, "", br#"40{"token":"good"}"#).await.2, "ok");
    assert!(request(edge, "GET", &sid, "", b"").await.2.starts_with("40{\"sid\":"));
    sid
}

#[tokio::test]
async fn packets_go_in_batches_both_ways() {
    let edge = TestEdge::start(EdgeConfig::default()).await;
    let sid = connect(&edge).await;
    let (status, _, body) = request(&edge, "POST", &sid, "", "421[\"echo\",\"é\"]\x1e422[\"burst\",2]\x1e42[\"joined\"]".as_bytes()).await;
    assert_eq!((status, body.as_str()), (200, "ok"));
    let expected = "431[\"é\"]\x1e42[\"news\",0]\x1e42[\"news\",1]\x1e432[2]\x1e42[\"news\",0]\x1e42[\"news\",1]\x1e42[\"news\",2]";
    assert_eq!(request(&edge, "GET", &sid, "", b"").await.2, expected);
}

#[tokio::test]
async fn a_waiting_request_is_answered_by_the_next_frame() {
    let mut edge = TestEdge::start(EdgeConfig::default()).await;
    let sid = connect(&edge).await;
    let connection = edge.connection().await;
    let send = async {
        tokio::task::yield_now().await;
        connection.send(&Frame::event("news", "7")).unwrap();
    };
    let (answer, ()) = tokio::join!(request(&edge, "GET", &sid, "", b""), send);
    assert_eq!(answer.2, r#"42["news",7]"#);
}

#[tokio::test]
async fn two_waiting_requests_end_the_session() {
    let mut edge = TestEdge::start(EdgeConfig::default()).await;
    let sid = connect(&edge).await;
    let (one, other) = tokio::join!(request(&edge, "GET", &sid, "", b""), request(&edge, "GET", &sid, "", b""));
    let mut statuses = [one.0, other.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400]);
    assert_eq!((edge.seen().await, edge.seen().await), (Seen::Opened, Seen::Closed(Closed::ByServer(CloseCode::Malformed))));
    assert_eq!(request(&edge, "GET", &sid, "", b"").await.0, 400);
}

#[tokio::test]
async fn batches_that_no_client_sends_are_refused_and_end_the_session() {
    let too_many = "3\x1e".repeat(2_000);
    let too_large = format!("42[\"echo\",\"{}\"]", "x".repeat(256 * 1024));
    for (body, status) in
        [(too_large.as_str(), 413), (&too_many, 400), ("bAAAA", 400), ("451-[\"echo\"]", 400), ("", 400), ("42[\"echo\",1]\x1e", 400)]
    {
        let mut edge = TestEdge::start(EdgeConfig::default()).await;
        let sid = connect(&edge).await;
        let answer = request(&edge, "POST", &sid, "", body.as_bytes()).await;
        assert_eq!(answer.0, status, "{} bytes: {:?}", body.len(), answer.2);
        // The goodbye is picked up, then the session is gone.
        request(&edge, "GET", &sid, "", b"").await;
        assert_eq!(edge.seen().await, Seen::Opened);
        assert!(matches!(edge.seen().await, Seen::Closed(Closed::ByServer(_))));
    }
}

#[tokio::test]
async fn only_allowed_pages_may_read_answers() {
    let edge = TestEdge::start(EdgeConfig::default()).await;
    let (status, head, _) = request(&edge, "GET", "", &format!("Origin: {ORIGIN}\r\n"), b"").await;
    assert_eq!(status, 200);
    assert!(
        head.contains(&format!("access-control-allow-origin: {ORIGIN}\r\n")) && head.contains("access-control-allow-credentials: true\r\n"),
        "{head}"
    );
    let (status, head, _) = request(&edge, "OPTIONS", "", &format!("Origin: {ORIGIN}\r\n"), b"").await;
    assert!(status == 204 && head.contains("access-control-allow-methods: GET, POST\r\n"), "{head}");
    let (status, head, _) = request(&edge, "GET", "", "Origin: https://evil.example\r\n", b"").await;
    assert!(status == 403 && !head.contains("access-control"), "{head}");
}

#[tokio::test]
async fn a_client_that_stops_polling_is_found_by_its_missing_pong() {
    let mut edge =
        TestEdge::start(EdgeConfig { ping_interval_ms: 1_000, pong_timeout_ms: 2_000, close_timeout_ms: 200, ..EdgeConfig::default() })
            .await;
    let (_, _, body) = request(&edge, "GET", "", "", b"").await;
    let open: serde_json::Value = serde_json::from_str(&body[1..]).unwrap();
    let sid = format!("&sid={}", open["sid"].as_str().unwrap());
    request(&edge, "POST", &sid, "", br#"40{"token":"good"}"#).await;
    assert_eq!((edge.seen().await, edge.seen().await), (Seen::Opened, Seen::Closed(Closed::ByServer(CloseCode::NoPong))));
}

#[tokio::test]
async fn what_waits_at_the_upgrade_comes_over_the_websocket() {
    let mut edge = TestEdge::start(EdgeConfig::default()).await;
    let sid = connect(&edge).await;
    let connection = edge.connection().await;
    let (mut socket, head) = Raw::handshake(&edge, &format!("/socket.io/?EIO=4&transport=websocket{sid}"), "").await;
    assert!(head.starts_with("HTTP/1.1 101"));
    socket.text("2probe").await;
    assert_eq!(socket.read_text().await, "3probe");
    assert_eq!(request(&edge, "GET", &sid, "", b"").await.2, "6", "polling ends");
    connection.send(&Frame::joined([Frame::event("news", "1"), Frame::event("news", "2")])).unwrap();
    connection.send(&Frame::event("news", "3")).unwrap();
    socket.text("5").await;
    for number in 1..=3 {
        assert_eq!(socket.read_text().await, format!(r#"42["news",{number}]"#));
    }
    socket.text("427[\"echo\",\"over the socket\"]").await;
    assert_eq!(socket.read_text().await, r#"437["over the socket"]"#);
    assert_eq!(request(&edge, "GET", &sid, "", b"").await.0, 400, "the session polls no more");
    drop(socket);
    assert_eq!(edge.seen().await, Seen::Closed(Closed::Lost));
}

#[tokio::test]
async fn a_failed_probe_does_the_session_no_harm() {
    let edge = TestEdge::start(EdgeConfig::default()).await;
    let sid = connect(&edge).await;
    for packet in ["5", "40", "2other"] {
        let (mut socket, _) = Raw::handshake(&edge, &format!("/socket.io/?EIO=4&transport=websocket{sid}"), "").await;
        socket.text(packet).await;
        assert_eq!(socket.close_code().await, CloseCode::Malformed.code(), "{packet}");
    }
    request(&edge, "POST", &sid, "", b"421[\"echo\",1]").await;
    assert_eq!(request(&edge, "GET", &sid, "", b"").await.2, "431[1]");
}

#[tokio::test]
async fn a_websocket_on_trial_hears_nothing_but_the_answer_to_its_probe() {
    let edge = TestEdge::start(EdgeConfig { ping_interval_ms: 50, ..EdgeConfig::default() }).await;
    let (_, _, body) = request(&edge, "GET", "", "", b"").await;
    let open: serde_json::Value = serde_json::from_str(&body[1..]).unwrap();
    let (mut socket, _) =
        Raw::handshake(&edge, &format!("/socket.io/?EIO=4&transport=websocket&sid={}", open["sid"].as_str().unwrap()), "").await;
    let early = tokio::time::timeout(std::time::Duration::from_millis(300), socket.stream.read_u8()).await;
    assert!(early.is_err(), "a ping would end the client's probe");
    socket.text("2probe").await;
    assert_eq!(socket.read_text().await, "3probe");
    socket.text("5").await;
    // What waited while polling comes first, then the heartbeat goes on here.
    while socket.read_text().await != "2" {}
}

#[tokio::test]
async fn a_client_that_is_sent_away_while_it_upgrades_is_told_over_the_websocket() {
    let mut edge = TestEdge::start(EdgeConfig { close_timeout_ms: 3_000, ..EdgeConfig::default() }).await;
    let sid = connect(&edge).await;
    let connection = edge.connection().await;
    let (mut socket, _) = Raw::handshake(&edge, &format!("/socket.io/?EIO=4&transport=websocket{sid}"), "").await;
    socket.text("2probe").await;
    assert_eq!(socket.read_text().await, "3probe");
    assert_eq!(request(&edge, "GET", &sid, "", b"").await.2, "6");
    connection.close(CloseCode::AccessRevoked);
    socket.text("5").await;
    assert_eq!(socket.read_text().await, "41");
    assert_eq!(socket.close_code().await, CloseCode::AccessRevoked.code());
    assert_eq!(edge.seen().await, Seen::Closed(Closed::ByServer(CloseCode::AccessRevoked)));
}
