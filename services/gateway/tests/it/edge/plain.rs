//! The plain WebSocket dialect.

use gateway::edge::{CloseCode, Closed, EdgeConfig, Frame};

use super::{ORIGIN, Seen, TestEdge, raw::*};

#[tokio::test]
async fn an_event_with_an_id_is_answered_and_the_id_comes_back_as_written() {
    let edge = TestEdge::start(EdgeConfig::default()).await;
    let mut client = Raw::plain(&edge).await;
    for id in ["7", "\"a b\"", "1.50"] {
        client.text(&format!(r#"{{"event":"echo","id":{id},"data":{{"n":1.0,"s":"\u00e9"}}}}"#)).await;
        assert_eq!(client.read_text().await, format!(r#"{{"event":"ack","id":{id},"data":{{"n":1.0,"s":"\u00e9"}}}}"#));
    }
    client.text(r#"{"event":"echo","id":1}"#).await;
    assert_eq!(client.read_text().await, r#"{"event":"ack","id":1,"data":null}"#);
}

#[tokio::test]
async fn frames_come_in_the_order_of_their_sending_whatever_their_kind() {
    let edge = TestEdge::start(EdgeConfig::default()).await;
    let mut client = Raw::plain(&edge).await;
    client.text(r#"{"event":"burst","id":5,"data":100}"#).await;
    for number in 0..100 {
        assert_eq!(client.read_text().await, format!(r#"{{"event":"news","data":{number}}}"#));
    }
    assert_eq!(client.read_text().await, r#"{"event":"ack","id":5,"data":100}"#);
    client.text(r#"{"event":"joined","data":null}"#).await;
    for number in 0..3 {
        assert_eq!(client.read_text().await, format!(r#"{{"event":"news","data":{number}}}"#));
    }
}

#[tokio::test]
async fn the_trace_of_a_message_reaches_the_handler_and_that_of_a_frame_the_client() {
    let edge = TestEdge::start(EdgeConfig::default()).await;
    let mut client = Raw::plain(&edge).await;
    client.text(r#"{"event":"trace","data":1,"trace":"00-a-b-01"}"#).await;
    assert_eq!(client.read_text().await, r#"{"event":"trace","data":{},"trace":"00-a-b-01"}"#);
}

#[tokio::test]
async fn over_socket_io_the_trace_stands_in_a_second_argument_and_anything_else_there_is_none() {
    let edge = TestEdge::start(EdgeConfig::default()).await;
    let mut client = Raw::open(&edge, "/socket.io/?EIO=4&transport=websocket").await;
    assert!(client.read_text().await.starts_with('0'));
    client.text(r#"40{"token":"good"}"#).await;
    assert!(client.read_text().await.starts_with("40"));
    for (beside, heard) in [
        (r#",{"trace":"00-a-b-01"}"#, "00-a-b-01"),
        (r#",{"trace":"00-a-b-01","more":[1]},{"trace":"x"}"#, "00-a-b-01"),
        ("", "none"),
        (r#",{"trace":7}"#, "none"),
        (r#","00-a-b-01""#, "none"),
        (",null,1", "none"),
    ] {
        client.text(&format!(r#"421["traced","00"{beside}]"#)).await;
        assert_eq!(client.read_text().await, format!(r#"431["{heard}"]"#), "{beside}");
    }
    client.text(r#"42["trace",1,{"trace":"00-a-b-01"}]"#).await;
    assert_eq!(client.read_text().await, r#"42["trace",{},{"trace":"00-a-b-01"}]"#);
}

#[tokio::test]
async fn a_message_may_come_in_single_bytes_and_in_fragments_with_a_ping_between() {
    let edge = TestEdge::start(EdgeConfig::default()).await;
    let mut client = Raw::plain(&edge).await;
    let text = br#"{"event":"echo","id":1,"data":"drip"}"#;
    for byte in frame(TEXT, text) {
        client.bytes(&[byte]).await;
    }
    assert_eq!(client.read_text().await, r#"{"event":"ack","id":1,"data":"drip"}"#);
    let fragments = [frame(0x01, &text[..5]), frame(PING, b"still there?"), frame(0x00, &text[5..9]), frame(0x80, &text[9..])];
    client.bytes(&fragments.concat()).await;
    assert_eq!(client.read().await.unwrap(), (PONG, b"still there?".to_vec()));
    assert_eq!(client.read_text().await, r#"{"event":"ack","id":1,"data":"drip"}"#);
}

#[tokio::test]
async fn many_messages_in_one_write_are_handled_in_order() {
    let edge = TestEdge::start(EdgeConfig::default()).await;
    let mut client = Raw::plain(&edge).await;
    let messages: Vec<u8> =
        (0..1_000).flat_map(|id| frame(TEXT, format!(r#"{{"event":"echo","id":{id},"data":{id}}}"#).as_bytes())).collect();
    client.bytes(&messages).await;
    for id in 0..1_000 {
        assert_eq!(client.read_text().await, format!(r#"{{"event":"ack","id":{id},"data":{id}}}"#));
    }
}

#[tokio::test]
async fn a_wrong_token_is_told_why_and_closed_for_good() {
    let mut edge = TestEdge::start(EdgeConfig::default()).await;
    let mut client = Raw::open(&edge, "/ws").await;
    client.text(r#"{"event":"auth","id":1,"data":{"token":"bad"}}"#).await;
    assert!(client.read_text().await.contains(r#""reason":"TOKEN_INVALID""#));
    assert_eq!(client.close_code().await, CloseCode::Unauthorized.code());
    let mut other = Raw::open(&edge, "/ws").await;
    other.text(r#"{"event":"echo","id":1,"data":1}"#).await;
    assert_eq!(other.close_code().await, CloseCode::Unauthorized.code());
    assert!(edge.seen.try_recv().is_err(), "the handler never sees a stranger");
}

#[tokio::test]
async fn a_token_in_the_subprotocol_is_enough_and_never_echoed() {
    let mut edge = TestEdge::start(EdgeConfig::default()).await;
    let (mut client, head) = Raw::handshake(&edge, "/ws", "Sec-WebSocket-Protocol: stateward, bearer.good\r\n").await;
    assert!(head.contains("sec-websocket-protocol: stateward\r\n") && !head.contains("good"), "{head}");
    assert!(head.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{head}");
    assert!(client.read_text().await.starts_with(r#"{"event":"auth","data":{"success":true"#));
    assert_eq!(edge.seen().await, Seen::Opened);
}

#[tokio::test]
async fn a_cookie_counts_only_together_with_an_allowed_origin() {
    let edge = TestEdge::start(EdgeConfig::default()).await;
    let cookie = "Cookie: token=good\r\n";
    let (mut client, _) = Raw::handshake(&edge, "/ws", &format!("{cookie}Origin: {ORIGIN}\r\n")).await;
    client.text(r#"{"event":"auth","id":1}"#).await;
    assert!(client.read_text().await.contains(r#""success":true"#));
    let (mut client, _) = Raw::handshake(&edge, "/ws", cookie).await;
    client.text(r#"{"event":"auth","id":1}"#).await;
    assert!(client.read_text().await.contains(r#""success":false"#));
    for origin in ["null", "https://evil.example", "https://play.example.evil.example", "http://play.example", "https://play.example:1"] {
        let (_, head) = Raw::handshake(&edge, "/ws", &format!("{cookie}Origin: {origin}\r\n")).await;
        assert!(head.starts_with("HTTP/1.1 403"), "{origin}: {head}");
    }
}

#[tokio::test]
async fn the_client_says_goodbye_and_gets_its_own_code_back() {
    let mut edge = TestEdge::start(EdgeConfig::default()).await;
    let mut client = Raw::plain(&edge).await;
    client.bytes(&frame(CLOSE, &[0x0f, 0xa0, b'o', b'k'])).await;
    assert_eq!(client.read().await.unwrap(), (CLOSE, vec![0x0f, 0xa0, b'o', b'k']));
    assert!(client.read().await.is_none());
    assert_eq!((edge.seen().await, edge.seen().await), (Seen::Opened, Seen::Closed(Closed::ByClient)));
}

#[tokio::test]
async fn a_lost_socket_is_noticed_and_nothing_can_be_sent_on_it() {
    let mut edge = TestEdge::start(EdgeConfig::default()).await;
    let client = Raw::plain(&edge).await;
    let connection = edge.connection().await;
    drop(client);
    assert_eq!(edge.seen().await, Seen::Closed(Closed::Lost));
    assert!(connection.send(&Frame::event("news", "1")).is_err());
}

#[tokio::test]
async fn a_shutdown_tells_everyone_to_connect_again_and_waits_for_them() {
    let edge = TestEdge::start(EdgeConfig::default()).await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(Raw::plain(&edge).await);
    }
    let leaving = async {
        for client in &mut clients {
            assert_eq!(client.close_code().await, CloseCode::Drain.code());
            client.bytes(&frame(CLOSE, &[0x0b, 0xb9])).await;
        }
    };
    let (seen, ()) = tokio::join!(edge.stop(), leaving);
    assert_eq!(seen.iter().filter(|seen| **seen == Seen::Closed(Closed::ByServer(CloseCode::Drain))).count(), 3);
}

#[tokio::test]
async fn other_requests_on_the_same_port_go_to_the_router() {
    let edge = TestEdge::start(EdgeConfig::default()).await;
    let mut client = Raw::tcp(&edge).await;
    client.bytes(b"GET /hello HTTP/1.1\r\nHost: test\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 200"));
    let mut client = Raw::tcp(&edge).await;
    client.bytes(b"GET /ws HTTP/1.1\r\nHost: test\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 426"));
}

#[tokio::test]
async fn an_idle_http_connection_does_not_hold_up_a_shutdown() {
    let edge = TestEdge::start(EdgeConfig { handshake_timeout_ms: 3_600_000, close_timeout_ms: 3_600_000, ..EdgeConfig::default() }).await;
    let mut client = Raw::tcp(&edge).await;
    client.bytes(b"GET /hello HTTP/1.1\r\nHost: test\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 200"));
    edge.stop().await;
}
