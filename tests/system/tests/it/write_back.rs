//! The campaign's documents: untouched while a session is played, and brought up to date when its game master is gone, however
//! the game master went.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::json;
use testkit::{Client, PATIENCE, PlatformOptions, Transport, client::accepted, eventually, replica::canonical};

use crate::{
    play::{Play, version_of},
    table::{GM, Table},
};

const BACKING: [&str; 5] = ["campaigns", "characters", "actors", "items", "encounters"];
/// Short forms of the defaults, 15 s and 10 s. A gateway that is there says so many times within it.
const TIMEOUT: Duration = Duration::from_secs(9);
const RENEWED_MS: &str = "1000";
const GRACE: Duration = Duration::from_secs(2);

/// What MongoDB was told to write below a database since its profiler was set on, by collection.
async fn writes(table: &Table, collections: &[&str]) -> anyhow::Result<usize> {
    let mut mongo = table.platform.mongo.connect().await?;
    let database = &table.platform.database;
    let names: Vec<_> = collections.iter().map(|collection| format!("{database}.{collection}")).collect();
    let filter = json!({"op": {"$in": ["insert", "update", "remove"]}, "ns": {"$in": names}});
    let mut seen = mongo.find(database, "system.profile", filter, json!({})).await?.len();
    // `findAndModify` goes by the name of a command.
    let commands = json!({"op": "command", "ns": {"$in": names}, "command.findAndModify": {"$exists": true}});
    seen += mongo.find(database, "system.profile", commands, json!({})).await?.len();
    Ok(seen)
}

#[tokio::test(flavor = "multi_thread")]
async fn play_writes_no_document_of_the_campaign() -> anyhow::Result<()> {
    const UPDATES: u64 = 150;
    let table = Table::set(
        PlatformOptions {
            // A snapshot after each few updates too: it must not touch them either.
            authority_config: vec![("SNAPSHOT__UPDATES".into(), "16".into())],
            ..PlatformOptions::default()
        }
        .patient(),
    )
    .await?;
    let gm = table.gm().await?;
    let mut mongo = table.platform.mongo.connect().await?;
    let database = &table.platform.database;
    mongo.command(database, "create", json!("system.profile"), json!({"capped": true, "size": 64 << 20})).await?;
    mongo.command(database, "profile", json!(2), json!({})).await?;
    let mut play = Play::new("profiled");
    for _ in 0..UPDATES {
        play.step(&table.session, &gm).await?;
    }
    table.converges(UPDATES, &[&gm]).await?;
    ensure!(writes(&table, &["sessionUpdates"]).await? > 0, "the profiler sees the journal being written");
    ensure!(writes(&table, &["gameSessions"]).await? > 0, "the profiler sees snapshots being written");
    ensure!(writes(&table, &BACKING).await? == 0, "a document of the campaign was written during play");

    accepted(gm.client.request("gameSession:end", json!(table.session)).await?)?;
    ensure!(writes(&table, &BACKING).await? > 0, "the profiler sees the end being written back");
    table.platform.stop().await
}

/// A session of its own campaign, with a game master at one gateway who has made an update.
struct Seat {
    what: &'static str,
    session: String,
    gm: Client,
}

impl Seat {
    /// A killed browser says nothing: its machine closes the connection.
    fn kill_browser(self) -> (&'static str, String) {
        (self.what, self.session)
    }
}

async fn seat(table: &Table, what: &'static str, gateway: usize) -> anyhow::Result<Seat> {
    let hero = json!({"id": format!("hero-{}", what.replace(' ', "-")), "name": "Hero", "hitPoints": 9});
    let campaign = json!({"name": what, "gameMasterId": GM, "characters": [hero]});
    let campaign = table.platform.load_campaign(&campaign).await?;
    let session = table.platform.create_session(&campaign, what, GM, &[]).await?;
    let gm = Client::connect(Transport::WebSocket, &table.platform.gateways[gateway].url(), &table.token(GM)).await?;
    gm.join(&session).await?;
    let operations = json!([{"path": "characters.0.hitPoints", "operation": "set", "value": 3}]);
    accepted(gm.update(&session, "last", 0, operations).await?)?;
    Ok(Seat { what, session, gm })
}

/// The version that the campaign's documents show of a session.
async fn shown(table: &Table, session: &str) -> anyhow::Result<Option<u64>> {
    Ok(version_of(&table.platform.stored(session).await?.document["sync"]["version"]))
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_loses_the_game_master_the_campaign_is_current_soon_after() -> anyhow::Result<()> {
    let table = Table::set(PlatformOptions {
        gateways: 2,
        gateway_config: vec![("PRESENCE__RENEW_MS".into(), RENEWED_MS.into())],
        sync_worker_config: vec![
            ("PRESENCE__TIMEOUT_MS".into(), TIMEOUT.as_millis().to_string()),
            ("PRESENCE__GRACE_MS".into(), GRACE.as_millis().to_string()),
            ("SWEEP__DIRTY_AFTER_MS".into(), "0".into()),
        ],
        ..PlatformOptions::default()
    })
    .await?;
    let browser = seat(&table, "the browser was killed", 0).await?;
    let gateway = seat(&table, "the gateway was killed", 1).await?;
    let both = seat(&table, "both were killed", 1).await?;
    let stays = seat(&table, "nobody was killed", 0).await?;
    for seat in [&browser, &gateway, &both, &stays] {
        ensure!(shown(&table, &seat.session).await? == Some(0), "{}: written back before anything happened", seat.what);
    }

    let since = Instant::now();
    table.platform.gateways[1].service.kill9();
    let lost = [browser.kill_browser(), both.kill_browser(), (gateway.what, gateway.session.clone())];
    for (what, session) in &lost {
        eventually(&format!("the campaign to be current after {what}"), PATIENCE, async || {
            (shown(&table, session).await.ok()? == Some(1)).then_some(())
        })
        .await?;
        eprintln!("{what}: written back within {:.1} s", since.elapsed().as_secs_f64());
        let document = table.platform.stored(session).await?.document;
        let hero = &document["gameState"]["characters"][0];
        let mut mongo = table.platform.mongo.connect().await?;
        let filter = json!({"_id": hero["id"], "campaignId": document["campaignId"]});
        let backing = mongo.find_one(&table.platform.database, "characters", filter).await?.context("the hero's document")?;
        ensure!(hero["hitPoints"] == json!(3), "{hero}");
        ensure!(canonical(&backing["document"])? == canonical(hero)?, "{what}: {backing}");
        ensure!(document["status"] == *"active", "a session goes on without its game master");
    }
    ensure!(shown(&table, &stays.session).await? == Some(0), "a game master who is there is not taken for lost");
    ensure!(stays.gm.is_connected(), "nobody was killed here");
    table.platform.stop().await
}
