//! A session ends while MongoDB loses its primary, in the middle of the transaction that writes the campaign.

use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::json;
use testkit::{PlatformOptions, mongo::set::ReplicaSet, platform::Stored, replica::canonical};

use super::stage::alone;
use crate::{play::Play, table::Table};

const SOON: Duration = Duration::from_secs(90);

#[tokio::test(flavor = "multi_thread")]
async fn a_session_whose_end_loses_the_primary_ends_once_and_with_everything_written() -> anyhow::Result<()> {
    let _alone = alone().await;
    let set = ReplicaSet::start().await?;
    let table = Table::set(PlatformOptions { mongo_uri: Some(set.uri()), ..PlatformOptions::default() }).await?;
    let (gm, players) = (table.gm().await?, table.players().await?);
    let mut play = Play::new("ending-without-primary");
    for _ in 0..20 {
        play.step(&table.session, &gm).await?;
    }

    // Only the write-back commits a transaction here: it is held on its way, and the primary dies with it.
    let first = set.primary().await?;
    let mut primary = set.members[first].connect().await?;
    let held = json!({"failCommands": ["commitTransaction"], "blockConnection": true, "blockTimeMS": 5000});
    let point = json!({"mode": {"times": 1}, "data": held});
    let set_on = primary.command("admin", "configureFailPoint", json!("failCommand"), point).await?;
    let entered = set_on["count"].as_i64().context("a count")? + 1;
    let end = gm.client.request("gameSession:end", json!(table.session));
    let kill = async {
        let fields = json!({"timesEntered": entered, "maxTimeMS": 60_000});
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
    let mut mongo = set.members[next].connect().await?;
    let stored = Stored::read(&mut mongo, &table.platform.database, &table.session).await?;
    let kinds = |wanted: &str| stored.journal.iter().filter(|entry| entry["kind"] == wanted).count();
    ensure!((kinds("ending"), kinds("ended")) == (1, 1), "{} times ending, {} times ended", kinds("ending"), kinds("ended"));
    let held = players[0].held();
    for kind in ["characters", "actors", "items"] {
        for entity in held.state[kind].as_array().context("an array of entities")? {
            let document = mongo.find_one(&table.platform.database, kind, json!({"_id": entity["id"]})).await?;
            let document = document.with_context(|| format!("{kind} {} is not in the campaign", entity["id"]))?;
            ensure!(canonical(&document["document"])? == canonical(entity)?, "{kind} {}: {document}", entity["id"]);
        }
    }
    set.members[first].process.start_again()?;
    set.all_follow().await?;
    for follower in players.iter().chain([&gm]) {
        let count = follower.client.events().iter().filter(|event| event.name == "gameSession:ended").count();
        ensure!(count == 1, "gameSession:ended came {count} times");
    }
    table.platform.stop().await
}
