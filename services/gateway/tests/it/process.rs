//! The process: what it refuses to start with, who may connect, REST, and how it goes down.

use futures_util::future::join_all;
use serde_json::json;
use testkit::{
    Client, Service, ServiceOptions, Signer, Transport,
    client::websocket::{Message, WebSocket},
    http,
};

use crate::stage::{GM, SESSION, SOON, Stage, version};

#[tokio::test]
async fn a_weak_secret_ends_the_start_with_a_word_on_the_key() {
    let options = ServiceOptions {
        service: "gateway".into(),
        config: vec![("AUTH__HS256_SECRET".into(), "changeme".into()), ("HTTP__LISTEN".into(), "127.0.0.1:0".into())],
        ..ServiceOptions::default()
    };
    let service = Service::launch(options).await.unwrap();
    let status = testkit::eventually("the gateway to refuse", SOON, async || service.process().exited()).await.unwrap();
    assert_eq!(status.code(), Some(64));
    let log = service.process().log_tail();
    assert!(log.contains("auth.hs256_secret") && !log.contains("changeme"), "{log}");
}

#[tokio::test]
async fn only_valid_tokens_connect() {
    let stage = Stage::start().await;
    let mut expired = stage.signer.claims("p1", "p1", "");
    expired["exp"] = json!(1_000_000);
    for (what, token) in [
        ("another key", Signer::default().user("p1", "p1")),
        ("expired", stage.signer.sign(&expired)),
        ("none", stage.signer.sign_with_header(&json!({"alg": "none"}), &stage.signer.claims("p1", "p1", ""))),
        ("empty", String::new()),
    ] {
        for transport in [Transport::WebSocket, Transport::SocketIo] {
            assert!(Client::connect(transport, stage.url(), &token).await.is_err(), "{what} over {transport:?}");
        }
        let answer = http::get(stage.url(), "/api/sessions/s1", Some(&token)).await.unwrap();
        assert_eq!(answer.status, 401, "{what}");
    }
    assert!(Client::connect(Transport::WebSocket, stage.url(), &stage.signer.user("p1", "p1")).await.is_ok());
}

#[tokio::test]
async fn a_user_has_so_many_connections_and_no_more() {
    let stage = Stage::with(&[("LIMITS__CONNECTIONS_PER_USER", "2")]).await;
    let (one, _two) = (stage.client("p1").await, stage.client("p1").await);
    let token = stage.signer.user("p1", "p1");
    assert!(Client::connect(Transport::WebSocket, stage.url(), &token).await.is_err());
    one.close().await;
    testkit::eventually("a place to be free", SOON, async || Client::connect(Transport::WebSocket, stage.url(), &token).await.ok())
        .await
        .unwrap();
}

#[tokio::test]
async fn of_many_connections_of_a_user_that_come_at_once_none_is_let_in_too_many() {
    let stage = Stage::with(&[("LIMITS__CONNECTIONS_PER_USER", "2")]).await;
    for (transport, user) in [(Transport::WebSocket, "p1"), (Transport::SocketIo, "p2")] {
        let token = stage.signer.user(user, user);
        let connecting = (0..32).map(|_| Client::connect(transport, stage.url(), &token));
        let connected: Vec<_> = join_all(connecting).await.into_iter().filter_map(Result::ok).collect();
        assert_eq!(connected.len(), 2, "{transport:?}");
    }
}

#[tokio::test]
async fn rest_reads_a_session_its_state_and_says_what_is_wrong() {
    let stage = Stage::start().await;
    stage.script.commit_and_publish_others(2).await;
    let token = stage.signer.user(GM, "Mira");
    let get = async |path: &str| http::get(stage.url(), path, Some(&token)).await.unwrap();

    let plain = get("/api/sessions/s1").await.json().unwrap();
    assert_eq!((plain["id"].clone(), plain["gameStateVersion"].clone(), plain.get("gameState")), (json!("s1"), json!("2"), None));
    let full = get("/api/sessions/s1?state=true").await.json().unwrap();
    assert_eq!((full["gameStateVersion"].clone(), full["gameStateHash"].clone()), (json!("2"), json!(stage.script.hash())));
    assert!(full["gameState"]["characters"].is_array() && full["lastStateUpdate"].is_u64() && full["gameMasterId"] == GM);

    let state = get("/api/sessions/s1/state").await;
    let tag = state.header("etag").unwrap().to_owned();
    assert_eq!((state.status, version(&state.json().unwrap()["gameStateVersion"])), (200, 2));
    let headers = [("authorization", format!("Bearer {token}")), ("if-none-match", tag)];
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let same =
        http::send(stage.url(), "/api/sessions/s1/state", http::Request { method: "GET", headers: &headers, ..http::Request::default() })
            .await
            .unwrap();
    assert_eq!((same.status, same.body.len()), (304, 0));

    for (path, token, status, code) in [
        ("/api/sessions/nowhere", Some(&token), 404, "SESSION_NOT_FOUND"),
        ("/api/sessions/a.b", Some(&token), 400, "VALIDATION_ERROR"),
        ("/api/sessions/s1", Some(&stage.signer.user("outsider", "o")), 403, "PERMISSION_DENIED"),
        ("/api/sessions/s1", None, 401, "PERMISSION_DENIED"),
        ("/api/nothing", Some(&token), 404, "VALIDATION_ERROR"),
    ] {
        let answer = http::get(stage.url(), path, token.map(String::as_str)).await.unwrap();
        assert_eq!((answer.status, answer.header("content-type")), (status, Some("application/problem+json")), "{path}");
        let problem = answer.json().unwrap();
        assert_eq!((problem["code"].clone(), problem["status"].clone()), (json!(code), json!(status)), "{path}");
    }
    let refused = http::post(stage.url(), "/api/campaigns", Some(&token), &json!({"name": "x", "gameMasterId": "gm"})).await.unwrap();
    assert_eq!(refused.status, 403);
    let refused = http::post(stage.url(), "/api/sessions", Some(&token), &json!({"campaignId": "c1", "name": "x", "characterIds": []}))
        .await
        .unwrap();
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("characterIds"));
}

#[tokio::test]
async fn a_connection_ends_with_its_token_after_a_grace_and_may_come_back_with_another() {
    let stage = Stage::start().await;
    let mut claims = stage.signer.claims("p1", "p1", "");
    // Ended, but within the clock difference that is let pass: the grace ends in ten seconds.
    claims["exp"] = json!(testkit::tokens::now_seconds() - 15);
    let client = Client::connect(Transport::WebSocket, stage.url(), &stage.signer.sign(&claims)).await.unwrap();
    client.join(SESSION).await.unwrap();
    assert_eq!(client.lost(SOON).await.unwrap().0, 3005);
}

#[tokio::test]
async fn who_does_not_read_is_told_to_catch_up_and_then_closed_while_others_get_everything() {
    let stage = Stage::with(&[("EDGE__QUEUE_BYTES", "65536")]).await;
    let mut silent = WebSocket::connect(stage.url(), "/ws", &[]).await.unwrap();
    silent.send_text(&json!({"event": "auth", "id": 1, "data": {"token": stage.signer.user("p2", "p2")}}).to_string()).await.unwrap();
    silent.send_text(&json!({"event": "gameSession:join", "id": 2, "data": SESSION}).to_string()).await.unwrap();
    for _ in 0..2 {
        silent.next().await.unwrap();
    }
    // It joins after the silent one and so is written to after it: what it has seen, the silent one has been sent.
    let reader = stage.joined("p1").await;
    let mut sent = 0;
    // Sockets of the kernel take several megabytes before the gateway has to queue anything. One at a time: were more on their
    // way when the queue overflows, the next would overflow it again before anybody could have read.
    let mut publish_until = async |counter: &str| {
        while stage.metric(counter, &[]).await < 1.0 {
            assert!(sent < 2000, "nobody was found to be slow");
            stage.script.publish(&stage.script.commit_large()).await;
            sent += 1;
            crate::stage::sees(&reader, sent).await;
        }
        sent
    };
    publish_until("resyncs_total").await;
    let mut versions = 0;
    loop {
        match silent.next().await.unwrap() {
            Message::Text(text) if text.contains("gameState:resync") => break,
            Message::Text(text) => versions += u64::from(text.contains("gameState:updated")),
            other => panic!("{other:?}"),
        }
    }
    let sent = publish_until("slow_closes_total").await;
    let code = loop {
        match silent.next().await.unwrap() {
            Message::Text(text) => versions += u64::from(text.contains("gameState:updated")),
            Message::Closed(code, _) => break code,
            _ => {}
        }
    };
    assert_eq!((code, versions < sent), (3008, true));
    assert_eq!(crate::stage::versions(&reader), (1..=sent).collect::<Vec<_>>());
}

#[tokio::test]
async fn going_down_finishes_what_is_in_flight_and_tells_clients_to_connect_again() {
    let stage = Stage::start().await;
    let (gm, player) = (stage.joined(GM).await, stage.joined("p1").await);
    // Nobody publishes it: the answer of the update after it waits for its place until the gateway has fetched this one.
    stage.script.commit_other();
    let update = testkit::client::update(SESSION, "u1", 1, json!([{"path": "pluginData.x", "operation": "set", "value": 1}]));
    let answer = gm.send("gameState:update", update).await.unwrap();
    let wanted = stage.script.update().await;
    let service = &stage.gateway().service;
    let seen = async {
        testkit::eventually("readiness to fail", SOON, async || (!service.is_ready().await).then_some(())).await.unwrap();
        let committed = stage.script.commit(&wanted).unwrap();
        stage.script.accept(wanted, &committed).await;
        assert_eq!(answer.wait().await.unwrap()["success"], json!(true));
        for client in [&gm, &player] {
            assert_eq!(client.lost(SOON).await.unwrap().0, 3001);
        }
    };
    let (status, ()) = tokio::join!(service.terminate(), seen);
    assert!(status.unwrap().unwrap().success(), "{}", service.process().log_tail());
}
