//! The yardstick of an update's way: the same hops in two bare programs. One has the sockets, the other the journal; between them is
//! NATS. An update goes from the game master's socket over NATS into one majority write, from there into a stream, and back as a
//! frame for everybody, his first. Nothing is read, checked, applied, hashed or kept. One table, once.

use anyhow::Context;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use testkit::{Mongo, NatsServer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{
    dialect::{Dialect, Seat, some_update},
    limits::{MESSAGE_BYTES, RawMongo},
    load::{Plan, TablePlan},
    machine::Core,
    role::{Role, first_line, say},
    websocket::framed,
};

const ASKED: &str = "bench.relay.update";
const COMMITTED: &str = "bench.relay.updated";

/// Where the two programs find their servers.
#[derive(Serialize, Deserialize)]
struct Servers {
    nats: String,
    mongo: String,
}

/// Both programs, on the servers' core.
pub(crate) struct Relay {
    port: u16,
    sockets: Role,
    journal: Role,
}

impl Relay {
    pub(crate) async fn start(nats: &NatsServer, mongo: &Mongo) -> anyhow::Result<Self> {
        let servers = Servers { nats: nats.url(), mongo: mongo.uri() };
        let mut journal = Role::start("relay-journal", Core::Servers)?;
        journal.tell(&servers).await?;
        journal.line().await?;
        let mut sockets = Role::start("relay-sockets", Core::Servers)?;
        sockets.tell(&servers).await?;
        let port = sockets.line().await?.parse()?;
        Ok(Self { port, sockets, journal })
    }

    /// Of the program with the sockets, and of the one with the journal.
    pub(crate) fn pids(&self) -> anyhow::Result<[u32; 2]> {
        Ok([self.sockets.pid()?, self.journal.pid()?])
    }

    /// The first who connects is the game master.
    pub(crate) fn plan(&self, players: usize) -> Plan {
        let (session, game_master, players) = ("bench".to_owned(), Some(String::new()), vec![String::new(); players]);
        let table = TablePlan { session, characters: 1, game_master, players };
        Plan { dialect: Dialect::Bare, port: self.port, seat: Seat::Connected, tables: vec![table] }
    }
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn serve_sockets() -> anyhow::Result<()> {
    let servers: Servers = serde_json::from_str(&first_line()?)?;
    let nats = async_nats::connect(servers.nats).await?;
    let mut committed = nats.subscribe(COMMITTED).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    say(listener.local_addr()?.port());
    let mut master = accept(&listener).await?;
    let (mut players, mut asked) = (Vec::new(), [0; 64]);
    loop {
        tokio::select! {
            player = accept(&listener) => players.push(player?),
            read = master.read(&mut asked) => match read? {
                0 => return Ok(()),
                updates => for _ in 0..updates {
                    nats.publish(ASKED, vec![b'x'; MESSAGE_BYTES].into()).await?;
                },
            },
            message = committed.next() => {
                let frame = framed(&message.context("NATS has gone")?.payload);
                for socket in std::iter::once(&mut master).chain(&mut players) {
                    socket.write_all(&frame).await?;
                }
            }
        }
    }
}

async fn accept(listener: &TcpListener) -> std::io::Result<TcpStream> {
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn serve_journal() -> anyhow::Result<()> {
    let servers: Servers = serde_json::from_str(&first_line()?)?;
    let nats = async_nats::connect(servers.nats).await?;
    let stream = serde_json::json!({"name": "BENCH_RELAY", "subjects": [COMMITTED], "storage": "file", "max_msgs": 2048}).to_string();
    nats.request("$JS.API.STREAM.CREATE.BENCH_RELAY", stream.into()).await.context("making a stream")?;
    let mut journal = RawMongo::connect(&servers.mongo, "relay").await?;
    let mut asked = nats.subscribe(ASKED).await?;
    // The stream's acknowledgements come here, as somebody has to read them.
    let inbox = nats.new_inbox();
    let mut acknowledged = nats.subscribe(inbox.clone()).await?;
    nats.flush().await?;
    say("ready");
    let broadcast = some_update().into_bytes();
    loop {
        tokio::select! {
            update = asked.next() => {
                update.context("NATS has gone")?;
                journal.write().await?;
                nats.publish_with_reply(COMMITTED, inbox.clone(), broadcast.clone().into()).await?;
            }
            _ = acknowledged.next() => {}
        }
    }
}
