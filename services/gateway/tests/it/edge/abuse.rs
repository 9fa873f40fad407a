//! What no client of good will sends.

use gateway::edge::{CloseCode, Closed, EdgeConfig};

use super::{Seen, TestEdge, raw::*};

/// Sends `bytes` on an authenticated connection and expects this close code.
async fn closes_with(bytes: &[u8], code: CloseCode) {
    let mut edge = TestEdge::start(EdgeConfig { message_bytes: 1_000, ..EdgeConfig::default() }).await;
    let mut client = Raw::plain(&edge).await;
    client.bytes(bytes).await;
    assert_eq!(client.close_code().await, code.code(), "{bytes:02x?}");
    client.bytes(&frame(CLOSE, &code.code().to_be_bytes())).await;
    drop(client);
    assert_eq!((edge.seen().await, edge.seen().await), (Seen::Opened, Seen::Closed(Closed::ByServer(code))));
}

#[tokio::test]
async fn breaking_the_websocket_protocol_closes_with_its_code() {
    closes_with(&[0x81, 0x02, b'{', b'}'], CloseCode::Protocol).await; // not masked
    closes_with(&frame(0xc1, b"{}"), CloseCode::Protocol).await; // a reserved bit
    closes_with(&frame(0x83, b"{}"), CloseCode::Protocol).await; // an unknown opcode
    closes_with(&frame(0x80, b"{}"), CloseCode::Protocol).await; // goes on with nothing
    closes_with(&[frame(0x01, b"{"), frame(0x81, b"}")].concat(), CloseCode::Protocol).await; // begins anew in the middle
    closes_with(&frame(0x09, b""), CloseCode::Protocol).await; // a control frame in pieces
    closes_with(&frame(PING, &[0; 126]), CloseCode::Protocol).await; // a control frame too long
    closes_with(&frame(CLOSE, &[3]), CloseCode::Protocol).await; // half a close code
    closes_with(&frame(CLOSE, &999_u16.to_be_bytes()), CloseCode::Protocol).await; // a code that nobody may send
    closes_with(&frame(TEXT, b"\"\xff\""), CloseCode::InvalidText).await;
    closes_with(&frame(0x82, b"{}"), CloseCode::Unsupported).await;
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_before_it_is_read() {
    closes_with(&frame(TEXT, &[b' '; 1_001]), CloseCode::TooBig).await;
    closes_with(&[frame(0x01, &[b' '; 600]), frame(0x80, &[b' '; 401])].concat(), CloseCode::TooBig).await;
    // Only announced: 8 exabytes.
    closes_with(&[0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], CloseCode::TooBig).await;
}

#[tokio::test]
async fn the_largest_message_is_taken() {
    let edge = TestEdge::start(EdgeConfig::default()).await;
    let mut client = Raw::plain(&edge).await;
    let (head, tail) = (r#"{"event":"echo","id":1,"data":""#, r#""}"#);
    let filler = "x".repeat(256 * 1024 - head.len() - tail.len());
    client.text(&format!("{head}{filler}{tail}")).await;
    assert!(client.read_text().await.ends_with(r#"x"}"#));
}

#[tokio::test]
async fn a_message_in_no_known_form_closes_for_good() {
    for text in [
        "",
        "nonsense",
        "[]",
        "{}",
        r#"{"event":1}"#,
        r#"{"event":"echo","id":{}}"#,
        r#"{"event":"echo","id":[1]}"#,
        r#"{"event":"echo"} x"#,
    ] {
        closes_with(&frame(TEXT, text.as_bytes()), CloseCode::Malformed).await;
    }
    let long = format!(r#"{{"event":"echo","id":"{}"}}"#, "x".repeat(100));
    closes_with(&frame(TEXT, long.as_bytes()), CloseCode::Malformed).await;
}

#[tokio::test]
async fn a_flood_of_pings_is_closed() {
    closes_with(&frame(PING, b"").repeat(50), CloseCode::Flood).await;
}

#[tokio::test]
async fn socket_io_packets_in_no_known_form_close_for_good() {
    let long = format!("42{}[\"echo\"]", "1".repeat(40));
    let cases = [
        ("9", CloseCode::Malformed),
        ("4", CloseCode::Malformed),
        ("4é", CloseCode::Malformed),
        ("42", CloseCode::Malformed),
        ("42[]", CloseCode::Malformed),
        ("42[1]", CloseCode::Malformed),
        ("42[\"echo\"", CloseCode::Malformed),
        ("42/admin,[\"echo\"]", CloseCode::Malformed),
        ("40", CloseCode::Malformed),
        (&long, CloseCode::Malformed),
        ("451-[\"echo\",{\"_placeholder\":true,\"num\":0}]", CloseCode::Unsupported),
        ("4599999999999-[\"echo\"]", CloseCode::Unsupported),
        ("450-[\"echo\"]", CloseCode::Unsupported),
        ("461-[1]", CloseCode::Unsupported),
        ("bAAAA", CloseCode::Unsupported),
    ];
    for (packet, code) in cases {
        let edge = TestEdge::start(EdgeConfig { close_timeout_ms: 100, ..EdgeConfig::default() }).await;
        let mut client = Raw::open(&edge, "/socket.io/?EIO=4&transport=websocket").await;
        assert!(client.read_text().await.starts_with("0{"));
        client.text(r#"40{"token":"good"}"#).await;
        assert!(client.read_text().await.starts_with("40{"));
        client.text(packet).await;
        assert_eq!(client.read_text().await, "41", "{packet}: told not to come back");
        assert_eq!(client.close_code().await, code.code(), "{packet}");
    }
}

#[tokio::test]
async fn a_binary_frame_on_socket_io_is_refused() {
    let edge = TestEdge::start(EdgeConfig { close_timeout_ms: 100, ..EdgeConfig::default() }).await;
    let mut client = Raw::open(&edge, "/socket.io/?EIO=4&transport=websocket").await;
    client.bytes(&frame(0x82, b"\x04")).await;
    assert_eq!(client.close_code().await, CloseCode::Unsupported.code());
}

#[tokio::test]
async fn other_engine_io_revisions_transports_and_sessions_are_refused() {
    let edge = TestEdge::start(EdgeConfig::default()).await;
    for query in [
        "",
        "EIO=3&transport=websocket",
        "EIO=4&transport=flash",
        "EIO=4&transport=websocket&sid=__proto__",
        "EIO=4&transport=polling&sid=nobody",
    ] {
        let (_, head) = Raw::handshake(&edge, &format!("/socket.io/?{query}"), "").await;
        assert!(head.starts_with("HTTP/1.1 400"), "{query}: {head}");
    }
}

#[tokio::test]
async fn a_handshake_must_have_a_key_and_the_right_version() {
    let edge = TestEdge::start(EdgeConfig::default()).await;
    for (headers, status) in [
        ("Sec-WebSocket-Version: 13\r\n", "400"),
        ("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2hvcnQ=\r\n", "400"),
        ("Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "426"),
    ] {
        let mut client = Raw::tcp(&edge).await;
        client
            .bytes(format!("GET /ws HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{headers}\r\n").as_bytes())
            .await;
        let head = client.head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{headers}: {head}");
    }
}

#[tokio::test]
async fn huge_headers_are_refused() {
    let edge = TestEdge::start(EdgeConfig::default()).await;
    let many: String = (0..100).map(|number| format!("X-{number}: x\r\n")).collect();
    let large = format!("X-Large: {}\r\n", "x".repeat(20_000));
    for headers in [many, large] {
        let mut client = Raw::tcp(&edge).await;
        client.bytes(format!("GET /ws HTTP/1.1\r\nHost: test\r\n{headers}\r\n").as_bytes()).await;
        assert!(client.head().await.starts_with("HTTP/1.1 431"));
    }
}

#[tokio::test]
async fn past_the_limit_of_one_address_its_connections_are_asked_to_come_later_and_others_are_taken() {
    let trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    let edge = TestEdge::start(EdgeConfig { connections_per_address: 1, trusted_proxies, ..EdgeConfig::default() }).await;
    let from = |address: &str| format!("X-Forwarded-For: {address}\r\n");
    let (_first, head) = Raw::handshake(&edge, "/ws", &from("192.0.2.9")).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    for path in ["/ws", "/socket.io/?EIO=4&transport=websocket", "/socket.io/?EIO=4&transport=polling"] {
        let (mut refused, head) = Raw::handshake(&edge, path, &from("192.0.2.9")).await;
        assert!(head.starts_with("HTTP/1.1 429") && head.contains("retry-after: "), "{path}: {head}");
        assert_eq!(refused.refusal(&head).await, ("ADDRESS_FULL".into(), 1), "{path}");
    }
    let (_, head) = Raw::handshake(&edge, "/ws", &from("192.0.2.10")).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
}

#[tokio::test]
async fn past_the_gateways_limit_connections_are_asked_to_come_later() {
    let mut edge = TestEdge::start(EdgeConfig { connections: 1, ..EdgeConfig::default() }).await;
    let first = Raw::plain(&edge).await;
    for path in ["/ws", "/socket.io/?EIO=4&transport=websocket", "/socket.io/?EIO=4&transport=polling"] {
        let (mut refused, head) = Raw::handshake(&edge, path, "").await;
        assert!(head.starts_with("HTTP/1.1 503") && head.contains("retry-after: "), "{path}: {head}");
        assert_eq!(refused.refusal(&head).await, ("GATEWAY_FULL".into(), 1), "{path}");
    }
    assert_eq!(edge.seen().await, Seen::Opened);
    drop(first);
    assert_eq!(edge.seen().await, Seen::Closed(Closed::Lost));
}
