//! What clients say to each other beside the state: who may send it, who gets it, and what is kept for those who come later.

use bus::Headers;
use protocol::subject::STREAM_EVENTS;
use serde_json::{Value, json};
use testkit::{Client, Transport, tokens::SCOPE_SYSTEM};

use crate::stage::{GM, SESSION, SOON, Stage};

/// What is sent, as what it arrives; then for each sender the refusal, or who gets it.
type Row = (&'static str, Value, &'static str, Vec<(&'static str, &'static str)>);

/// Everyone of the table, connected; the first three have joined.
struct Table {
    gm: Client,
    p1: Client,
    p2: Client,
    outsider: Client,
    service: Client,
}

impl Table {
    async fn sit(stage: &Stage, transport: Transport) -> Self {
        let open = async |user: &str, scope: &str| {
            Client::connect(transport, stage.url(), &stage.signer.scoped(user, &format!("The {user}"), scope)).await.unwrap()
        };
        let (gm, p1, p2) = (open(GM, "").await, open("p1", "").await, open("p2", "").await);
        for client in [&gm, &p1, &p2] {
            client.join(SESSION).await.unwrap();
        }
        let table = Self { gm, p1, p2, outsider: open("outsider", "").await, service: open("bots", SCOPE_SYSTEM).await };
        // Who has joined is listened for. For the others that begins as they connect.
        for (client, user) in [(&table.outsider, "outsider"), (&table.service, "bots")] {
            testkit::eventually("the user to be listened for", SOON, async || {
                table.service.request("workflow:state:here", json!({"workflowId": "w0", "userId": user, "type": "here"})).await.ok()?;
                client.events().iter().any(|event| event.name == "workflow:state:here").then_some(())
            })
            .await
            .unwrap();
        }
        table
    }

    fn all(&self) -> [(&'static str, &Client); 5] {
        [("gm", &self.gm), ("p1", &self.p1), ("p2", &self.p2), ("outsider", &self.outsider), ("service", &self.service)]
    }

    /// Who was sent an event of this name that says this, once everyone has been sent all that came before a mark.
    async fn recipients(&self, name: &str, says: &str) -> Vec<&'static str> {
        let id = service_kit::random_id();
        let progress = |user: &str| json!({"workflowId": id, "userId": user, "type": "mark"});
        for user in [GM, "p1", "p2", "outsider", "bots"] {
            let answer = self.service.request("workflow:state:mark", progress(user)).await.unwrap();
            assert_eq!(answer["success"], json!(true), "{answer}");
        }
        let mark = json!({"sessionId": SESSION, "botId": id});
        self.service.request("chatbot:typing", mark).await.unwrap();
        let mut got = Vec::new();
        for (who, client) in self.all() {
            client.wait_for("workflow:state:mark", SOON, |data| data["workflowId"] == id.as_str()).await.unwrap();
            if ["gm", "p1", "p2"].contains(&who) {
                client.wait_for("chatbot:typing", SOON, |data| data["botId"] == id.as_str()).await.unwrap();
            }
            let times = client.events().iter().filter(|event| event.name == name && event.data.to_string().contains(says)).count();
            assert!(times <= 1, "{who} got {name} {times} times");
            got.extend((times == 1).then_some(who));
        }
        got
    }
}

fn verdict(answer: &Value) -> String {
    if answer["success"] == true { "ok".into() } else { answer["error"]["details"]["reason"].as_str().unwrap().into() }
}

#[tokio::test]
async fn every_event_of_every_role_is_answered_and_reaches_whom_it_is_for() {
    const TABLE: &str = "gm p1 p2";
    const NOT_IN: &str = "NOT_A_PARTICIPANT";
    for transport in [Transport::WebSocket, Transport::SocketIo] {
        let stage = Stage::start().await;
        let table = Table::sit(&stage, transport).await;
        let chat = |recipient: Value| json!({"sessionId": SESSION, "message": "MARK", "recipient": recipient});
        let roll = |recipients: &str| json!({"sessionId": SESSION, "formula": "1d20+5", "recipients": recipients, "reason": "MARK"});
        let bot = json!({"sessionId": SESSION, "botId": "MARK"});
        let said = |field: &str, recipient: Value| json!({"sessionId": SESSION, "botId": "b", "botName": "B", "messageType": "direct", field: "MARK", "recipient": recipient});
        let progress = json!({"workflowId": "w1", "userId": "p1", "type": "MARK", "progress": 50, "data": {"any": ["thing"]}});
        let (gm_only, service_only) = ([("p1", "NOT_GM"), ("outsider", NOT_IN), ("service", NOT_IN)], "NOT_A_SERVICE");
        let session = json!({"type": "session"});
        let mut rows: Vec<Row> = vec![
            ("chat", chat(session.clone()), "chat", vec![("gm", TABLE), ("p1", TABLE), ("outsider", NOT_IN), ("service", NOT_IN)]),
            ("chat", chat(json!({"type": "gm"})), "chat", vec![("gm", "gm"), ("p1", "gm p1"), ("outsider", NOT_IN)]),
            ("chat", chat(json!({"type": "user", "id": "p2"})), "chat", vec![("gm", "gm p2"), ("p1", "p1 p2"), ("outsider", NOT_IN)]),
            ("chat", chat(json!({"type": "user", "id": "outsider"})), "chat", vec![("p1", "NO_SUCH_RECIPIENT")]),
            ("chatbot:response", said("response", session.clone()), "chatbot:response", vec![("service", TABLE), ("gm", service_only)]),
            (
                "chatbot:error",
                said("error", json!({"type": "user", "id": "p2"})),
                "chatbot:error",
                vec![("service", "p2"), ("p1", service_only)],
            ),
            ("chatbot:typing", bot.clone(), "chatbot:typing", vec![("service", TABLE), ("outsider", service_only)]),
            ("chatbot:typing-stop", bot, "chatbot:typing-stop", vec![("service", TABLE), ("p1", service_only)]),
            (
                "workflow:progress:map",
                progress.clone(),
                "workflow:progress:map",
                vec![("service", "p1"), ("gm", service_only), ("p1", service_only)],
            ),
            ("workflow:state:map", progress, "workflow:state:map", vec![("service", "p1"), ("outsider", service_only)]),
            ("gm:session-control", json!({"sessionId": SESSION, "action": "pause"}), "gameSession:paused", vec![("gm", TABLE)]),
            ("gm:session-control", json!({"sessionId": SESSION, "action": "resume"}), "gameSession:resumed", vec![("gm", TABLE)]),
        ];
        for name in ["roll", "diceRoll", "roll-result"] {
            rows.push((name, roll("public"), "roll:result", vec![("gm", TABLE), ("p1", TABLE), ("outsider", NOT_IN), ("service", NOT_IN)]));
            rows.push((name, roll("private"), "roll:result", vec![("gm", "gm"), ("p1", "p1"), ("outsider", NOT_IN)]));
            rows.push((name, roll("gm"), "roll:result", vec![("gm", "gm"), ("p1", "gm p1"), ("outsider", NOT_IN)]));
        }
        for (sent, told) in [("start", "started"), ("stop", "stopped"), ("pause", "paused"), ("end", "ended")] {
            let (sent, told) = (format!("encounter:{sent}").leak(), format!("encounter:{told}").leak());
            let senders = [("gm", TABLE)].into_iter().chain(gm_only).collect();
            rows.push((sent, json!({"sessionId": SESSION, "encounterId": "MARK"}), told, senders));
        }
        for (event, payload, arrives, senders) in rows {
            for (sender, expected) in senders {
                let mark = if payload.to_string().contains("MARK") { format!("m{}", service_kit::random_id()) } else { SESSION.into() };
                let payload: Value = serde_json::from_str(&payload.to_string().replace("MARK", &mark)).unwrap();
                let client = table.all().into_iter().find(|(who, _)| *who == sender).unwrap().1;
                let answer = client.request(event, payload.clone()).await.unwrap();
                let got = table.recipients(arrives, &mark).await.join(" ");
                let seen = if answer["success"] == true { got.clone() } else { verdict(&answer) };
                assert_eq!(seen, expected, "{event} {payload} of {sender} over {transport:?}: {answer}");
                assert!(answer["success"] == true || got.is_empty(), "{event} was refused and sent to {got}");
            }
        }
    }
}

#[tokio::test]
async fn who_sends_and_when_is_the_servers_to_say() {
    let stage = Stage::start().await;
    let table = Table::sit(&stage, Transport::WebSocket).await;
    let mention = json!({"id": "p2", "name": "The p2", "type": "user", "participantId": "x", "startIndex": 0, "endIndex": 2});
    let chat = json!({"sessionId": SESSION, "message": "hi", "recipient": {"type": "session"}, "mentions": [mention],
        "as": {"type": "actor", "id": "a1"}});
    let answer = table.p1.request("chat", chat.clone()).await.unwrap();
    let told = table.gm.wait_for("chat", SOON, |_| true).await.unwrap().data.clone();
    assert_eq!(told["sender"], json!({"type": "user", "id": "p1", "name": "The p1"}));
    assert_eq!((&told["id"], &told["timestamp"], &told["mentions"][0]), (&answer["id"], &answer["timestamp"], &mention));
    assert_eq!(told["as"]["id"], json!("a1"));
    let roll = json!({"sessionId": SESSION, "formula": "2d6kh1 + 3", "recipients": "public"});
    let answer = table.p1.request("roll", roll.clone()).await.unwrap();
    let told = table.gm.wait_for("roll:result", SOON, |_| true).await.unwrap().data.clone();
    assert_eq!((&told["userId"], &told["userName"], &told["formula"]), (&json!("p1"), &json!("The p1"), &roll["formula"]));
    assert_eq!((told["rolls"].as_array().unwrap().len(), &told["modifier"], &told["total"]), (2, &json!(3), &answer["total"]));
    for (event, good, field, value) in [
        ("chat", &chat, "sender", json!({"type": "user", "id": "gm"})),
        ("chat", &chat, "timestamp", json!(1)),
        ("chat", &chat, "id", json!("x")),
        ("chat", &chat, "recipient", json!({"type": "session", "id": "x"})),
        ("chat", &chat, "recipient", json!({"type": "everyone"})),
        ("chat", &chat, "recipient", json!({"type": "user", "id": "a.*"})),
        ("chat", &chat, "message", json!("")),
        ("chat", &chat, "message", json!("ä".repeat(4001))),
        ("chat", &chat, "mentions", json!([{"id": "p2"}])),
        ("roll", &roll, "userId", json!("gm")),
        ("roll", &roll, "total", json!(20)),
        ("roll", &roll, "formula", json!("1d20; 5")),
        ("roll", &roll, "recipients", json!("nobody")),
    ] {
        let mut bad = good.clone();
        bad[field] = value;
        let answer = table.p1.request(event, bad.clone()).await.unwrap();
        assert_eq!(answer["error"]["code"], json!("VALIDATION_ERROR"), "{event} {field}");
    }
    let longest = json!({"sessionId": SESSION, "message": "ä".repeat(4000), "recipient": {"type": "session"}});
    assert_eq!(verdict(&table.p1.request("chat", longest).await.unwrap()), "ok");
}

#[tokio::test]
async fn a_map_is_asked_of_whichever_worker_listens() {
    let stage = Stage::start().await;
    let player = stage.client("p1").await;
    let request = json!({"workflowId": "w1", "data": {"anything": [1, {"sessionId": "x"}]}});
    for event in ["map:generate", "map:edit", "map:detect-features"] {
        let answer = player.request(event, request.clone()).await.unwrap();
        assert_eq!((verdict(&answer), &answer["error"]["retryable"]), ("NO_WORKER".into(), &json!(true)), "{event}");
    }
    let bus = stage.script.bus();
    let mut work = bus.serve(bus.subjects().workflow_request(&"p1".parse().unwrap()), Some("maps")).await.unwrap();
    let accept = async {
        let request = work.next().await.unwrap();
        let asked: Value = serde_json::from_slice(&request.message.payload).unwrap();
        request.reply(bus::Headers::new(), b"{}".to_vec()).await.unwrap();
        asked
    };
    let (answer, asked) = tokio::join!(player.request("map:edit", request.clone()), accept);
    assert_eq!(verdict(&answer.unwrap()), "ok");
    assert_eq!((&asked["event"], &asked["userId"], &asked["data"]), (&json!("map:edit"), &json!("p1"), &request["data"]));
}

#[tokio::test]
async fn who_joins_is_told_what_was_said_and_rolled_for_all_once_and_nothing_private() {
    for transport in [Transport::WebSocket, Transport::SocketIo] {
        let stage = Stage::start().await;
        let table = Table::sit(&stage, Transport::WebSocket).await;
        for number in 0..5 {
            let say = |recipient: &str| json!({"sessionId": SESSION, "message": format!("{recipient}{number}"), "recipient": {"type": recipient}});
            let roll = |recipients: &str| json!({"sessionId": SESSION, "formula": "1d6", "recipients": recipients, "reason": format!("{recipients}{number}")});
            for payload in [say("session"), say("gm")] {
                assert_eq!(verdict(&table.p1.request("chat", payload).await.unwrap()), "ok");
            }
            for payload in [roll("public"), roll("private")] {
                assert_eq!(verdict(&table.p1.request("roll", payload).await.unwrap()), "ok");
            }
            table.service.request("chatbot:typing", json!({"sessionId": SESSION, "botId": "b"})).await.unwrap();
        }
        let late = Client::connect(transport, stage.url(), &stage.signer.user("p3", "p3")).await.unwrap();
        late.join(SESSION).await.unwrap();
        table.p1.request("chat", json!({"sessionId": SESSION, "message": "last", "recipient": {"type": "session"}})).await.unwrap();
        late.wait_for("chat", SOON, |data| data["message"] == "last").await.unwrap();
        let text = |data: &Value| data["message"].as_str().or(data["reason"].as_str()).unwrap().to_owned();
        let told: Vec<_> = late
            .events()
            .iter()
            .filter(|event| ["chat", "roll:result"].contains(&event.name.as_str()))
            .map(|event| text(&event.data))
            .collect();
        let all: Vec<_> =
            (0..5).flat_map(|number| [format!("session{number}"), format!("public{number}")]).chain(["last".into()]).collect();
        assert_eq!(told, all);
        let bus = stage.script.bus();
        let kept = bus.stream_since(STREAM_EVENTS, &bus.subjects().session_event(&SESSION.parse().unwrap()), 0, 500).await.unwrap();
        assert_eq!(kept.messages.len(), 11, "notices take no place of what is kept");
    }
}

#[tokio::test]
async fn a_removed_player_is_told_by_itself_and_gets_nothing_more() {
    let stage = Stage::start().await;
    let (gm, gone, stays) = (stage.joined(GM).await, stage.joined("p1").await, stage.joined("p2").await);
    stage.script.remove_participant("p1");
    let told = gone.wait_for("gameState:error", SOON, |_| true).await.unwrap();
    assert_eq!(told.data["error"]["details"]["reason"], json!("NOT_A_PARTICIPANT"));
    gm.wait_for("gameSession:left", SOON, |data| data["userId"] == "p1").await.unwrap();
    stage.script.commit_and_publish_others(1).await;
    gm.request("chat", json!({"sessionId": SESSION, "message": "secret", "recipient": {"type": "session"}})).await.unwrap();
    crate::stage::sees(&stays, 1).await;
    stays.wait_for("chat", SOON, |_| true).await.unwrap();
    for (event, payload) in [
        ("chat", json!({"sessionId": SESSION, "message": "x", "recipient": {"type": "session"}})),
        ("roll", json!({"sessionId": SESSION, "formula": "d6", "recipients": "private"})),
        ("gameSession:join", json!(SESSION)),
    ] {
        assert_eq!(verdict(&gone.request(event, payload).await.unwrap()), "NOT_A_PARTICIPANT", "{event}");
    }
    assert!(!gone.events().iter().any(|event| ["chat", "gameState:updated"].contains(&event.name.as_str())));
}

#[tokio::test]
async fn a_removed_player_who_waits_for_the_state_is_answered() {
    let stage = Stage::with(&[("REQUESTS__TIMEOUT_MS", "600000")]).await;
    let gone = stage.joined("p1").await;
    let gate = stage.script.close_state_gate();
    let answer = gone.send("gameState:requestFull", json!(SESSION)).await.unwrap();
    testkit::eventually("it to wait", SOON, async || (stage.metric("catching_up", &[]).await == 1.0).then_some(())).await.unwrap();
    stage.script.remove_participant("p1");
    assert_eq!(verdict(&answer.wait().await.unwrap()), "NOT_A_PARTICIPANT");
    gate.open();
}

#[tokio::test]
async fn a_burst_of_events_comes_whole_and_in_order_to_each_whom_it_is_for() {
    const BURST: usize = 200;
    for transport in [Transport::WebSocket, Transport::SocketIo] {
        let stage = Stage::start().await;
        let table = Table::sit(&stage, transport).await;
        let bus = stage.script.bus();
        let subject = bus.subjects().session_event(&SESSION.parse().unwrap());
        for number in 0..BURST {
            let mut event = json!({"event": "burst", "data": {"number": number}});
            match number % 3 {
                1 => event["exceptUser"] = json!("p1"),
                2 => event["onlyUsers"] = json!(["p1"]),
                _ => {}
            }
            bus.publish(subject.clone(), Headers::new(), event.to_string()).await.unwrap();
        }
        bus.publish(subject, Headers::new(), json!({"event": "burst", "data": {"number": BURST}}).to_string()).await.unwrap();
        for (client, leaves_out) in [(&table.p1, 1), (&table.p2, 2), (&table.gm, 2)] {
            client.wait_for("burst", SOON, |data| data["number"] == BURST).await.unwrap();
            let told = client.events().iter().filter(|event| event.name == "burst").map(|event| event.data["number"].clone()).collect();
            let expected: Vec<Value> = (0..=BURST).filter(|number| *number == BURST || number % 3 != leaves_out).map(Value::from).collect();
            assert_eq!(Value::Array(told), Value::Array(expected));
        }
    }
}
