use std::{sync::Arc, time::Duration};

use bus::{Bus, BusConfig, Headers};
use protocol::{Ack, ErrorBody, Identity, SessionId, command::CommandDone, subject::STREAM_UPDATES, update::UpdateAccepted};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use service_kit::{Clock, Health, Lifecycle, Metrics, random_id};
use state_authority::{Config, context::Authority};
use store::{Store, StoreConfig};
use testkit::{Mongo, NatsServer, eventually, mongo::wire};

pub(crate) use testkit::PATIENCE;

/// A database and a prefix of its own on a nats-server and a mongod, and a connection in the gateway's place.
pub(crate) struct World {
    pub(crate) mongo_uri: String,
    pub(crate) mongo_port: u16,
    pub(crate) nats: BusConfig,
    pub(crate) database: String,
    pub(crate) bus: Bus,
    pub(crate) campaign: String,
    pub(crate) session: SessionId,
}

/// An authority in this process. Stops with the test.
pub(crate) struct Instance {
    pub(crate) authority: Arc<Authority>,
    pub(crate) lifecycle: Lifecycle,
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.lifecycle.stop();
    }
}

impl World {
    /// On servers that other tests use as well.
    pub(crate) async fn new() -> Self {
        Self::on(NatsServer::shared().await.unwrap(), Mongo::shared().await.unwrap()).await
    }

    pub(crate) async fn on(nats: &NatsServer, mongo: &Mongo) -> Self {
        let prefix = format!("t{}", random_id());
        let nats = BusConfig { servers: vec![nats.url()], prefix, ..BusConfig::default() };
        let bus = Bus::connect(&nats, "gateway").await.unwrap();
        Self {
            mongo_uri: mongo.uri(),
            mongo_port: mongo.port(),
            database: mongo.fresh_database(),
            nats,
            bus,
            campaign: random_id(),
            session: random_id().parse().unwrap(),
        }
    }

    /// The same servers, prefix and database, for another session.
    pub(crate) async fn again(&self) -> Self {
        Self {
            mongo_uri: self.mongo_uri.clone(),
            mongo_port: self.mongo_port,
            nats: self.nats.clone(),
            database: self.database.clone(),
            bus: self.bus.clone(),
            campaign: random_id(),
            session: random_id().parse().unwrap(),
        }
    }

    pub(crate) async fn authority(&self) -> Instance {
        self.authority_with(|_| {}).await
    }

    pub(crate) async fn authority_with(&self, change: impl FnOnce(&mut Config)) -> Instance {
        let mut config = Config {
            nats: self.nats.clone(),
            mongo: StoreConfig { uri: self.mongo_uri.clone(), database: self.database.clone(), ..StoreConfig::default() },
            ..Config::default()
        };
        // A judge waits for the document of the last version.
        config.snapshot.interval_ms = 1_000;
        // Of no update on a crowded machine: what tests the deadline sets one.
        config.commit.deadline_ms = 60_000;
        change(&mut config);
        let lifecycle = Lifecycle::new();
        let instance = format!("authority-{}", random_id());
        let kit = service_kit::Service {
            name: "state-authority",
            metrics: Metrics::new("state-authority", &instance, "test"),
            pages: service_kit::Pages::default(),
            instance,
            clock: Clock::system(),
            lifecycle: lifecycle.clone(),
            health: Health::default(),
        };
        let service = config.build(kit).await.unwrap();
        let authority = Arc::clone(service.authority());
        service.run().await.unwrap();
        Instance { authority, lifecycle }
    }

    pub(crate) async fn store(&self) -> Store {
        let config = StoreConfig { uri: self.mongo_uri.clone(), database: self.database.clone(), ..StoreConfig::default() };
        Store::connect(&config).await.unwrap()
    }

    /// A look at MongoDB, or a hand in it, that shares no code with the store.
    pub(crate) async fn wire(&self) -> wire::Connection {
        wire::Connection::open(self.mongo_port).await.unwrap()
    }

    pub(crate) async fn document(&self) -> Value {
        let found = self.wire().await.find_one(&self.database, "gameSessions", json!({"_id": self.session})).await.unwrap();
        found.expect("the session has a document")
    }

    pub(crate) async fn journal(&self) -> Vec<Value> {
        self.wire().await.find(&self.database, "sessionUpdates", json!({}), json!({"_id": 1})).await.unwrap()
    }

    /// Edits the session's document behind everyone's back.
    pub(crate) async fn edit_document(&self, change: Value) {
        let hit =
            self.wire().await.update(&self.database, "gameSessions", json!({"_id": self.session}), json!({"$set": change})).await.unwrap();
        assert!(hit);
    }

    /// A campaign with two characters, and a session of it: GM `gm`, participants `player` and `other`.
    pub(crate) async fn play(&self) -> CommandDone {
        self.campaign().await;
        self.create(json!({"participantIds": ["player", "other"]})).await.unwrap()
    }

    pub(crate) async fn campaign(&self) {
        let subject = self.bus.subjects().campaign_command(&self.campaign.parse().unwrap());
        let create = json!({"command": "create", "name": "The Sunken Vale", "gameMasterId": "gm"});
        let _: Value = self.ask(subject, &admin(), &create).await.unwrap();
        let characters = json!([
            {"id": format!("{}-mira", self.campaign), "name": "Mira", "pluginData": {"hitPoints": 20}},
            {"id": format!("{}-tovan", self.campaign), "name": "Tovan", "pluginData": {"hitPoints": 11}},
        ]);
        let subject = self.bus.subjects().campaign_import(&self.campaign.parse().unwrap());
        let _: Value = self.ask(subject, &admin(), &json!({"characters": characters})).await.unwrap();
    }

    pub(crate) async fn create(&self, fields: Value) -> Result<CommandDone, ErrorBody> {
        let mut create = json!({"command": "create", "campaignId": self.campaign, "name": "Friday"});
        create.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        self.command(&gm(), create).await
    }

    pub(crate) async fn command(&self, who: &Identity, command: Value) -> Result<CommandDone, ErrorBody> {
        self.ask(self.bus.subjects().session_command(&self.session), who, &command).await
    }

    /// A command whose answer reports what it found.
    pub(crate) async fn reported(&self, who: &Identity, command: Value) -> Result<Value, ErrorBody> {
        self.ask(self.bus.subjects().session_command(&self.session), who, &command).await
    }

    /// What the session's audit says: who, what, why.
    pub(crate) async fn audited(&self) -> Vec<(String, String, Value)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let document = self.document().await;
        document["audit"]
            .as_array()
            .unwrap()
            .iter()
            .map(|note| (text(&note["by"]), text(&note["action"]), note["reason"].clone()))
            .collect()
    }

    /// An update of the GM: sets the first character's hit points.
    pub(crate) async fn hit(&self, id: &str, base: u64, points: i64) -> Result<UpdateAccepted, ErrorBody> {
        self.update(&gm(), id, base, json!([{"path": "characters.0.pluginData.hitPoints", "operation": "set", "value": points}])).await
    }

    pub(crate) async fn update(&self, who: &Identity, id: &str, base: u64, operations: Value) -> Result<UpdateAccepted, ErrorBody> {
        self.send_update(self.bus.subjects().session_update(&self.session), who, id, base, operations).await
    }

    pub(crate) async fn update_at(&self, instance: &Instance, id: &str, base: u64, points: i64) -> Result<UpdateAccepted, ErrorBody> {
        let operations = json!([{"path": "characters.0.pluginData.hitPoints", "operation": "set", "value": points}]);
        self.send_update(self.bus.subjects().authority_update(&instance.authority.instance), &gm(), id, base, operations).await
    }

    async fn send_update(
        &self,
        subject: String,
        who: &Identity,
        id: &str,
        base: u64,
        operations: Value,
    ) -> Result<UpdateAccepted, ErrorBody> {
        let update = json!({
            "id": id, "sessionId": self.session, "version": base.to_string(), "operations": operations,
            "timestamp": 1, "source": "gm",
        });
        let accepted: UpdateAccepted = self.ask(subject, who, &update).await?;
        Ok(UpdateAccepted { trace_id: None, ..accepted })
    }

    pub(crate) async fn ask<T: DeserializeOwned>(&self, subject: String, who: &Identity, body: &Value) -> Result<T, ErrorBody> {
        let mut headers = Headers::new();
        headers.set_identity(who);
        self.ask_with(subject, headers, body).await
    }

    pub(crate) async fn ask_with<T: DeserializeOwned>(&self, subject: String, headers: Headers, body: &Value) -> Result<T, ErrorBody> {
        let payload = serde_json::to_vec(body).unwrap();
        let answer = loop {
            match self.bus.request_chunked(subject.clone(), headers.clone(), payload.clone().into(), PATIENCE).await {
                Ok(answer) => break answer,
                // A subscription of an instance that has just started may not be known to the server yet.
                Err(error) if error.nothing_happened() => tokio::time::sleep(Duration::from_millis(20)).await,
                Err(error) => panic!("{subject}: {error}"),
            }
        };
        Ack::<Value>::from_slice(&answer.payload).unwrap().into_result().map(|value| serde_json::from_value(value).unwrap())
    }

    pub(crate) async fn full_state(&self, body: Value) -> Result<Value, ErrorBody> {
        self.ask(self.bus.subjects().session_state(&self.session), &gm(), &body).await
    }

    /// The versions that the stream has of the session, in its order.
    pub(crate) async fn streamed(&self) -> Vec<u64> {
        let subject = self.bus.subjects().session_updated(&self.session);
        let slice = self.bus.stream_since(STREAM_UPDATES, &subject, 0, 1000).await.unwrap_or_default();
        let version = |payload: &[u8]| {
            let broadcast: Value = serde_json::from_slice(payload).unwrap();
            broadcast["newVersion"].as_str().unwrap().parse().unwrap()
        };
        slice.messages.iter().map(|stored| version(&stored.message.payload)).collect()
    }

    pub(crate) async fn eventually_streamed(&self, versions: std::ops::RangeInclusive<u64>) {
        let expected: Vec<u64> = versions.collect();
        eventually("the stream to have every version once", PATIENCE, async || (self.streamed().await == expected).then_some(()))
            .await
            .unwrap();
    }

    pub(crate) async fn eventually_stored(&self, version: u64) -> Value {
        eventually("the document to be up to date", PATIENCE, async || {
            let document = self.document().await;
            (document["gameStateVersion"] == json!(version.to_string())).then_some(document)
        })
        .await
        .unwrap()
    }

    pub(crate) async fn eventually_frozen(&self) {
        eventually("the session to be frozen", PATIENCE, async || self.document().await.get("frozen").map(drop)).await.unwrap();
    }

    /// Every entry follows the one before it by version and hash, from version 1 on.
    pub(crate) async fn assert_chain(&self, length: usize) -> Vec<Value> {
        let journal = self.journal().await;
        assert_eq!(journal.len(), length);
        for (index, entry) in journal.iter().enumerate() {
            assert_eq!(entry["_id"], json!(format!("{}:{:016}", self.session, index + 1)));
            assert!(index == 0 || entry["hashBefore"] == journal[index - 1]["hashAfter"], "{entry}");
        }
        journal
    }
}

pub(crate) fn user(id: &str) -> Identity {
    Identity { user: id.parse().unwrap(), name: format!("User {id}"), admin: false, system: false }
}

pub(crate) fn gm() -> Identity {
    user("gm")
}

pub(crate) fn admin() -> Identity {
    Identity { admin: true, ..user("admin") }
}

/// Code, reason, and what it says of the outcome.
pub(crate) fn kind(error: &ErrorBody) -> (&'static str, &str) {
    (error.code.as_str(), error.details.reason.as_str())
}
