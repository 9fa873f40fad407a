use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use bus::{Bus, BusConfig, Headers};
use game_state::{GameState, Limits, Value, Version};
use protocol::{Ack, Identity, SessionId};
use serde_json::json;
use store::{CampaignDocument, Content, Kind, Store, StoreConfig};
use testkit::{
    History, Mongo, NatsServer, eventually,
    game_master::{Outcome, Sent},
    history::{Backing, Evidence, Published, Reader, seat_at_stream},
    mongo::wire::Connection,
    platform::Stored,
    replica,
    service::{Service, ServiceOptions},
};

/// Many sessions are written in it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(240);

/// Servers, one authority, and whatever workers a test starts.
pub(crate) struct Stage {
    pub(crate) authority: Service,
    pub(crate) bus: Bus,
    pub(crate) store: Store,
    pub(crate) nats: NatsServer,
    pub(crate) mongo: Mongo,
    played: Mutex<Vec<Played>>,
}

/// A session from its beginning on, for the judge.
struct Played {
    session: String,
    first_state: serde_json::Value,
    sent: Vec<Sent>,
}

const DATABASE: &str = "sync";

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    /// Its authority waits for the end of a session as long as that takes: for what is answered, and not how soon.
    pub(crate) async fn patient() -> Self {
        Self::with(&[("REQUESTS__DEADLINE_MS", "120000")]).await
    }

    async fn with(authority: &[(&str, &str)]) -> Self {
        let (nats, mongo) = tokio::try_join!(NatsServer::start(), Mongo::start()).unwrap();
        let store = StoreConfig { uri: mongo.uri(), database: DATABASE.to_owned(), operation_timeout_ms: 20_000, ..StoreConfig::default() };
        let store = Store::connect(&store).await.unwrap();
        let bus = BusConfig { servers: vec![nats.url()], ..BusConfig::default() };
        let bus = Bus::connect(&bus, "test").await.unwrap();
        let authority = start("state-authority", &nats, &mongo, authority).await;
        Self { authority, bus, store, nats, mongo, played: Mutex::default() }
    }

    pub(crate) async fn worker(&self) -> Service {
        // Nothing is written for its age alone, unless a test wants it.
        self.worker_with(&[("SWEEP__DIRTY_AFTER_MS", "0"), ("SWEEP__AT_SHUTDOWN", "false")]).await
    }

    pub(crate) async fn worker_with(&self, config: &[(&str, &str)]) -> Service {
        start("sync-worker", &self.nats, &self.mongo, config).await
    }

    /// What an operator or another service does to have a session written back.
    pub(crate) async fn mark(&self, session: &str, trigger: &str, message_id: &str) {
        let work = json!({"sessionId": session, "trigger": trigger}).to_string();
        let subject = self.bus.subjects().session_sync(&id(session));
        self.bus.publish_stream(subject, message_id, Headers::new(), work).await.unwrap();
    }

    pub(crate) async fn wire(&self) -> Connection {
        self.mongo.connect().await.unwrap()
    }

    /// A campaign with a few documents.
    pub(crate) async fn campaign(&self, id: &str) {
        let campaign = CampaignDocument {
            id: id.parse().unwrap(),
            name: id.to_owned(),
            game_master_id: "gm".parse().unwrap(),
            plugin_data: value(json!({})),
        };
        assert!(self.store.insert_campaign(&campaign).await.unwrap());
        let entity = |kind: &str, n: u32| value(json!({"id": format!("{id}-{kind}-{n}"), "hp": n, "a.b": 0.5}));
        let content = Content {
            characters: (0..3).map(|n| entity("character", n)).collect(),
            actors: (0..3).map(|n| entity("actor", n)).collect(),
            items: (0..3).map(|n| entity("item", n)).collect(),
            encounters: vec![value(json!({"id": format!("{id}-encounter"), "status": "active", "round": 1}))],
        };
        self.store.import(&id.parse().unwrap(), &content).await.unwrap().unwrap();
    }

    pub(crate) async fn create(&self, session: &str, campaign: &str) {
        let command = json!({"command": "create", "campaignId": campaign, "name": session});
        let done = self.command(session, command).await.unwrap();
        assert_eq!(done["session"]["status"], json!("active"), "{done}");
        let document = self.wire().await.find_one(DATABASE, "gameSessions", json!({"_id": session})).await.unwrap().unwrap();
        assert_eq!(document["gameStateVersion"], json!("0"));
        self.played().push(Played { session: session.to_owned(), first_state: document["gameState"].clone(), sent: Vec::new() });
    }

    fn played(&self) -> std::sync::MutexGuard<'_, Vec<Played>> {
        self.played.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer, or the refusal as the error.
    pub(crate) async fn command(&self, session: &str, command: serde_json::Value) -> Result<serde_json::Value, serde_json::Value> {
        let subject = self.bus.subjects().session_command(&id(session));
        self.ask(subject, command).await
    }

    /// An update of the game master's; gives the new version.
    pub(crate) async fn update(&self, session: &str, base: u64, operations: serde_json::Value) -> u64 {
        let (update_id, begun) = (format!("u{base}"), Instant::now());
        let update = json!({
            "id": update_id, "sessionId": session, "version": base.to_string(),
            "operations": operations, "timestamp": 0, "source": "gm",
        });
        let subject = self.bus.subjects().session_update(&id(session));
        let accepted = self.ask(subject, update).await.unwrap();
        let version = accepted["newVersion"].as_str().unwrap().parse().unwrap();
        let outcome = Outcome::Accepted { version, hash: accepted["newHash"].as_str().map(str::to_owned) };
        let sent = Sent { id: update_id, base, operations, outcome, tries: 1, took: begun.elapsed() };
        self.played().iter_mut().filter(|played| played.session == session).for_each(|played| played.sent.push(sent.clone()));
        version
    }

    /// Reads a session's document again and again.
    pub(crate) fn reader(&self, session: &str) -> Reader {
        Reader::start(vec![self.mongo.port()], DATABASE.to_owned(), session.to_owned())
    }

    /// Everything that was sent, published and stored of a session, and of its campaign, keeps what is promised.
    pub(crate) async fn judge(&self, session: &str, reader: Option<&Reader>) {
        let (first_state, sent) = {
            let played = self.played();
            let played = played.iter().find(|played| played.session == session).expect("it was played");
            (played.first_state.clone(), played.sent.clone())
        };
        let stored = eventually(&format!("{session} to be written up to its journal's end"), DEADLINE, async || {
            let stored = Stored::read(&mut self.mongo.connect().await.ok()?, DATABASE, session).await.ok()?;
            (stored.document["gameStateVersion"] == json!(stored.journal.len().to_string())).then_some(stored)
        })
        .await
        .unwrap();
        let messages = eventually(&format!("the stream to have all of {session}"), DEADLINE, async || {
            let subject = format!("session.{session}.updated");
            let messages = self.nats.connect().await.ok()?.stored("SESSION_UPDATES", &subject).await.ok()?;
            (messages.len() >= stored.journal.len()).then_some(messages)
        })
        .await
        .unwrap();
        let first = json!({
            "success": true, "sessionId": session, "epoch": stored.document["epoch"],
            "gameState": first_state, "gameStateVersion": "0", "gameStateHash": replica::hash(&first_state).unwrap(),
        });
        let seats = vec![seat_at_stream(session, &first, &messages, None).unwrap()];
        let documents = reader.map(Reader::seen).unwrap_or_default();
        assert!(reader.is_none() || !documents.is_empty(), "nobody read the document meanwhile");
        let evidence = Evidence {
            published: Some(Published::of(&messages, true)),
            documents,
            backing: Some(Backing::read(&mut self.wire().await, DATABASE).await.unwrap()),
            ..Evidence::default()
        };
        History { first_state, game_master: "gm".to_owned(), sent, seats, stored, evidence }.assert_holds();
    }

    /// Brings the session's document up to its journal.
    pub(crate) async fn snapshot(&self, session: &str) {
        let subject = self.bus.subjects().session_snapshot(&id(session));
        let asked = self.bus.request(subject, Headers::new(), "{}".into(), DEADLINE).await.unwrap();
        assert!(String::from_utf8_lossy(&asked.payload).contains("\"success\":true"));
    }

    async fn ask(&self, subject: String, request: serde_json::Value) -> Result<serde_json::Value, serde_json::Value> {
        let identity = Identity { user: "gm".parse().unwrap(), name: "GM".to_owned(), admin: false, system: false };
        let mut headers = Headers::new();
        headers.set_identity(&identity);
        headers.set_connection(&"test-connection".parse().unwrap());
        let answer = self.bus.request(subject, headers, request.to_string().into(), DEADLINE).await.unwrap();
        let ack: Ack<serde_json::Value> = Ack::from_slice(&answer.payload).unwrap();
        ack.into_result().map_err(|error| serde_json::to_value(error).unwrap())
    }

    /// The session at its journal's end.
    pub(crate) async fn state(&self, session: &str) -> (store::SessionHead, GameState) {
        let replayed = self.store.load(&id(session)).await.unwrap().unwrap().replay().unwrap();
        (replayed.head, replayed.state)
    }

    pub(crate) async fn wait_for_status(&self, session: &str, status: &str) {
        eventually(&format!("{session} to be {status}"), DEADLINE, async || {
            let found = self.store.session(&id(session)).await.ok()??;
            (found.status.as_str() == status).then_some(())
        })
        .await
        .unwrap();
    }

    /// The content of every document of a campaign that has no tombstone, by kind and id.
    pub(crate) async fn documents(&self, campaign: &str) -> Vec<(Kind, serde_json::Value)> {
        let mut wire = self.wire().await;
        let mut documents = Vec::new();
        for kind in Kind::ALL {
            let filter = json!({"campaignId": campaign, "removed": {"$exists": false}});
            let found = wire.find(DATABASE, kind.collection(), filter, json!({"_id": 1})).await.unwrap();
            documents.extend(found.into_iter().map(|document| (kind, document["document"].clone())));
        }
        documents
    }

    /// How many documents of entities a session has written, tombstones among them.
    pub(crate) async fn written_by(&self, session: &str) -> usize {
        let mut wire = self.wire().await;
        let mut written = 0;
        for kind in Kind::ALL {
            let filter = json!({"$or": [{"sync.session": session}, {"removed.session": session}]});
            written += wire.find(DATABASE, kind.collection(), filter, json!({"_id": 1})).await.unwrap().len();
        }
        written
    }

    /// Each entity of the session's last state is its campaign's document, no other document is left, and the session says so.
    pub(crate) async fn assert_written_back(&self, session: &str, campaign: &str) {
        let head = self.assert_shown(session, campaign).await;
        assert_eq!(head.status.as_str(), "ended");
        let document = self.store.session(&id(session)).await.unwrap().unwrap();
        let mark = document.sync.unwrap();
        assert_eq!((mark.epoch, mark.version.next(), mark.error), (head.epoch, head.version, None), "ended follows what was written");
        assert_eq!(document.open_for, None);
        let entries = self.store.entries_after(&id(session), Version::ZERO, 1000).await.unwrap();
        let kinds = |wanted: &str| entries.iter().filter(|entry| entry.kind.as_str() == wanted).count();
        assert_eq!(kinds("ended"), 1, "exactly one");
    }

    /// Each entity of the session's newest state is its campaign's document, and no other document is left.
    pub(crate) async fn assert_shown(&self, session: &str, campaign: &str) -> store::SessionHead {
        let (head, state) = self.state(session).await;
        let mut expected: Vec<_> = store::entities_of(state.root())
            .map(|(kind, entity)| (kind, serde_json::from_str::<serde_json::Value>(&entity.to_json()).unwrap()))
            .collect();
        expected.sort_by_key(|(kind, entity)| (*kind, entity["id"].as_str().unwrap().to_owned()));
        assert_eq!(self.documents(campaign).await, expected, "{session}");
        head
    }
}

async fn start(service: &str, nats: &NatsServer, mongo: &Mongo, more: &[(&str, &str)]) -> Service {
    let config = [
        ("NATS__SERVERS", nats.url()),
        ("MONGO__URI", mongo.uri()),
        ("MONGO__DATABASE", DATABASE.to_owned()),
        ("LOG__FORMAT", "text".to_owned()),
    ];
    let config = config.into_iter().chain(more.iter().map(|(key, value)| (*key, (*value).to_owned())));
    let config = config.map(|(key, value)| (key.to_owned(), value)).collect();
    Service::start(ServiceOptions { service: service.to_owned(), config, ..ServiceOptions::default() }).await.unwrap()
}

pub(crate) fn id(text: &str) -> SessionId {
    text.parse().unwrap()
}

pub(crate) fn value(json: serde_json::Value) -> Value {
    Value::parse(&json.to_string(), &Limits::default()).unwrap()
}

/// Changes one entity of each kind, makes one, and removes one.
pub(crate) fn changes(campaign: &str) -> serde_json::Value {
    json!([
        {"path": "characters.0.hp", "operation": "set", "value": 77},
        {"path": "actors.1.name", "operation": "set", "value": "Åsa \u{1f600}"},
        {"path": "items", "operation": "push", "value": {"id": format!("{campaign}-made"), "weight": 0.1}},
        {"path": "items", "operation": "pull", "value": {"id": format!("{campaign}-item-1")}},
        {"path": "currentEncounter.round", "operation": "inc", "value": 4},
        {"path": "pluginData.weather", "operation": "set", "value": "storm"},
    ])
}
