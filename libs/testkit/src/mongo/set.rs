//! Three mongods that are one replica set: a primary can be lost, and a majority with it.

use std::{path::PathBuf, time::Duration};

use anyhow::Context;
use serde_json::{Value, json};

use super::{arguments, wire::Connection};
use crate::{
    PATIENCE,
    ports::free_port,
    process::{Output, Process, Spec},
    scratch::{Scratch, random_name},
    tools::{self, Tool},
    wait::eventually,
};

/// One that does not say by then what it is gets asked again.
const HELLO_DEADLINE: Duration = Duration::from_secs(5);
const MEMBERS: usize = 3;

/// Gone on drop.
#[derive(Debug)]
pub struct ReplicaSet {
    pub members: Vec<Member>,
    name: String,
    _scratch: Scratch,
}

#[derive(Debug)]
pub struct Member {
    pub process: Process,
    pub port: u16,
    /// Where it keeps its files: what it rolled back lies below it too.
    pub files: PathBuf,
}

impl Member {
    pub async fn connect(&self) -> anyhow::Result<Connection> {
        Connection::open(self.port).await
    }

    async fn hello(&self) -> anyhow::Result<Value> {
        self.connect().await?.command("admin", "hello", json!(1), json!({})).await
    }

    /// Whether it ever threw away what a new primary did not have.
    pub fn has_rolled_back(&self) -> bool {
        std::fs::read_dir(self.files.join("rollback")).is_ok_and(|mut entries| entries.next().is_some())
    }
}

impl ReplicaSet {
    /// Starts three members and waits until one of them takes writes and all follow it.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_with(Duration::from_secs(2)).await
    }

    /// As `start`; for so long a member that hears of no majority goes on as before.
    pub async fn start_with(election_timeout: Duration) -> anyhow::Result<Self> {
        let program = tokio::task::spawn_blocking(|| tools::ensure(Tool::Mongod)).await??;
        let (name, scratch) = (format!("stateward-{}", random_name()), Scratch::new("mongo-set")?);
        let mut members = Vec::new();
        for index in 0..MEMBERS {
            let (port, directory) = (free_port()?, scratch.path().join(index.to_string()));
            let files = directory.join("db");
            std::fs::create_dir_all(&files)?;
            let args = arguments(port, &files, &name);
            let output = Output::File(directory.join("mongod.log"));
            let process =
                Process::start(Spec { name: format!("mongod {index}"), program: program.clone(), args, output, ..Spec::default() })?;
            members.push(Member { process, port, files });
        }
        let set = Self { members, name, _scratch: scratch };
        set.initiate(election_timeout).await?;
        set.all_follow().await?;
        Ok(set)
    }

    async fn initiate(&self, election_timeout: Duration) -> anyhow::Result<()> {
        let members: Vec<_> =
            self.members.iter().enumerate().map(|(id, member)| json!({"_id": id, "host": format!("127.0.0.1:{}", member.port)})).collect();
        let settings = json!({"electionTimeoutMillis": election_timeout.as_millis() as u64, "heartbeatIntervalMillis": 500});
        let config = json!({"_id": self.name, "members": members, "settings": settings});
        eventually("the set to be made", PATIENCE, async || {
            let mut connection = self.members[0].connect().await.ok()?;
            connection.command("admin", "replSetInitiate", config.clone(), json!({})).await.ok()
        })
        .await
        .map(drop)
    }

    /// For drivers, which find the primary by themselves.
    pub fn uri(&self) -> String {
        let hosts: Vec<_> = self.members.iter().map(|member| format!("127.0.0.1:{}", member.port)).collect();
        format!("mongodb://{}/?replicaSet={}", hosts.join(","), self.name)
    }

    /// The member that takes writes.
    pub async fn primary(&self) -> anyhow::Result<usize> {
        self.primary_among(&[0, 1, 2]).await
    }

    /// The one of these members that takes writes, as soon as one does.
    pub async fn primary_among(&self, members: &[usize]) -> anyhow::Result<usize> {
        eventually("the set to have a primary", PATIENCE, async || {
            for index in members {
                let hello = tokio::time::timeout(HELLO_DEADLINE, self.members[*index].hello()).await;
                if hello.is_ok_and(|hello| hello.is_ok_and(|hello| hello["isWritablePrimary"] == json!(true))) {
                    return Some(*index);
                }
            }
            None
        })
        .await
    }

    /// Waits until every member is primary or follows one.
    pub async fn all_follow(&self) -> anyhow::Result<()> {
        eventually("every member to follow", PATIENCE, async || {
            let mut primaries = 0;
            for member in &self.members {
                let hello = member.hello().await.ok()?;
                primaries += u32::from(hello["isWritablePrimary"] == json!(true));
                (hello["isWritablePrimary"] == json!(true) || hello["secondary"] == json!(true)).then_some(())?;
            }
            (primaries == 1).then_some(())
        })
        .await
        .with_context(|| self.members.iter().map(|member| member.process.log_tail()).collect::<String>())
    }

    pub async fn connect_primary(&self) -> anyhow::Result<Connection> {
        self.members[self.primary().await?].connect().await
    }
}
