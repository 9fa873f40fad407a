//! Processes die in the middle of play. What was acknowledged stays, nothing is applied twice, no version is skipped, and
//! everyone ends at the same state without anybody's help.

use anyhow::ensure;
use testkit::PlatformOptions;

use crate::{
    follower::Follower,
    play::{Accepted, Play, same_result, send_until_accepted},
    table::Table,
};

struct Evening {
    table: Table,
    gm: Follower,
    players: Vec<Follower>,
    play: Play,
    accepted: Vec<Accepted>,
}

impl Evening {
    async fn begin(name: &str) -> anyhow::Result<Self> {
        let table = Table::set(PlatformOptions::default()).await?;
        let (gm, players) = (table.gm().await?, table.players().await?);
        Ok(Self { table, gm, players, play: Play::new(name), accepted: Vec::new() })
    }

    async fn updates(&mut self, count: usize) -> anyhow::Result<()> {
        for _ in 0..count {
            self.accepted.push(self.play.step(&self.table.session, &self.gm).await?);
        }
        Ok(())
    }

    /// The last accepted update, sent again as if its answer had been lost.
    async fn the_last_answer_is_repeated(&self) -> anyhow::Result<()> {
        let last = self.accepted.last().expect("updates were made");
        let again = send_until_accepted(&self.table.session, &self.gm, &last.id, last.base, &last.operations).await?;
        same_result(&last.ack, &again)
    }

    async fn end(self) -> anyhow::Result<()> {
        let everyone: Vec<_> = self.players.iter().chain([&self.gm]).collect();
        self.table.converges(self.accepted.len() as u64, &everyone).await?;
        for follower in everyone {
            follower.saw_each_version_once_and_in_order()?;
        }
        self.table.platform.stop().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_authority_loses_nothing_while_another_lives() -> anyhow::Result<()> {
    let mut evening = Evening::begin("one-authority").await?;
    for _ in 0..3 {
        evening.updates(60).await?;
        for index in 0..2 {
            evening.table.platform.authorities[index].kill9();
            evening.the_last_answer_is_repeated().await?;
            evening.updates(20).await?;
            evening.table.platform.authorities[index].restart().await?;
        }
    }
    for player in &evening.players {
        ensure!(player.deliveries().iter().all(|(connection, _)| *connection == 1), "a player's connection was lost with an authority");
    }
    evening.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn all_authorities_killed_and_restarted_go_on_where_they_were() -> anyhow::Result<()> {
    let mut evening = Evening::begin("all-authorities").await?;
    evening.updates(80).await?;
    for authority in &evening.table.platform.authorities {
        authority.kill9();
    }
    for authority in &evening.table.platform.authorities {
        authority.restart().await?;
    }
    evening.the_last_answer_is_repeated().await?;
    evening.updates(80).await?;
    evening.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_gateway_is_come_back_to() -> anyhow::Result<()> {
    let mut evening = Evening::begin("gateway").await?;
    evening.updates(60).await?;
    evening.table.platform.gateways[0].service.kill9();
    evening.table.platform.gateways[0].service.restart().await?;
    evening.the_last_answer_is_repeated().await?;
    evening.updates(60).await?;
    evening.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_nats_server_is_come_back_to() -> anyhow::Result<()> {
    let mut evening = Evening::begin("nats").await?;
    evening.updates(60).await?;
    evening.table.platform.nats.kill9();
    evening.table.platform.nats.restart().await?;
    evening.the_last_answer_is_repeated().await?;
    evening.updates(60).await?;
    evening.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_mongod_is_come_back_to() -> anyhow::Result<()> {
    let mut evening = Evening::begin("mongod").await?;
    evening.updates(60).await?;
    evening.table.platform.mongo.kill9();
    evening.table.platform.mongo.restart().await?;
    evening.the_last_answer_is_repeated().await?;
    evening.updates(60).await?;
    evening.end().await
}
