//! An update that the preferred authority does not take goes to any other: at once where nobody is there, and where it is silent after
//! the time that it has for a receipt.

use protocol::ErrorBody;
use serde_json::{Value, json};
use testkit::client::websocket::{Message, WebSocket};

use crate::stage::{GM, SESSION, SOON, Script, Stage, Wanted, version};

/// A game master of whom every frame is seen: one answer too many as well.
struct GameMaster {
    socket: WebSocket,
    frames: Vec<Value>,
    sent: u64,
}

impl GameMaster {
    async fn join(stage: &Stage) -> Self {
        let socket = WebSocket::connect(stage.url(), "/ws", &[]).await.unwrap();
        let mut gm = Self { socket, frames: Vec::new(), sent: 0 };
        let id = gm.send("auth", json!({"token": stage.signer.user(GM, GM)})).await;
        assert_eq!(gm.answer(id).await["success"], json!(true));
        let id = gm.send("gameSession:join", json!(SESSION)).await;
        assert_eq!(gm.answer(id).await["success"], json!(true));
        gm
    }

    async fn send(&mut self, event: &str, data: Value) -> u64 {
        self.sent += 1;
        self.socket.send_text(&json!({"event": event, "id": self.sent, "data": data}).to_string()).await.unwrap();
        self.sent
    }

    /// The next update, onto what the authority has.
    async fn update(&mut self, script: &Script) -> u64 {
        let operations = json!([{"path": "pluginData.x", "operation": "set", "value": self.sent}]);
        let update = testkit::client::update(SESSION, &format!("u{}", self.sent), script.version(), operations);
        self.send("gameState:update", update).await
    }

    /// Sends updates until the preferred authority is passed over with one: the gateway has to hear of it first. Its request, and
    /// the second delivery.
    async fn update_past_preferred(&mut self, script: &Script) -> (u64, Wanted) {
        let sent = async {
            loop {
                script.announce_preferred().await;
                let id = self.update(script).await;
                let wanted = script.update().await;
                if wanted.delivery() > 0 {
                    return (id, wanted);
                }
                let committed = script.commit(&wanted).unwrap();
                script.accept(wanted, &committed).await;
                script.publish(&committed).await;
                assert_eq!(self.answer(id).await["success"], json!(true));
            }
        };
        tokio::time::timeout(SOON, sent).await.expect("an update goes to the preferred authority")
    }

    async fn answer(&mut self, id: u64) -> Value {
        self.frame(|frame| frame["event"] == "ack" && frame["id"] == id).await["data"].clone()
    }

    /// The first such frame, received already or yet to come.
    async fn frame(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let search = async {
            loop {
                if let Some(found) = self.frames.iter().find(|frame| wanted(frame)) {
                    return found.clone();
                }
                match self.socket.next().await.unwrap() {
                    Message::Text(text) => self.frames.push(serde_json::from_str(&text).unwrap()),
                    Message::Ping(payload) => self.socket.pong(&payload).await.unwrap(),
                    other => panic!("{other:?}"),
                }
            }
        };
        tokio::time::timeout(SOON, search).await.expect("the frame comes")
    }
}

async fn second_deliveries(stage: &Stage) -> [f64; 3] {
    let mut counts = [0.0; 3];
    for (count, preferred) in counts.iter_mut().zip(["silent", "absent", "busy"]) {
        *count = stage.metric("second_deliveries_total", &[&format!("preferred=\"{preferred}\"")]).await;
    }
    counts
}

#[tokio::test]
async fn an_update_of_which_the_preferred_authority_says_nothing_is_sent_to_another_counted_and_answered_once() {
    let stage = Stage::start().await;
    let script = &stage.script;
    let mut preferred = script.preferred().await;
    let mut gm = GameMaster::join(&stage).await;
    let (id, second) = gm.update_past_preferred(script).await;
    let first = preferred.update().await;
    assert_eq!((first.delivery(), &first.payload), (0, &second.payload));
    assert_eq!(second.delivery(), 1);

    let committed = script.commit(&second).unwrap();
    script.accept(second, &committed).await;
    let answer = gm.answer(id).await;
    assert_eq!((&answer["success"], version(&answer["newVersion"])), (&json!(true), committed.version()));
    // The first one wakes and finds the update committed, as the journal says; then it is broadcast, and so is another's.
    script.accept(first, &committed).await;
    script.publish(&committed).await;
    let other = script.commit_other();
    script.publish(&other).await;
    let is_step = |frame: &Value, of: u64| frame["event"] == "gameState:updated" && version(&frame["data"]["newVersion"]) == of;
    gm.frame(|frame| is_step(frame, other.version())).await;
    let answers = gm.frames.iter().filter(|frame| frame["event"] == "ack" && frame["id"] == id).count();
    assert_eq!((answers, gm.frames.iter().any(|frame| is_step(frame, committed.version()))), (1, false));
    assert_eq!(second_deliveries(&stage).await, [1.0, 0.0, 0.0]);
}

#[tokio::test]
async fn a_refusal_of_the_second_delivery_says_nothing_of_the_first() {
    let stage = Stage::start().await;
    let mut preferred = stage.script.preferred().await;
    let mut gm = GameMaster::join(&stage).await;
    let (id, second) = gm.update_past_preferred(&stage.script).await;
    second.refuse(ErrorBody::unavailable("BUSY", "the authority has too much to do")).await;
    let error = gm.answer(id).await["error"].clone();
    assert_eq!((&error["retryable"], &error["outcome"]), (&json!(true), &json!("unknown")), "{error}");
    // The first was carried out after all: its broadcast is what the game master did not know.
    let first = preferred.update().await;
    let committed = stage.script.commit(&first).unwrap();
    stage.script.publish(&committed).await;
    gm.frame(|frame| frame["event"] == "gameState:updated" && version(&frame["data"]["newVersion"]) == committed.version()).await;
    assert_eq!(second_deliveries(&stage).await, [1.0, 0.0, 0.0]);
}

#[tokio::test]
async fn an_update_whose_preferred_authority_is_gone_is_sent_to_another_as_the_only_delivery() {
    let stage = Stage::start().await;
    let script = &stage.script;
    let mut gm = GameMaster::join(&stage).await;
    let counted = async {
        // The gateway has to hear of it first; until then there is nothing to pass over.
        while second_deliveries(&stage).await == [0.0; 3] {
            script.announce_preferred().await;
            let id = gm.update(script).await;
            let wanted = script.update().await;
            assert_eq!(wanted.delivery(), 0, "nobody else has it");
            let committed = script.commit(&wanted).unwrap();
            script.accept(wanted, &committed).await;
            script.publish(&committed).await;
            assert_eq!(version(&gm.answer(id).await["newVersion"]), committed.version());
        }
    };
    tokio::time::timeout(SOON, counted).await.expect("an update goes past the preferred authority");
    assert_eq!(second_deliveries(&stage).await, [0.0, 1.0, 0.0]);
}
