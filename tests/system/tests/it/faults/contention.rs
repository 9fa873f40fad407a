//! Writers that want the same version, as fast as they can: exactly one has it, whichever instances they ask.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use testkit::{
    Client, History, Platform, PlatformOptions, Transport, client, eventually,
    game_master::{Outcome, Sent},
    history::{Evidence, Published, Reader, seat_at_stream},
    nats::wire::Connection,
    platform::Stored,
    replica::canonical,
};
use tokio::{sync::watch, time::sleep};

use super::{
    meter::Meter,
    stage::{alone, first, length},
};
use crate::{
    play::version_of,
    table::{GM, SETTLE},
};

/// Messages of one session that the stream keeps.
const STREAMED: u64 = 2_048;
const SESSIONS: usize = 50;
const INSTANCES: usize = 4;
/// At least so much of all versions is each instance's.
const SHARE: usize = 10;
/// On a crowded machine the game goes on for so long, if an instance has not had its share by then.
const OVERTIME: Duration = Duration::from_secs(180);

/// One session with two connections of its game master, each at a gateway of its own, and a third that asks an instance of
/// its own choice: not the one that the gateways prefer.
struct Rivals {
    session: String,
    initial: Value,
    opening: Sent,
    /// Who committed the opening, which came through a gateway.
    preferred: String,
    left: Client,
    right: Client,
    other: Connection,
    other_subject: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn of_updates_for_one_version_exactly_one_is_accepted_whichever_instance_takes_it() -> anyhow::Result<()> {
    let _alone = alone().await;
    let seconds = length(Duration::from_secs(5), Duration::from_secs(20)).as_secs();
    let options = PlatformOptions {
        authorities: INSTANCES,
        gateways: 2,
        gateway_config: vec![("LIMITS__CONNECTIONS_PER_USER".to_owned(), (8 * SESSIONS).to_string())],
        ..PlatformOptions::default()
    };
    let platform = Platform::start(options.patient()).await?;
    let mut instances: Vec<_> = platform
        .nats
        .connect()
        .await?
        .stored("KV_instances", "$KV.instances.*")
        .await?
        .iter()
        .filter_map(|alive| alive.header("Nats-Subject")?.strip_prefix("$KV.instances.").map(str::to_owned))
        .collect();
    instances.sort_unstable();
    instances.dedup();
    ensure!(instances.len() == INSTANCES, "{instances:?}");
    // Which instance is preferred for a session is chance, so those that would make it unfair are left out.
    let (mut tables, mut met) = (Vec::new(), 0);
    while tables.len() < SESSIONS {
        let table = Rivals::meet(&platform, met, &instances).await?;
        met += 1;
        let of_the_same = tables.iter().filter(|other: &&Rivals| other.preferred == table.preferred).count();
        if of_the_same < SESSIONS.div_ceil(INSTANCES) {
            tables.push(table);
        }
    }
    let over = watch::Sender::new(false);
    let meter = Meter::start(&platform);
    // Readers of every tenth document: of all of them they would be what the instances compete with.
    let readers: Vec<_> = tables
        .iter()
        .step_by(10)
        .map(|table| {
            let reader = Reader::start(vec![platform.mongo.port()], platform.database.clone(), table.session.clone());
            (table.session.clone(), reader)
        })
        .collect();
    let mut games = tokio::task::JoinSet::new();
    for table in tables {
        games.spawn(table.compete(over.subscribe()));
    }
    sleep(Duration::from_secs(seconds)).await;
    let overtime = Instant::now() + OVERTIME;
    while !shared_fairly(&platform).await? && Instant::now() < overtime {
        sleep(Duration::from_millis(500)).await;
    }
    over.send_replace(true);
    let mut histories = Vec::new();
    while let Some(played) = games.join_next().await {
        let (session, initial, sent) = played??;
        let reader = readers.iter().find(|(of, _)| *of == session).map(|(_, reader)| reader);
        histories.push(judge(&platform, session, initial, sent, (reader, &meter)).await?);
    }
    let mut commits = HashMap::<String, usize>::new();
    for history in &histories {
        for entry in &history.stored.journal {
            *commits.entry(entry["by"].to_string()).or_default() += 1;
        }
    }
    let all: usize = commits.values().sum();
    eprintln!("{all} versions over {SESSIONS} sessions, by instance: {commits:?}");
    ensure!(
        commits.len() == INSTANCES && commits.values().all(|own| own * SHARE >= all),
        "an instance committed less than its share: {commits:?}"
    );
    let settled =
        platform.authorities.iter().map(|authority| authority.metric("stateward_authority_settled_total", &["reason=\"duplicate\""]));
    let mut duplicates = 0.0;
    for count in settled {
        duplicates += count.await?;
    }
    eprintln!("{duplicates} times two instances went for one key");
    ensure!(duplicates > 0.0, "no two instances ever went for one key");
    platform.stop().await
}

/// Whether each instance says that it accepted clearly more than its least share.
async fn shared_fairly(platform: &Platform) -> anyhow::Result<bool> {
    let mut accepted = Vec::new();
    for authority in &platform.authorities {
        accepted.push(authority.metric("stateward_authority_updates_total", &["result=\"success\""]).await?);
    }
    let all: f64 = accepted.iter().sum();
    Ok(accepted.iter().all(|own| own * (SHARE as f64 - 1.0) >= all))
}

impl Rivals {
    /// The game master's first update goes through a gateway alone and so shows which instance it prefers.
    async fn meet(platform: &Platform, n: usize, instances: &[String]) -> anyhow::Result<Self> {
        let campaign =
            json!({"name": format!("Table {n}"), "gameMasterId": GM, "characters": [{"id": format!("hero-{n}"), "name": "Mira"}]});
        let campaign = platform.load_campaign(&campaign).await?;
        let session = platform.create_session(&campaign, "A race", GM, &[]).await?;
        let token = platform.signer.user(GM, GM);
        let left = Client::connect(Transport::WebSocket, &platform.gateways[0].url(), &token).await?;
        let right = Client::connect(Transport::SocketIo, &platform.gateways[1].url(), &token).await?;
        let initial = platform.session(&session).await?["gameState"].clone();
        let operations = json!([{"path": "pluginData.winner", "operation": "set", "value": "nobody"}]);
        let begun = Instant::now();
        let answer = left.update(&session, "opening", 0, operations.clone()).await?;
        ensure!(answer["success"] == true, "{answer}");
        let outcome = Outcome::Accepted { version: 1, hash: answer["newHash"].as_str().map(str::to_owned) };
        let opening = Sent { id: "opening".into(), base: 0, operations, outcome, tries: 1, took: begun.elapsed() };
        let preferred = platform.stored(&session).await?.journal[0]["by"].as_str().context("an entry names its instance")?.to_owned();
        let others: Vec<_> = instances.iter().filter(|instance| **instance != preferred).collect();
        let (other, other_subject) = (platform.nats.connect().await?, format!("authority.{}.update", others[n % others.len()]));
        Ok(Self { session, initial, opening, preferred, left, right, other, other_subject })
    }

    /// Round after round, all three go for the next version at once.
    async fn compete(mut self, over: watch::Receiver<bool>) -> anyhow::Result<(String, Value, Vec<Sent>)> {
        let mut sent = vec![self.opening];
        let mut base = 1;
        while !*over.borrow() {
            let ids = ["left", "right", "other"].map(|name| format!("{name}-{base}"));
            let operations = ids.clone().map(|id| json!([{"path": "pluginData.winner", "operation": "set", "value": id}]));
            let begun = Instant::now();
            let third = client::update(&self.session, &ids[2], base, operations[2].clone()).to_string();
            let sender = format!("user={GM};user-name={GM};");
            let headers = [("Stateward", sender.as_str())];
            let (left, right, other) = tokio::join!(
                self.left.update(&self.session, &ids[0], base, operations[0].clone()),
                self.right.update(&self.session, &ids[1], base, operations[1].clone()),
                self.other.request(&self.other_subject, &headers, third.as_bytes()),
            );
            let answers = [left?, right?, serde_json::from_slice(&other?.payload)?];
            let mut won = 0;
            for ((id, operations), answer) in ids.into_iter().zip(operations).zip(answers) {
                let outcome = if answer["success"] == true {
                    won += 1;
                    let version = version_of(&answer["newVersion"]).context("a success has a version")?;
                    ensure!(version == base + 1, "an update for version {base} became {version}");
                    Outcome::Accepted { version, hash: answer["newHash"].as_str().map(str::to_owned) }
                } else {
                    let error = answer["error"].clone();
                    ensure!(error["code"] == "VERSION_CONFLICT" && error["currentVersion"] == json!((base + 1).to_string()), "{answer}");
                    Outcome::Refused(error)
                };
                sent.push(Sent { id, base, operations, outcome, tries: 1, took: begun.elapsed() });
            }
            ensure!(won == 1, "{won} updates were accepted as version {}", base + 1);
            base += 1;
        }
        Ok((self.session, self.initial, sent))
    }
}

/// Journal, document, stream and an independent replay agree.
async fn judge(
    platform: &Platform,
    session: String,
    initial: Value,
    sent: Vec<Sent>,
    (reader, meter): (Option<&Reader>, &Meter),
) -> anyhow::Result<History> {
    let versions = sent.iter().filter(|sent| matches!(sent.outcome, Outcome::Accepted { .. })).count() as u64;
    let stored = Stored::at(versions, || platform.stored(&session)).await?;
    let subject = format!("session.{session}.updated");
    let messages = eventually("the stream to have every version", SETTLE, async || {
        let messages = platform.nats.connect().await.ok()?.stored("SESSION_UPDATES", &subject).await.ok()?;
        (messages.len() as u64 >= versions.min(STREAMED)).then_some(messages)
    })
    .await?;
    let whole = versions <= STREAMED;
    let seats = if whole { vec![seat_at_stream(&session, &first(&stored, &initial)?, &messages, None)?] } else { Vec::new() };
    let documents = reader.map(Reader::seen).unwrap_or_default();
    ensure!(reader.is_none() || !documents.is_empty(), "nobody read the document meanwhile");
    let evidence =
        Evidence { published: Some(Published::of(&messages, whole)), documents, bounds: meter.bounds(platform)?, ..Evidence::default() };
    let history = History { first_state: initial, game_master: GM.to_owned(), sent, seats, stored, evidence };
    history.assert_holds();
    let answered = platform.session(&session).await?;
    ensure!(
        canonical(&answered["gameState"])? == canonical(&history.stored.document["gameState"])?,
        "another state is answered than stored"
    );
    Ok(history)
}
