//! What `up` tells when everything is ready: addresses, ids, tokens and process ids, for people and for programs.

use std::{collections::BTreeMap, fmt};

use anyhow::Context;
use serde::Serialize;
use testkit::Platform;

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Card {
    pub(crate) ready: bool,
    pub(crate) gateway: String,
    pub(crate) mongo: String,
    pub(crate) nats: String,
    pub(crate) session_id: String,
    pub(crate) campaign_id: String,
    pub(crate) gm: User,
    pub(crate) players: Vec<User>,
    /// Holds a good token and is no participant.
    pub(crate) outsider: User,
    pub(crate) admin: User,
    pub(crate) pids: Pids,
    /// With `--cluster`: the process id of each nats-server and each mongod.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) members: BTreeMap<String, u32>,
    #[serde(skip)]
    pub(crate) campaign: String,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct User {
    pub(crate) user_id: String,
    pub(crate) token: String,
    #[serde(skip)]
    pub(crate) name: String,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Pids {
    gateway: u32,
    state_authority: u32,
    sync_worker: u32,
    nats: u32,
    mongod: u32,
}

impl Pids {
    pub(crate) fn of(platform: &Platform) -> anyhow::Result<Self> {
        let pid = |process: &testkit::Process| process.pid().with_context(|| format!("{} has ended", process.name()));
        Ok(Self {
            gateway: pid(platform.gateways[0].service.process())?,
            state_authority: pid(platform.authorities[0].process())?,
            sync_worker: pid(platform.sync_workers[0].process())?,
            nats: pid(platform.nats.process())?,
            mongod: pid(platform.mongo.process())?,
        })
    }
}

impl Card {
    /// The token stands behind `#`: a browser keeps that to itself.
    fn link(&self, user: &User) -> String {
        format!("{}/#session={}&token={}", self.gateway, self.session_id, user.token)
    }
}

impl fmt::Display for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nStateward is up: {} (session {})\n", self.campaign, self.session_id)?;
        writeln!(f, "  GM      {}\n          {}\n", self.gm.name, self.link(&self.gm))?;
        for player in &self.players {
            writeln!(f, "  Player  {}\n          {}\n", player.name, self.link(player))?;
        }
        writeln!(f, "  Gateway {}    NATS {}    MongoDB {}", self.gateway, self.nats, self.mongo)?;
        write!(f, "  Ctrl-C stops everything.")
    }
}
