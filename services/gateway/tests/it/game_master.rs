//! How it is with the game master, as one who joins late is told: by the join's answer, on both transports, at a gateway that
//! heard it happen and at one that did not.

use std::{cell::RefCell, convert::Infallible};

use serde_json::{Value, json};
use testkit::{Client, Transport};

use crate::stage::{GM, Gateway, SESSION, SOON, Stage};

/// Joins by each transport until the answer says what it should of the game master.
async fn joins_are_told(stage: &Stage, gateways: &[&Gateway], expected: impl Fn() -> Value) {
    for (gateway, transport) in gateways.iter().flat_map(|gateway| [(gateway, Transport::WebSocket), (gateway, Transport::SocketIo)]) {
        let late = Client::connect(transport, &gateway.url, &stage.signer.user("p9", "p9")).await.unwrap();
        let last = RefCell::new(Value::Null);
        let told = testkit::eventually("the answer", SOON, async || {
            let told = late.join(SESSION).await.ok()?["gmConnection"].clone();
            let is_told = told == expected();
            last.replace(told);
            is_told.then_some(())
        });
        let told = told.await;
        told.unwrap_or_else(|error| panic!("{transport:?}: {error}: {} instead of {}", last.borrow(), expected()));
    }
}

/// Answers every ping, as a client does that is well.
async fn answering(gm: &Client) -> Infallible {
    for index in 0.. {
        let event = gm.event(index).await.unwrap();
        if event.name == "heartbeat:ping" {
            let pong = json!({"sessionId": SESSION, "pingId": event.data["pingId"], "timestamp": 1});
            gm.request("heartbeat:pong", pong).await.unwrap();
        }
    }
    unreachable!("a client has no last event")
}

/// The newest event of this name.
fn newest(client: &Client, name: &str) -> Value {
    client.events().iter().rev().find(|event| event.name == name).map(|event| event.data.clone()).unwrap_or_default()
}

#[tokio::test]
async fn whoever_joins_is_told_whether_the_game_master_is_there_and_answers() {
    let config = [("PRESENCE__GRACE_MS", "600000"), ("HEARTBEAT__INTERVAL_MS", "500")];
    let stage = Stage::with(&config).await;
    let other = stage.another_gateway(&config).await;
    let watcher = stage.joined("p1").await;
    joins_are_told(&stage, &[stage.gateway(), &other], || json!({"connected": false})).await;

    let gm = stage.client_at(&other, GM).await;
    let own = gm.join(SESSION).await.unwrap()["gmConnection"].clone();
    assert_eq!((&own["connected"], own["since"].is_u64(), &own["graceUntil"]), (&json!(true), true, &Value::Null), "{own}");
    let here = watcher.wait_for("gm:connection-status", SOON, |data| data["connected"] == true).await.unwrap().data.clone();
    let here = || json!({"connected": true, "since": here["since"]});
    let both = [stage.gateway(), &other];
    tokio::select! {
        () = joins_are_told(&stage, &both, here) => {}
        never = answering(&gm) => match never {},
    }

    watcher.wait_for("heartbeat:timeout", SOON, |_| true).await.unwrap();
    let silent = || {
        let mut silent = here();
        silent["silentSince"] = newest(&watcher, "heartbeat:timeout")["lastHeartbeatAt"].clone();
        silent
    };
    let deaf = stage.another_gateway(&config).await;
    let all = [stage.gateway(), &other, &deaf];
    joins_are_told(&stage, &all, silent).await;

    tokio::select! {
        () = joins_are_told(&stage, &all, here) => {}
        never = answering(&gm) => match never {},
    }

    drop(gm);
    watcher.wait_for("gm:connection-status", SOON, |data| data["connected"] == false).await.unwrap();
    let gone = || {
        let told = newest(&watcher, "gm:connection-status");
        assert!(told["graceUntil"].is_u64(), "{told}");
        json!({"connected": false, "since": told["since"], "graceUntil": told["graceUntil"]})
    };
    let deaf = stage.another_gateway(&config).await;
    joins_are_told(&stage, &[stage.gateway(), &other, &deaf], gone).await;
}
