//! MongoDB as `deploy/mongo/users.js` describes it: a user with the least rights for each service that uses it.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use testkit::{
    Mongo, PlatformOptions,
    client::accepted,
    mongo::{MongoOptions, wire::Connection},
    scratch::{Scratch, random_name},
    service::{program_of, workspace},
};

use crate::{play::Play, table::Table};

/// User, and the variable of the script with its password.
const USERS: [(&str, &str); 4] = [
    ("state-authority", "AUTHORITY_PASSWORD"),
    ("sync-worker", "SYNC_PASSWORD"),
    ("stateward", "OPERATOR_PASSWORD"),
    ("migration-job", "MIGRATION_PASSWORD"),
];
const UNAUTHORIZED: &str = "(13)";

#[tokio::test(flavor = "multi_thread")]
async fn the_platform_plays_with_a_user_for_each_service_and_each_is_denied_the_rest() -> anyhow::Result<()> {
    let guarded = Guarded::start().await?;
    let uri = |user: &str| vec![("MONGO__URI".to_owned(), guarded.uri(user))];
    let table = Table::set(PlatformOptions {
        authorities: 1,
        authority_config: uri("state-authority"),
        sync_worker_config: uri("sync-worker"),
        database: guarded.database.clone(),
        ..PlatformOptions::default()
    })
    .await?;
    let session = table.session.clone();
    let gm = table.gm().await?;
    let mut play = Play::new("mongo-users");
    for _ in 0..10 {
        play.step(&session, &gm).await?;
    }
    let ended = accepted(gm.client.request("gameSession:end", json!(session)).await?)?;
    ensure!(ended["session"]["status"] == "ended" || ended["status"] == "ended", "the sync-worker's user does not suffice: {ended}");
    table.platform.stop().await?;

    let database = guarded.database.as_str();
    let entry = |id: &str| json!({"documents": [{"_id": format!("{session}:{id}")}]});
    let touch = json!({"updates": [{"q": {"_id": session}, "u": {"$set": {"status": "ended"}}}]});
    let wipe = json!({"deletes": [{"q": {}, "limit": 0}]});

    // The sync-worker reads the journal, and can write neither entries nor sessions.
    let mut sync = guarded.connect("sync-worker").await?;
    sync.command(database, "find", json!("sessionUpdates"), json!({})).await?;
    denied(&mut sync, database, "insert", "sessionUpdates", entry("9999999999999990")).await?;
    denied(&mut sync, database, "insert", "gameSessions", entry("x")).await?;
    denied(&mut sync, database, "delete", "gameSessions", wipe.clone()).await?;
    denied(&mut sync, database, "delete", "sessionUpdates", wipe.clone()).await?;

    // The operator reads, and writes nothing.
    let mut operator = guarded.connect("stateward").await?;
    for collection in ["gameSessions", "sessionUpdates", "sessionBackups"] {
        operator.command(database, "find", json!(collection), json!({})).await?;
        denied(&mut operator, database, "insert", collection, entry("x")).await?;
        denied(&mut operator, database, "update", collection, touch.clone()).await?;
        denied(&mut operator, database, "delete", collection, wipe.clone()).await?;
    }
    denied(&mut operator, database, "find", "characters", json!({})).await?;

    // The authority writes in its database and in no other, and makes no users.
    let mut authority = guarded.connect("state-authority").await?;
    authority.command(database, "insert", json!("sessionUpdates"), entry("9999999999999999")).await?;
    denied(&mut authority, "somebody_elses", "insert", "sessionUpdates", entry("x")).await?;
    denied(&mut authority, database, "createUser", "another", json!({"pwd": "x", "roles": []})).await?;

    // Without a password there is nothing.
    let mut stranger = guarded.mongo.connect().await?;
    let refused = stranger.command(database, "find", json!("gameSessions"), json!({})).await;
    ensure!(refused.is_err_and(|error| error.to_string().contains("requires authentication")), "a stranger reads sessions");
    let mut wrong = guarded.mongo.connect().await?;
    ensure!(wrong.authenticate(database, "sync-worker", &password("stateward")).await.is_err(), "one user's password served another");
    guarded.mongo.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_migration_runs_with_its_own_user_who_is_denied_the_rest() -> anyhow::Result<()> {
    let guarded = Guarded::start().await?;
    let database = guarded.database.as_str();
    let mut user = guarded.connect("migration-job").await?;
    let campaign = |id: &str| json!({"_id": id, "name": "The Drowned Bell", "gameMasterId": "gm"});
    let hero = json!({"_id": "aria", "campaignId": "c1", "name": "Aria"});
    let session = json!({
        "_id": "s1", "name": "Evening one", "campaignId": "c1", "gameMasterId": "gm", "participantIds": ["p1"], "status": "ended",
        "characterIds": ["aria"],
    });
    // The other layout: documents of all kinds in one place, and a state that the session names.
    let ship = json!({"_id": "ship", "campaignId": "c2", "documentType": "actor", "name": "Ship"});
    let state = json!({"_id": "g1", "state": {"characters": [{"id": "bea", "name": "Bea"}]}, "version": "3"});
    let other = json!({
        "_id": "s2", "name": "Evening two", "campaignId": "c2", "gameMasterId": "gm", "participantIds": [], "status": "ended", "gameStateId": "g1",
    });
    let mut before = guarded.connect("state-authority").await?;
    for (collection, documents) in [
        ("campaigns", vec![campaign("c1"), campaign("c2")]),
        ("characters", vec![hero.clone()]),
        ("documents", vec![ship.clone()]),
        ("gameStates", vec![state]),
        ("gameSessions", vec![session.clone(), other.clone()]),
    ] {
        before.insert(database, collection, documents).await?;
    }
    let program = tokio::task::spawn_blocking(|| program_of("migration-job")).await??;
    let run = |uri: String, command: &str| {
        let mut job = Command::new(&program);
        job.arg(command).env_clear().env("STATEWARD_MONGO__URI", uri).env("STATEWARD_MONGO__DATABASE", database);
        job.output()
    };
    for (command, found) in [
        ("plan", json!({"converted": 2})),
        ("apply", json!({"converted": 2})),
        ("verify", json!({"intact": 2})),
        ("rollback", json!({"rolledBack": 2})),
    ] {
        let done = run(guarded.uri("migration-job"), command)?;
        ensure!(done.status.success(), "{command}: {done:?}");
        let report: Value = serde_json::from_slice(&done.stdout)?;
        ensure!(found.as_object().is_some_and(|found| found.iter().all(|(field, value)| report[field] == *value)), "{command}: {report}");
        if command == "apply" {
            let now = user.find_one(database, "gameSessions", json!({"_id": "s1"})).await?.context("the session")?;
            ensure!(now["gameState"]["characters"][0]["name"] == "Aria", "{now}");
            let now = user.find_one(database, "gameSessions", json!({"_id": "s2"})).await?.context("the session")?;
            ensure!(now["gameState"]["characters"][0]["name"] == "Bea", "{now}");
            let moved = user.find_one(database, "actors", json!({"_id": "ship"})).await?;
            ensure!(moved.is_some_and(|moved| moved["document"]["name"] == "Ship"), "it has its place among its kind");
        }
    }
    for (collection, id, old) in
        [("gameSessions", "s1", session), ("gameSessions", "s2", other), ("characters", "aria", hero), ("documents", "ship", ship)]
    {
        let back = user.find_one(database, collection, json!({"_id": id})).await?;
        ensure!(back == Some(old), "{collection} {id}: {back:?}");
    }

    // It changes no session and no document in place, writes no journal, and drops nothing.
    let document = || json!({"documents": [{"_id": "x"}]});
    let touch = || json!({"updates": [{"q": {}, "u": {"$set": {"name": "x"}}, "multi": true}]});
    let wipe = || json!({"deletes": [{"q": {}, "limit": 0}]});
    for collection in ["gameSessions", "campaigns", "characters", "actors", "items", "encounters", "documents"] {
        denied(&mut user, database, "update", collection, touch()).await?;
        denied(&mut user, database, "drop", collection, json!({})).await?;
    }
    for collection in ["sessionUpdates", "gameStates", "gamestates", "sessionBackups", "anything"] {
        denied(&mut user, database, "insert", collection, document()).await?;
        denied(&mut user, database, "update", collection, touch()).await?;
        denied(&mut user, database, "delete", collection, wipe()).await?;
    }
    denied(&mut user, database, "find", "sessionBackups", json!({})).await?;
    denied(&mut user, database, "drop", "migrationBackups", json!({})).await?;
    denied(&mut user, "somebody_elses", "insert", "gameSessions", json!({"documents": [{"_id": "x"}]})).await?;
    denied(&mut user, database, "createUser", "another", json!({"pwd": "x", "roles": []})).await?;
    denied(&mut user, "admin", "shutdown", "now", json!({})).await?;
    // Whoever may write less cannot convert, and is told so.
    let refused = run(guarded.uri("sync-worker"), "apply")?;
    ensure!(refused.status.code() == Some(1), "{refused:?}");
    guarded.mongo.stop().await?;
    Ok(())
}

async fn denied(connection: &mut Connection, database: &str, command: &str, on: &str, fields: Value) -> anyhow::Result<()> {
    let refused = connection.command(database, command, json!(on), fields).await;
    let refusal = refused.err().with_context(|| format!("{command} on {database}.{on} was done"))?.to_string();
    ensure!(refusal.contains(UNAUTHORIZED), "{command} on {on} failed otherwise: {refusal}");
    Ok(())
}

fn password(user: &str) -> String {
    format!("only-the-tests-know-{user}")
}

/// A mongod that asks for passwords, with the users of the script.
struct Guarded {
    mongo: Mongo,
    database: String,
    _scratch: Scratch,
}

impl Guarded {
    async fn start() -> anyhow::Result<Self> {
        let scratch = Scratch::new("deploy-mongo")?;
        let (data, database) = (scratch.path().join("data"), format!("test_{}", random_name()));
        // Users are made while nobody asks for any.
        let open = Mongo::start_with(MongoOptions { data: Some(data.clone()), ..MongoOptions::default() }).await?;
        let mut connection = open.connect().await?;
        for command in commands(&database)? {
            let name = command["name"].as_str().context("a command has a name")?;
            connection.command(&database, name, command["value"].clone(), command["fields"].clone()).await?;
        }
        open.stop().await?;
        let key = scratch.path().join("key");
        fs::write(&key, "c2hhcmVkIGJ5IGFsbCBtZW1iZXJzIG9mIHRoZSBzZXQ=")?;
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600))?;
        let args = vec!["--auth".to_owned(), "--keyFile".to_owned(), key.display().to_string()];
        let mongo = Mongo::start_with(MongoOptions { port: Some(open.port()), data: Some(data), args, ..MongoOptions::default() }).await?;
        Ok(Self { mongo, database, _scratch: scratch })
    }

    fn uri(&self, user: &str) -> String {
        let (password, address, database) = (password(user), self.mongo.address(), &self.database);
        format!("mongodb://{user}:{password}@{address}/?directConnection=true&authSource={database}")
    }

    async fn connect(&self, user: &str) -> anyhow::Result<Connection> {
        let mut connection = self.mongo.connect().await?;
        connection.authenticate(&self.database, user, &password(user)).await.with_context(|| user.to_owned())?;
        Ok(connection)
    }
}

/// What the script does, as commands.
fn commands(database: &str) -> anyhow::Result<Vec<Value>> {
    let mut node = Command::new("node");
    node.arg(workspace().join("tests/system/mongo-users.mjs")).arg(workspace().join("deploy/mongo/users.js"));
    node.envs(USERS.map(|(user, variable)| (variable, password(user)))).env("STATEWARD_DATABASE", database);
    let done = node.output()?;
    ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let lines = String::from_utf8(done.stdout)?;
    let commands = lines.lines().map(serde_json::from_str).collect::<Result<Vec<_>, _>>()?;
    ensure!(commands.len() == USERS.len() + 3, "{} commands", commands.len());
    Ok(commands)
}
