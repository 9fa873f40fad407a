//! A token stands in no log and in no span, by whatever way it comes and whatever becomes of it.

use serde_json::json;
use testkit::{
    Client, Collector, Transport,
    client::websocket::{Message, WebSocket},
    http,
};

use crate::stage::{SESSION, SOON, Stage};

const ORIGIN: &str = "https://play.example";

/// Sends a token by every way that takes one. Returns how many of them let it in.
async fn by_every_way(stage: &Stage, client: &Client, token: &str) -> usize {
    let mut taken = 0;
    for transport in [Transport::WebSocket, Transport::SocketIo] {
        taken += usize::from(Client::connect(transport, stage.url(), token).await.is_ok());
    }
    let cookie = format!("theme=dark; stateward={token}");
    let subprotocols = format!("stateward, bearer.{token}");
    let first = json!({"event": "auth", "id": 1, "data": {}}).to_string();
    for (headers, login) in [
        (&[("sec-websocket-protocol", subprotocols.as_str())][..], None),
        (&[("cookie", cookie.as_str()), ("origin", ORIGIN)][..], Some(&first)),
    ] {
        let mut socket = WebSocket::connect(stage.url(), "/ws", headers).await.unwrap();
        if let Some(first) = login {
            socket.send_text(first).await.unwrap();
        }
        taken += usize::from(matches!(socket.next().await, Ok(Message::Text(text)) if text.contains("\"success\":true")));
    }
    let polling = "/socket.io/?EIO=4&transport=polling";
    let post = |sid: String, body: String| async move {
        let request = http::Request { method: "POST", body: Some(body.as_bytes()), ..http::Request::default() };
        http::send(stage.url(), &format!("{polling}&sid={sid}"), request).await.unwrap()
    };
    let opened = http::get(stage.url(), polling, None).await.unwrap().text();
    let opened: serde_json::Value = serde_json::from_str(&opened[1..]).unwrap();
    let sid = opened["sid"].as_str().unwrap().to_owned();
    assert_eq!(post(sid.clone(), format!("40{}", json!({ "token": token }))).await.status, 200);
    let answer = http::get(stage.url(), &format!("{polling}&sid={sid}"), None).await.unwrap().text();
    taken += usize::from(answer.starts_with("40{\"sid\""));
    let answer = client.request("auth:refresh", json!({ "token": token })).await.unwrap();
    taken += usize::from(answer["success"] == true);
    let answer = http::get(stage.url(), &format!("/api/sessions/{SESSION}"), Some(token)).await.unwrap();
    taken += usize::from(answer.status == 200);
    // Where it does not belong.
    let refused = client.request("chat", json!({"sessionId": SESSION, "message": 1, "token": token})).await.unwrap();
    assert_eq!(refused["success"], json!(false));
    taken
}

#[tokio::test]
async fn a_token_stands_in_no_log_and_no_span_whatever_becomes_of_it() {
    let collector = Collector::start().await.unwrap();
    let environment = collector.environment();
    let environment: Vec<_> = environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let config =
        [("LOG__LEVEL", "stateward_gateway=trace,gateway=trace,info"), ("AUTH__COOKIE", "stateward"), ("AUTH__ALLOWED_ORIGINS", ORIGIN)];
    let stage = Stage::within(&config, &environment).await;
    let good = stage.signer.user("p1", "p1");
    let client = stage.joined("p1").await;
    let bad = format!("{good}x");
    for (token, takes) in [(good.as_str(), 7), (bad.as_str(), 0), ("eyJhbGciOiJub25lIn0.eyJzdWIiOiJwMSJ9.", 0)] {
        assert_eq!(by_every_way(&stage, &client, token).await, takes, "ways that took it");
        // The log is looked at piece by piece: only its end is kept at hand.
        let log = stage.gateway().service.process().log_tail();
        let signature = token.rsplit('.').find(|part| !part.is_empty()).unwrap();
        assert!(!log.is_empty() && !log.contains("eyJ") && !log.contains(signature) && !log.contains(stage.signer.secret()), "{log}");
    }
    let has = |name: &str| collector.spans().iter().any(|span| span.name == name);
    testkit::eventually("spans of what was sent", SOON, async || (has("auth:refresh") && has("chat")).then_some(())).await.unwrap();
    stage.gateway().service.terminate().await.unwrap();
    let spans = format!("{:?}", collector.spans());
    let signature = good.rsplit('.').next().unwrap();
    assert!(!spans.contains("eyJ") && !spans.contains(signature) && !spans.contains("bearer."), "{spans}");
}
