//! A table to play at: a platform with a campaign and a session, a game master over Socket.IO and players over both transports.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{PATIENCE, Platform, PlatformOptions, Transport, platform::Stored};

use crate::{follower::Follower, journal};

pub const GM: &str = "gm";
pub const PLAYERS: [&str; 4] = ["ann", "ben", "cem", "dia"];
/// How long the parts of the platform may take to agree after the last update or fault.
pub const SETTLE: Duration = PATIENCE;

pub struct Table {
    pub platform: Platform,
    pub session: String,
    /// The state of version 0.
    pub initial: Value,
}

impl Table {
    pub async fn set(options: PlatformOptions) -> anyhow::Result<Self> {
        let platform = Platform::start(options).await?;
        let campaign = platform.load_campaign(&campaign()).await?;
        let session = platform.create_session(&campaign, "The Drowned Bell", GM, &PLAYERS).await?;
        let initial = platform.session(&session).await?["gameState"].clone();
        Ok(Self { platform, session, initial })
    }

    pub fn token(&self, user: &str) -> String {
        self.platform.signer.user(user, user)
    }

    pub async fn gm(&self) -> anyhow::Result<Follower> {
        self.seat(GM, Transport::SocketIo).await
    }

    /// One player on each seat, every other one over the other transport.
    pub async fn players(&self) -> anyhow::Result<Vec<Follower>> {
        let mut players = Vec::new();
        for (index, user) in PLAYERS.into_iter().enumerate() {
            let transport = if index % 2 == 0 { Transport::WebSocket } else { Transport::SocketIo };
            players.push(self.seat(user, transport).await?);
        }
        Ok(players)
    }

    pub async fn seat(&self, user: &str, transport: Transport) -> anyhow::Result<Follower> {
        Follower::join(transport, &self.platform.url(), &self.token(user), &self.session).await
    }

    /// Waits until everyone holds `version`, then until journal, document and an independent replay agree with them.
    pub async fn converges(&self, version: u64, followers: &[&Follower]) -> anyhow::Result<()> {
        for follower in followers {
            follower.reaches(version, SETTLE).await?;
        }
        let stored = Stored::at(version, || self.platform.stored(&self.session)).await?;
        let end = journal::check(&self.session, &self.initial, &stored.journal)?;
        anyhow::ensure!(end.version == version, "the journal ends at version {}, not {version}", end.version);
        anyhow::ensure!(stored.document["gameStateHash"] == end.hash.as_str(), "the document's hash is not the journal's");
        anyhow::ensure!(testkit::replica::hash(&stored.document["gameState"])? == end.hash, "the document's state does not match its hash");
        for follower in followers {
            let held = follower.held();
            anyhow::ensure!(held.version == version && held.hash == end.hash, "a replica holds another state than the journal");
            anyhow::ensure!(held.state == end.state, "a replica's state is not the replayed one");
        }
        Ok(())
    }
}

/// A campaign without documents, of which there may be any number: the ids of documents are the platform's.
pub fn empty_campaign() -> Value {
    json!({"name": "The Drowned Bell", "gameMasterId": GM})
}

/// Documents in the shapes that games have: nested plugin data, lists that grow and shrink, names beyond ASCII.
pub fn campaign() -> Value {
    let characters: Vec<_> = PLAYERS
        .iter()
        .map(|user| {
            json!({
                "id": format!("hero-{user}"), "name": format!("Héro {user}"), "ownerId": user,
                "pluginData": {"hitPoints": {"current": 24, "maximum": 31}, "armorClass": 15, "conditions": [], "spent": 0.5},
                "inventory": [{"id": "rope", "name": "Rope", "quantity": 1}],
            })
        })
        .collect();
    let actors: Vec<_> = (0..6)
        .map(|n| json!({"id": format!("ghoul-{n}"), "name": format!("Ghoul {n}"), "pluginData": {"hitPoints": {"current": 22, "maximum": 22}}}))
        .collect();
    let items: Vec<_> = (0..12).map(|n| json!({"id": format!("item-{n:02}"), "name": format!("Lantern № {n}"), "weight": n})).collect();
    json!({
        "name": "The Drowned Bell", "gameMasterId": GM,
        "characters": characters, "actors": actors, "items": items,
        "encounters": [{
            "id": "crypt", "name": "Crypt of the bell", "status": "active", "round": 1, "log": [],
            "tokens": [{"id": "t1", "x": 1, "y": 2, "hidden": false}, {"id": "t2", "x": 4, "y": 7, "hidden": true}],
        }],
    })
}
