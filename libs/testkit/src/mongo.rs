//! A real mongod: a replica set of one member with its journal, so that transactions and majority writes are real.

pub mod bson;
pub mod set;
pub mod wire;

use std::{path::PathBuf, process::ExitStatus};

use anyhow::Context;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::{
    PATIENCE,
    ports::on_a_port,
    process::{Output, Process, Spec},
    scratch::{Scratch, random_name},
    tools::{self, Tool},
};

#[derive(Debug, Clone, Default)]
pub struct MongoOptions {
    /// A fixed port instead of a free one.
    pub port: Option<u16>,
    /// Where it keeps its files, instead of a directory that is removed at the end.
    pub data: Option<PathBuf>,
    /// Arguments to add.
    pub args: Vec<String>,
    /// Where its output goes, instead of a file in its own directory.
    pub output: Output,
}

/// Gone on drop. A restart keeps port and data.
#[derive(Debug)]
pub struct Mongo {
    process: Process,
    port: u16,
    replica_set: String,
    _scratch: Option<Scratch>,
}

impl Mongo {
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_with(MongoOptions::default()).await
    }

    /// One server for all tests of this process that need no fault of it: each takes a [`Mongo::fresh_database`].
    pub async fn shared() -> anyhow::Result<&'static Self> {
        static SHARED: OnceCell<Mongo> = OnceCell::const_new();
        SHARED.get_or_try_init(Self::start).await
    }

    pub async fn start_with(options: MongoOptions) -> anyhow::Result<Self> {
        let program = tokio::task::spawn_blocking(|| tools::ensure(Tool::Mongod)).await??;
        on_a_port(options.port, |port| Self::start_on(port, program.clone(), options.clone())).await
    }

    async fn start_on(port: u16, program: PathBuf, options: MongoOptions) -> anyhow::Result<Self> {
        let (data, scratch) = Scratch::unless(options.data, "mongo")?;
        let files = data.join("db");
        std::fs::create_dir_all(&files)?;
        let replica_set = replica_set_of(&data)?;
        let mut args = arguments(port, &files, &replica_set);
        args.extend(options.args);
        let output = match options.output {
            Output::Nowhere => Output::File(data.join("mongod.log")),
            other => other,
        };
        let spec = Spec { name: "mongod".to_owned(), program, args, output, ..Spec::default() };
        let server = Self { process: Process::start(spec)?, port, replica_set, _scratch: scratch };
        server.wait_ready().await?;
        Ok(server)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// For drivers.
    pub fn uri(&self) -> String {
        self.uri_through(self.port)
    }

    /// The same server reached through another port of this machine, such as a proxy's.
    pub fn uri_through(&self, port: u16) -> String {
        // A direct connection: a driver that asked the set for its members would go around a proxy.
        format!("mongodb://127.0.0.1:{port}/?directConnection=true")
    }

    /// A database name that no other test has.
    pub fn fresh_database(&self) -> String {
        format!("test_{}", random_name())
    }

    pub fn process(&self) -> &Process {
        &self.process
    }

    pub async fn stop(&self) -> anyhow::Result<Option<ExitStatus>> {
        self.process.terminate(PATIENCE).await
    }

    pub fn kill9(&self) {
        self.process.kill9();
    }

    /// Starts it again on the same port and data, after `stop` or `kill9`, and waits until it takes writes.
    pub async fn restart(&self) -> anyhow::Result<()> {
        self.process.kill9();
        self.process.start_again()?;
        self.wait_ready().await
    }

    pub fn pause(&self) -> anyhow::Result<()> {
        self.process.pause()
    }

    pub fn resume(&self) -> anyhow::Result<()> {
        self.process.resume()
    }

    /// A look at the stored documents that shares no code with the store.
    pub async fn connect(&self) -> anyhow::Result<wire::Connection> {
        wire::Connection::open(self.port).await
    }

    /// Makes the server fail on purpose: `configureFailPoint` with these fields, as in `{"mode": {"times": 1}, "data": {...}}`.
    pub async fn fail_point(&self, name: &str, fields: Value) -> anyhow::Result<()> {
        self.connect().await?.command("admin", "configureFailPoint", json!(name), fields).await.map(drop)
    }

    /// Takes a fail point away; says how often it was entered.
    pub async fn fail_point_off(&self, name: &str) -> anyhow::Result<u64> {
        let answer = self.connect().await?.command("admin", "configureFailPoint", json!(name), json!({"mode": "off"})).await?;
        answer["count"].as_u64().with_context(|| format!("{name} does not say how often it was entered: {answer}"))
    }

    async fn wait_ready(&self) -> anyhow::Result<()> {
        let primary = async || self.is_primary().await.is_ok_and(|primary| primary).then_some(());
        self.process.ready("mongod to take writes", PATIENCE, primary).await
    }

    /// Whether our server is up and primary. Makes the set on the way if it is a new one.
    async fn is_primary(&self) -> anyhow::Result<bool> {
        let mut connection = self.connect().await?;
        let hello = connection.command("admin", "hello", json!(1), json!({})).await?;
        if hello["isWritablePrimary"] == json!(true) {
            anyhow::ensure!(hello["setName"] == json!(self.replica_set), "another mongod answers on port {}", self.port);
            return Ok(true);
        }
        if hello["isreplicaset"] == json!(true) {
            self.make_set(&mut connection).await?;
        }
        Ok(false)
    }

    /// Makes this server the one member of its set, also when its data comes from a time when it had another port.
    async fn make_set(&self, connection: &mut wire::Connection) -> anyhow::Result<()> {
        let member = json!([{"_id": 0, "host": self.address()}]);
        let config = json!({"_id": self.replica_set, "members": member, "settings": {"electionTimeoutMillis": 1000}});
        if connection.command("admin", "replSetInitiate", config, json!({})).await.is_ok() {
            return Ok(());
        }
        let mut config = connection.command("admin", "replSetGetConfig", json!(1), json!({})).await?["config"].take();
        config["members"] = member;
        config["version"] = json!(config["version"].as_i64().unwrap_or_default() + 1);
        connection.command("admin", "replSetReconfig", config, json!({"force": true})).await.map(drop)
    }
}

/// How every mongod of ours is started.
fn arguments(port: u16, files: &std::path::Path, replica_set: &str) -> Vec<String> {
    [
        "--bind_ip",
        "127.0.0.1",
        "--port",
        &port.to_string(),
        "--dbpath",
        &files.display().to_string(),
        "--replSet",
        replica_set,
        // The bundled server has a hole in its zlib decompressor.
        "--networkMessageCompressors",
        "disabled",
        "--setParameter",
        "enableTestCommands=1",
        "--setParameter",
        "diagnosticDataCollectionEnabled=false",
        "--wiredTigerCacheSizeGB",
        "0.5",
        "--oplogSize",
        "256",
        "--nounixsocket",
    ]
    .map(str::to_owned)
    .into()
}

/// A set's name is its data's: a random one, so that we never mistake another server for ours, kept beside the files.
fn replica_set_of(data: &std::path::Path) -> anyhow::Result<String> {
    let file = data.join("replica-set");
    if let Ok(name) = std::fs::read_to_string(&file) {
        return Ok(name);
    }
    let name = format!("stateward-{}", random_name());
    std::fs::write(&file, &name)?;
    Ok(name)
}
