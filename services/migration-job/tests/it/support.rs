use std::process::{Command, Output};

use serde_json::{Value, json};
use store::{Store, StoreConfig};
use testkit::{Mongo, mongo::wire::Connection};

pub(crate) const COLLECTIONS: [&str; 10] = [
    "documents",
    "gameSessions",
    "sessionUpdates",
    "sessionBases",
    "campaigns",
    "characters",
    "actors",
    "items",
    "encounters",
    "migrationBackups",
];

pub(crate) struct Old {
    pub(crate) mongo: &'static Mongo,
    pub(crate) database: String,
    pub(crate) wire: Connection,
    pub(crate) store: Store,
}

impl Old {
    pub(crate) async fn new() -> Self {
        let mongo = Mongo::shared().await.unwrap();
        let database = mongo.fresh_database();
        let config = StoreConfig { uri: mongo.uri(), database: database.clone(), ..StoreConfig::default() };
        Self { mongo, wire: mongo.connect().await.unwrap(), store: Store::connect(&config).await.unwrap(), database }
    }

    pub(crate) async fn insert(&mut self, collection: &str, documents: Vec<Value>) {
        self.wire.insert(&self.database, collection, documents).await.unwrap();
    }

    pub(crate) async fn find(&mut self, collection: &str, filter: Value) -> Vec<Value> {
        self.wire.find(&self.database, collection, filter, json!({"_id": 1})).await.unwrap()
    }

    /// Everything that the job could change.
    pub(crate) async fn everything(&mut self) -> Vec<Vec<Value>> {
        let mut all = Vec::new();
        for collection in COLLECTIONS {
            all.push(self.find(collection, json!({})).await);
        }
        all
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stateward-migration-job"));
        command.args(args).env_clear();
        command.envs(testkit::guards::inherited());
        command.env("STATEWARD_MONGO__URI", self.mongo.uri()).env("STATEWARD_MONGO__DATABASE", &self.database);
        command
    }

    /// Runs the job to its end: exit code and report.
    pub(crate) async fn run(&self, args: &[&str]) -> (i32, Value) {
        let mut command = self.command(args);
        let output: Output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let shown = String::from_utf8_lossy(&output.stderr).into_owned();
        let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {shown}"));
        (output.status.code().unwrap(), report)
    }

    /// An old campaign with documents of each kind, its references being object ids or text.
    pub(crate) async fn campaign(&mut self, n: u32, object_ids: bool) {
        let key = |kind: u32, of: u32| if object_ids { json!({"$oid": oid(n, kind, of)}) } else { json!(oid(n, kind, of)) };
        let campaign = key(0, 0);
        let made = json!({"$date": 1_700_000_000_000_i64});
        let document =
            json!({"_id": campaign, "name": format!("Campaign {n}"), "gameMasterId": key(9, 0), "setting": {"year": 1492}, "__v": 3});
        self.insert("campaigns", vec![document]).await;
        for (kind, collection) in [(1, "characters"), (2, "actors"), (3, "items")] {
            let documents = (0..3)
                .map(|of| json!({"_id": key(kind, of), "campaignId": campaign, "name": format!("{collection} {of}"), "hp": of, "made": made, "__v": 0}))
                .collect();
            self.insert(collection, documents).await;
        }
        let encounters = [(0, "active"), (1, "completed")]
            .map(|(of, status)| json!({"_id": key(4, of), "campaignId": campaign, "status": status, "tokens": [{"at": key(1, 0)}]}));
        self.insert("encounters", encounters.to_vec()).await;
    }

    /// The same, with the documents of every kind in one collection.
    pub(crate) async fn campaign_in_documents(&mut self, n: u32, object_ids: bool) {
        let key = |kind: u32, of: u32| if object_ids { json!({"$oid": oid(n, kind, of)}) } else { json!(oid(n, kind, of)) };
        let campaign = key(0, 0);
        let document = json!({"_id": campaign, "name": format!("Campaign {n}"), "gameMasterId": key(9, 0)});
        self.insert("campaigns", vec![document]).await;
        let kinds = [(1, "character", 3), (2, "actor", 3), (3, "item", 3), (4, "encounter", 2), (6, "vtt-document", 1)];
        let documents = kinds.iter().flat_map(|(kind, word, count)| {
            let campaign = campaign.clone();
            (0..*count).map(move |of| {
                let status = if of == 0 { "active" } else { "completed" };
                json!({"_id": key(*kind, of), "campaignId": campaign, "documentType": word, "name": format!("{word} {of}"), "status": status, "__v": 0})
            })
        });
        self.insert("documents", documents.collect()).await;
    }

    /// An old session of campaign `n` with some fields replaced.
    pub(crate) async fn session(&mut self, n: u32, of: u32, object_ids: bool, changes: Value) -> String {
        let key = |kind: u32, of: u32| if object_ids { json!({"$oid": oid(n, kind, of)}) } else { json!(oid(n, kind, of)) };
        let mut session = json!({
            "_id": key(5, of), "name": format!("Session {of}"), "campaignId": key(0, 0), "gameMasterId": key(9, 0),
            "participantIds": [key(9, 1), key(9, 2)], "status": "ended",
            "characterIds": [key(1, 2), key(1, 0)], "currentEncounterId": key(4, 0),
            "settings": {"music": true}, "startTime": {"$date": 1_700_000_000_000_i64}, "__v": 7,
        });
        for (field, value) in changes.as_object().unwrap() {
            session[field] = value.clone();
        }
        self.insert("gameSessions", vec![session]).await;
        oid(n, 5, of)
    }
}

/// An object id that says whose it is.
pub(crate) fn oid(campaign: u32, kind: u32, of: u32) -> String {
    format!("{campaign:08x}{kind:08x}{of:08x}")
}
