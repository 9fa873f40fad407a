//! One update followed through every process, as an operator sees it in a trace viewer.

use std::time::Duration;

use serde_json::json;
use testkit::{Client, Collector, PlatformOptions, Transport, client, eventually, otlp::Span};

use crate::table::{GM, Table};

const PATIENCE: Duration = Duration::from_secs(60);

async fn table(collector: &Collector, sampler: &[(&str, &str)]) -> anyhow::Result<Table> {
    let mut environment = collector.environment();
    environment.extend(sampler.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Table::set(PlatformOptions { gateways: 2, authorities: 1, environment, ..PlatformOptions::default() }).await
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
    let collector = Collector::start().await.unwrap();
    let table = table(&collector, &BY_PARENT).await.unwrap();
    let session = table.session.as_str();
    let (first, second) = (table.platform.gateways[0].url(), table.platform.gateways[1].url());
    let gm = Client::connect(Transport::WebSocket, &first, &table.token(GM)).await.unwrap();
    let player = Client::connect(Transport::WebSocket, &second, &table.token("ann")).await.unwrap();
    gm.join(session).await.unwrap();
    player.join(session).await.unwrap();

    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let update = client::update(session, "u-traced", 0, json!([{"path": "pluginData.mood", "operation": "set", "value": "a secret mood"}]));
    let answer = gm.send_traced("gameState:update", update, Some(&traceparent(trace, true))).await.unwrap().wait().await.unwrap();
    assert_eq!((&answer["success"], &answer["traceId"]), (&json!(true), &json!(trace)), "the answer says where to look");
    let seen = player.wait_for("gameState:updated", PATIENCE, |data| data["newVersion"] == "1").await.unwrap();

    let spans = spans_of(&collector, trace, OF_AN_UPDATE.len()).await;
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
                ("game.state.version", "1"),
                ("game.update.id", "u-traced"),
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
        (named("send session.{id}.updated"), &[("messaging.operation.type", "send"), ("game.state.version", "1")][..]),
        (fan_outs[0], &[("messaging.operation.type", "process"), ("game.session.connections", "1")][..]),
    ] {
        for (key, value) in attributes {
            assert_eq!(span.attribute(key), *value, "{key} of {}", span.name);
        }
    }
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
