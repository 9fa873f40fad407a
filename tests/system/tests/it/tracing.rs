//! One update followed through every process, as an operator sees it in a trace viewer.

use serde_json::json;
use testkit::{Client, Collector, PATIENCE, PlatformOptions, Transport, client, eventually, http, otlp::Span};

use crate::table::{GM, Table, empty_campaign};

async fn table(collector: &Collector, sampler: &[(&str, &str)]) -> anyhow::Result<Table> {
    let mut environment = collector.environment();
    environment.extend(sampler.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Table::set(PlatformOptions { gateways: 2, authorities: 1, environment, ..PlatformOptions::default() }.patient()).await
}

/// Traces that begin in the platform itself, as those of the table being set, are left out.
const BY_PARENT: [(&str, &str); 1] = [("OTEL_TRACES_SAMPLER", "parentbased_always_off")];

fn traceparent(trace: &str, sampled: bool) -> String {
    format!("00-{trace}-00f067aa0ba902b7-{}", if sampled { "01" } else { "00" })
}

/// The tree below the browser's span: one line for each span, children below their parent in the order of their names.
fn tree(spans: &[Span]) -> Vec<String> {
    fn below(spans: &[Span], parent: &str, depth: usize, lines: &mut Vec<String>) {
        let mut children: Vec<_> = spans.iter().filter(|span| span.parent == parent).collect();
        children.sort_by(|a, b| (&a.name, &a.service).cmp(&(&b.name, &b.service)));
        for span in children {
            let indent = "  ".repeat(depth);
            lines.push(format!("{indent}{} {} [{}]", span.service.trim_start_matches("stateward-"), span.name, span.kind));
            below(spans, &span.id, depth + 1, lines);
        }
    }
    let mut lines = Vec::new();
    below(spans, "00f067aa0ba902b7", 0, &mut lines);
    lines
}

async fn spans_of(collector: &Collector, trace: &str, count: usize) -> Vec<Span> {
    let arrived = eventually(&format!("{count} spans of trace {trace}"), PATIENCE, async || {
        let spans = collector.trace(trace);
        (spans.len() >= count).then_some(spans)
    })
    .await;
    arrived.unwrap_or_else(|error| panic!("{error}; there are:\n{}", tree(&collector.trace(trace)).join("\n")))
}

const OF_AN_UPDATE: [&str; 11] = [
    "gateway gameState:update [Server]",
    "  gateway send session.{id}.update [Client]",
    "    state-authority process session.{id}.update [Consumer]",
    "      state-authority apply [Internal]",
    "      state-authority commit [Internal]",
    "        state-authority insert sessionUpdates [Client]",
    "      state-authority hash [Internal]",
    "      state-authority queue [Internal]",
    "      state-authority send session.{id}.updated [Producer]",
    "        gateway process session.{id}.updated [Consumer]",
    "        gateway process session.{id}.updated [Consumer]",
];

#[tokio::test(flavor = "multi_thread")]
async fn one_update_is_one_trace_through_every_process_and_its_write_back_is_linked_with_it() {
    const UPDATES: u64 = 5;
    let collector = Collector::start().await.unwrap();
    let table = table(&collector, &BY_PARENT).await.unwrap();
    let session = table.session.as_str();
    let (first, second) = (table.platform.gateways[0].url(), table.platform.gateways[1].url());
    let gm = Client::connect(Transport::WebSocket, &first, &table.token(GM)).await.unwrap();
    let player = Client::connect(Transport::WebSocket, &second, &table.token("ann")).await.unwrap();
    gm.join(session).await.unwrap();
    player.join(session).await.unwrap();

    // An instance that is so slow that the update goes to it a second time makes more spans: then the next update is looked at.
    let mut version = 0;
    let (trace, seen, spans) = loop {
        version += 1;
        let wanted = json!(version.to_string());
        let trace = format!("4bf92f3577b34da6a3ce929d0e0e{version:04}");
        let operations = json!([{"path": "pluginData.mood", "operation": "set", "value": "a secret mood"}]);
        let update = client::update(session, &format!("u-traced-{version}"), version - 1, operations);
        let answer = gm.send_traced("gameState:update", update, Some(&traceparent(&trace, true))).await.unwrap().wait().await.unwrap();
        assert_eq!((&answer["success"], &answer["traceId"]), (&json!(true), &json!(trace)), "the answer says where to look");
        let seen = player.wait_for("gameState:updated", PATIENCE, |data| data["newVersion"] == wanted).await.unwrap();
        let spans = spans_of(&collector, &trace, OF_AN_UPDATE.len()).await;
        if version == UPDATES || spans.iter().filter(|span| span.name == "process session.{id}.update").count() == 1 {
            break (trace, seen, spans);
        }
    };
    let trace = trace.as_str();
    assert_eq!(tree(&spans), OF_AN_UPDATE);
    let fan_outs: Vec<_> = spans.iter().filter(|span| span.name == "process session.{id}.updated").collect();
    assert_ne!(fan_outs[0].instance, fan_outs[1].instance, "each gateway hands it out");
    let frame = seen.trace.as_deref().unwrap();
    assert!(
        fan_outs.iter().any(|span| frame == format!("00-{trace}-{}-01", span.id)),
        "the player's own span stands below its gateway's fan-out: {frame}"
    );
    let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    for (span, attributes) in [
        (
            named("process session.{id}.update"),
            &[
                ("messaging.system", "nats"),
                ("messaging.operation.type", "process"),
                ("messaging.destination.template", "session.{id}.update"),
                ("game.session.id", session),
                ("game.state.version", &*version.to_string()),
                ("game.update.id", &*format!("u-traced-{version}")),
                ("game.update.mode", "full"),
            ][..],
        ),
        (
            named("insert sessionUpdates"),
            &[
                ("db.system.name", "mongodb"),
                ("db.operation.name", "insert"),
                ("db.collection.name", "sessionUpdates"),
                ("db.operation.batch.size", "1"),
            ][..],
        ),
        (named("send session.{id}.updated"), &[("messaging.operation.type", "send"), ("game.state.version", &*version.to_string())][..]),
        (fan_outs[0], &[("messaging.operation.type", "process"), ("game.session.connections", "1")][..]),
    ] {
        for (key, value) in attributes {
            assert_eq!(span.attribute(key), *value, "{key} of {}", span.name);
        }
    }
    let processed = named("process session.{id}.update").id.clone();
    let contents = format!("{:?}", collector.spans());
    assert!(!contents.contains("a secret mood") && !contents.contains("eyJ"), "no contents and no token in any span");

    // A refusal says where to look, too, and is a failed span.
    let refused = "11f92f3577b34da6a3ce929d0e0e4736";
    let stale = client::update(session, "u-stale", 0, json!([{"path": "pluginData.x", "operation": "set", "value": 1}]));
    let answer = gm.send_traced("gameState:update", stale, Some(&traceparent(refused, true))).await.unwrap().wait().await.unwrap();
    assert_eq!((&answer["error"]["code"], &answer["error"]["traceId"]), (&json!("VERSION_CONFLICT"), &json!(refused)));
    let spans = eventually("the refused update's spans", PATIENCE, async || {
        let spans = collector.trace(refused);
        spans.iter().any(|span| span.name == "gameState:update").then_some(spans)
    });
    assert!(spans.await.unwrap().iter().any(|span| span.name == "gameState:update" && span.failed));

    // The end of the session: through the queue to the sync-worker and back, and linked with the newest update.
    let end = "22f92f3577b34da6a3ce929d0e0e4736";
    let answer = gm.send_traced("gameSession:end", json!(session), Some(&traceparent(end, true))).await.unwrap().wait().await.unwrap();
    assert_eq!(answer["success"], true, "{answer}");
    let written = eventually("the write-back's span", PATIENCE, async || {
        collector.trace(end).into_iter().find(|span| span.name == "process session.{id}.sync")
    })
    .await
    .unwrap();
    assert_eq!((written.service.as_str(), written.attribute("game.session.id")), ("stateward-sync-worker", session));
    let sync: Vec<_> = collector.trace(end).into_iter().filter(|span| span.parent == written.id).collect();
    let names: std::collections::BTreeSet<_> = sync.iter().map(|span| span.name.as_str()).collect();
    assert!(names.contains("commitTransaction") && names.contains("send session.{id}.synced"), "{names:?}");
    assert_eq!(collector.trace(end).iter().filter(|span| span.id == written.parent && span.name == "send session.{id}.sync").count(), 1);
    assert_eq!(written.links, [(trace.to_owned(), processed)], "and not with the entry that ended the session");
    assert_eq!(collector.fault(), None);

    for service in ["stateward-gateway", "stateward-state-authority", "stateward-sync-worker"] {
        assert!(collector.metrics(service).iter().any(|name| name == "stateward_build"), "metrics of {service} arrive as well");
    }
    table.platform.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_is_not_sampled_exports_nothing() {
    let collector = Collector::start().await.unwrap();
    let table = table(&collector, &BY_PARENT).await.unwrap();
    let gm = Client::connect(Transport::SocketIo, &table.platform.url(), &table.token(GM)).await.unwrap();
    gm.join(&table.session).await.unwrap();
    let trace = "33f92f3577b34da6a3ce929d0e0e4736";
    for version in 0..20_u64 {
        let sampled = version == 19;
        let trace = if sampled { "44f92f3577b34da6a3ce929d0e0e4736" } else { trace };
        let update = client::update(
            &table.session,
            &format!("u{version}"),
            version,
            json!([{"path": "pluginData.n", "operation": "set", "value": version}]),
        );
        let answer = gm.send_traced("gameState:update", update, Some(&traceparent(trace, sampled))).await.unwrap().wait().await.unwrap();
        assert_eq!(answer["traceId"], trace, "its id is known all the same");
    }
    // What was sent after them has arrived, so would they have.
    table.platform.stop().await.unwrap();
    let spans = collector.spans();
    assert!(spans.iter().any(|span| span.trace.starts_with("44")), "the sampled one is here");
    assert!(spans.iter().all(|span| span.trace.starts_with("44")), "{:?}", tree(&collector.trace(trace)));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_insert_of_many_updates_is_linked_with_each_in_both_directions() {
    const TABLES: usize = 12;
    // Long enough for the others to come meanwhile, and shorter than a batch may take.
    const HELD_MS: u64 = 800;
    let collector = Collector::start().await.unwrap();
    let table = table(&collector, &BY_PARENT).await.unwrap();
    let url = table.platform.url();
    let mut sessions = Vec::new();
    for _ in 0..TABLES {
        let campaign = table.platform.load_campaign(&empty_campaign()).await.unwrap();
        let session = table.platform.create_session(&campaign, "Side by side", GM, &[]).await.unwrap();
        let gm = Client::connect(Transport::WebSocket, &url, &table.token(GM)).await.unwrap();
        gm.join(&session).await.unwrap();
        sessions.push((session, gm));
    }
    // Updates are gathered while an insert is under way: with one that is held up, the next takes all that came meanwhile.
    let mut batched = None;
    for base in 0..10_u64 {
        let hold = json!({"mode": {"times": 1}, "data": {"failCommands": ["insert"], "blockConnection": true, "blockTimeMS": HELD_MS}});
        table.platform.mongo.fail_point("failCommand", hold).await.unwrap();
        let mut answers = Vec::new();
        for (index, (session, gm)) in sessions.iter().enumerate() {
            let trace = format!("{:016x}{:016x}", base + 1, index + 1);
            let operations = json!([{"path": "pluginData.n", "operation": "set", "value": base}]);
            let update = client::update(session, &format!("u{base}"), base, operations);
            answers.push(gm.send_traced("gameState:update", update, Some(&traceparent(&trace, true))).await.unwrap());
        }
        for answer in answers {
            assert_eq!(answer.wait().await.unwrap()["success"], true);
        }
        // All inserts of this round: together they hold every update once.
        let round = format!("{:016x}", base + 1);
        let inserts = eventually("the spans of the inserts", PATIENCE, async || {
            let inserts: Vec<_> = collector.spans().into_iter().filter(|span| span.name == "insert sessionUpdates").collect();
            let inserts: Vec<_> = inserts.into_iter().filter(|span| span.trace.starts_with(&round)).collect();
            (inserts.iter().map(|span| span.links.len() + 1).sum::<usize>() == TABLES).then_some(inserts)
        });
        batched = inserts.await.unwrap().into_iter().find(|span| !span.links.is_empty());
        if batched.is_some() {
            break;
        }
    }
    let batched = batched.expect("an insert of several updates, when one before it was held up");
    let size: usize = batched.attribute("db.operation.batch.size").parse().unwrap();
    assert_eq!(size, batched.links.len() + 1, "it stands below the first update, and is linked with the others");
    for (trace, commit) in &batched.links {
        let commit =
            eventually("the span of each commit", PATIENCE, async || collector.trace(trace).into_iter().find(|span| span.id == *commit));
        let commit = commit.await.unwrap();
        assert_eq!((commit.name.as_str(), &commit.links), ("commit", &vec![(batched.trace.clone(), batched.id.clone())]));
        assert_ne!(commit.trace, batched.trace, "each update is a trace of its own");
    }
    table.platform.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_by_http_is_a_span_below_its_callers_and_above_the_commands() {
    let collector = Collector::start().await.unwrap();
    let table = table(&collector, &BY_PARENT).await.unwrap();
    let (url, token, session) = (table.platform.url(), table.token(GM), table.session.as_str());
    let ask = async |method, path: &str, trace: &str| {
        let headers = [("traceparent", &*traceparent(trace, true))];
        let request = http::Request { method, token: Some(&token), headers: &headers, body: None };
        http::send(&url, path, request).await.unwrap()
    };
    let paused = "55f92f3577b34da6a3ce929d0e0e4736";
    let path = format!("/api/sessions/{session}/pause");
    assert_eq!(ask("POST", &path, paused).await.status, 200);
    let spans = eventually("the request's spans", PATIENCE, async || {
        let spans = collector.trace(paused);
        spans.iter().any(|span| span.kind == "Server").then_some(spans)
    });
    let spans = spans.await.unwrap();
    let request = spans.iter().find(|span| span.kind == "Server").unwrap();
    assert_eq!(
        (request.name.as_str(), request.parent.as_str(), request.failed),
        ("POST /api/sessions/{id}/pause", "00f067aa0ba902b7", false)
    );
    for (key, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/api/sessions/{id}/pause"),
        ("url.path", path.as_str()),
        ("url.scheme", "http"),
        ("http.response.status_code", "200"),
    ] {
        assert_eq!(request.attribute(key), value, "{key}");
    }
    assert!(spans.iter().any(|span| span.parent == request.id && span.name == "send session.{id}.command"), "{:?}", tree(&spans));

    // A refusal by the router itself says the trace too; it is the caller's fault, and no failed span.
    let nowhere = "66f92f3577b34da6a3ce929d0e0e4736";
    let answer = ask("GET", "/api/nowhere", nowhere).await;
    assert_eq!((answer.status, &answer.json().unwrap()["traceId"]), (404, &json!(nowhere)));
    let span = eventually("its span", PATIENCE, async || collector.trace(nowhere).into_iter().next()).await.unwrap();
    assert_eq!((span.name.as_str(), span.attribute("http.response.status_code"), span.failed), ("GET", "404", false));
    table.platform.stop().await.unwrap();
}
