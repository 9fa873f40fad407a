//! A session ends while MongoDB loses its primary, in the middle of the transaction that writes the campaign.

use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::json;
use testkit::{
    History, PlatformOptions, eventually,
    history::{self, Backing, Evidence, Published, Reader, seat_at_stream},
    mongo::set::ReplicaSet,
    platform::Stored,
};

use super::{meter::Meter, stage::alone};
use crate::{
    play::Play,
    table::{GM, SETTLE, Table},
};

/// An election, and the end tried again after it.
const SOON: Duration = Duration::from_secs(240);
/// Longer than it takes to kill the primary that holds the commit.
const HELD_MS: u64 = 60_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_session_whose_end_loses_the_primary_ends_once_and_with_everything_written() -> anyhow::Result<()> {
    let _alone = alone().await;
    let set = ReplicaSet::start().await?;
    let table = Table::set(PlatformOptions { mongo_uri: Some(set.uri()), ..PlatformOptions::default() }).await?;
    let (gm, players) = (table.gm().await?, table.players().await?);
    let ports: Vec<_> = set.members.iter().map(|member| member.port).collect();
    let reader = Reader::start(ports.clone(), table.platform.database.clone(), table.session.clone());
    let meter = Meter::start(&table.platform);
    let (mut play, mut sent) = (Play::new("ending-without-primary"), Vec::new());
    for _ in 0..20 {
        sent.push(play.step(&table.session, &gm).await?.into());
    }

    // Only the write-back commits a transaction here: it is held on its way, and the primary dies with it.
    let first = set.primary().await?;
    let mut primary = set.members[first].connect().await?;
    let held = json!({"failCommands": ["commitTransaction"], "blockConnection": true, "blockTimeMS": HELD_MS});
    let point = json!({"mode": {"times": 1}, "data": held});
    let set_on = primary.command("admin", "configureFailPoint", json!("failCommand"), point).await?;
    let entered = set_on["count"].as_i64().context("a count")? + 1;
    let end = gm.client.request("gameSession:end", json!(table.session));
    let kill = async {
        let fields = json!({"timesEntered": entered, "maxTimeMS": HELD_MS});
        primary.command("admin", "waitForFailPoint", json!("failCommand"), fields).await.context("no transaction was committed")?;
        set.members[first].process.kill9();
        anyhow::Ok(())
    };
    let (answer, killed) = tokio::join!(end, kill);
    killed?;
    // Whatever it says: ended, still ending, or unknown. The end goes on without anybody's asking.
    eprintln!("the end was answered {}", answer.map_or_else(|lost| format!("{lost:?}"), |answer| answer.to_string()));
    let others: Vec<_> = (0..3).filter(|index| *index != first).collect();
    let next = set.primary_among(&others).await?;
    ensure!(next != first, "the primary was not lost");

    for follower in players.iter().chain([&gm]) {
        follower.client.wait_for("gameSession:ended", SOON, |_| true).await?;
    }
    for player in &players {
        player.reaches(22, SOON).await?;
    }
    let stored = Stored::at(22, async || {
        let mut mongo = set.members[next].connect().await?;
        Stored::read(&mut mongo, &table.platform.database, &table.session).await
    })
    .await?;
    let kinds = |wanted: &str| stored.journal.iter().filter(|entry| entry["kind"] == wanted).count();
    ensure!((kinds("ending"), kinds("ended")) == (1, 1), "{} times ending, {} times ended", kinds("ending"), kinds("ended"));
    set.members[first].process.start_again()?;
    set.all_follow().await?;
    let messages = eventually("the stream to have the end", SETTLE, async || {
        let subject = format!("session.{}.updated", table.session);
        let messages = table.platform.nats.connect().await.ok()?.stored("SESSION_UPDATES", &subject).await.ok()?;
        (messages.len() >= 22).then_some(messages)
    })
    .await?;
    let backing = Backing::read(&mut history::primary(&ports).await?, &table.platform.database).await?;
    let evidence = Evidence {
        published: Some(Published::of(&messages, true)),
        documents: reader.seen(),
        backing: Some(backing),
        bounds: meter.bounds(&table.platform)?,
        ..Evidence::default()
    };
    let seats = vec![seat_at_stream(&table.session, &super::stage::first(&stored, &table.initial)?, &messages, None)?];
    History { first_state: table.initial.clone(), game_master: GM.to_owned(), sent, seats, stored, evidence }.assert_holds();
    for follower in players.iter().chain([&gm]) {
        let count = follower.client.events().iter().filter(|event| event.name == "gameSession:ended").count();
        ensure!(count == 1, "gameSession:ended came {count} times");
    }
    table.platform.stop().await
}
