//! Faults by chance: what breaks, when, and for how long comes from a seed, which is printed. `cargo xtask faults --seeds 20` tries
//! new ones, and `--seed S` one again.

use std::time::Duration;

use anyhow::{Context, ensure};
use testkit::{Mongo, NatsServer, PATIENCE, PlatformOptions, Process, Proxy, proxy::Link};
use tokio::time::sleep;

use super::stage::{Servers, Stage, Streamed, alone};

const FAST: Duration = Duration::from_millis(5);
/// Tried in every run.
const SEEDS: [u64; 2] = [3, 8];
/// Faults of one seed: in every run, and where a seed is asked for.
const FAULTS: (u64, u64) = (3, 10);
const LOST: Link = Link { swallowed: true, latency: Duration::ZERO, throttle: None, stalled: false };

#[derive(Debug, Clone, Copy)]
enum Fault {
    AuthorityKilled(usize),
    AuthorityStopped(usize),
    GatewayKilled,
    MongoKilled,
    MongoStopped,
    MongoCutOff,
    MongoSilent,
    NatsKilled,
    NatsStopped,
    NatsCutOff,
    NatsSilent,
}

impl Fault {
    fn by(random: &mut Random) -> Self {
        let instance = random.below(2) as usize;
        match random.below(11) {
            0 => Self::AuthorityKilled(instance),
            1 => Self::AuthorityStopped(instance),
            2 => Self::GatewayKilled,
            3 => Self::MongoKilled,
            4 => Self::MongoStopped,
            5 => Self::MongoCutOff,
            6 => Self::MongoSilent,
            7 => Self::NatsKilled,
            8 => Self::NatsStopped,
            9 => Self::NatsCutOff,
            _ => Self::NatsSilent,
        }
    }
}

/// Everything that can break: the platform reaches both servers through a proxy.
struct Small {
    stage: Stage,
    mongo: Mongo,
    nats: NatsServer,
    to_mongo: Proxy,
    to_nats: Proxy,
}

impl Small {
    async fn set() -> anyhow::Result<Self> {
        let (mongo, nats) = tokio::try_join!(Mongo::start(), NatsServer::start())?;
        let (to_mongo, to_nats) = (Proxy::start(&mongo.address()).await?, Proxy::start(&nats.address()).await?);
        let options = PlatformOptions {
            mongo_uri: Some(mongo.uri_through(to_mongo.port())),
            nats_url: Some(format!("nats://{}", to_nats.address())),
            ..PlatformOptions::default()
        };
        let servers = Servers { mongods: vec![mongo.port()], nats: vec![nats.address()] };
        Ok(Self { stage: Stage::set(options, servers, FAST).await?, mongo, nats, to_mongo, to_nats })
    }

    /// Breaks it, makes sure that it is broken, and mends it after `length`.
    async fn suffer(&self, fault: Fault, length: Duration) -> anyhow::Result<()> {
        match fault {
            Fault::AuthorityKilled(index) => {
                let authority = &self.stage.platform.authorities[index];
                authority.kill9();
                gone(authority.process())?;
                sleep(length).await;
                authority.restart().await
            }
            Fault::GatewayKilled => {
                let gateway = &self.stage.platform.gateways[0].service;
                gateway.kill9();
                gone(gateway.process())?;
                sleep(length).await;
                gateway.restart().await
            }
            Fault::AuthorityStopped(index) => stopped(self.stage.platform.authorities[index].process(), length).await,
            Fault::MongoStopped => stopped(self.mongo.process(), length).await,
            Fault::NatsStopped => stopped(self.nats.process(), length).await,
            Fault::MongoKilled => {
                self.mongo.kill9();
                gone(self.mongo.process())?;
                sleep(length).await;
                self.mongo.restart().await
            }
            Fault::NatsKilled => {
                self.nats.kill9();
                gone(self.nats.process())?;
                sleep(length).await;
                self.nats.restart().await
            }
            Fault::MongoCutOff => cut(&self.to_mongo, length).await,
            Fault::NatsCutOff => cut(&self.to_nats, length).await,
            Fault::MongoSilent => {
                self.to_mongo.set_to_client(LOST);
                self.nothing_is_accepted_for(length).await?;
                self.to_mongo.heal();
                Ok(())
            }
            Fault::NatsSilent => {
                self.to_nats.set_to_client(LOST);
                self.nothing_is_accepted_for(length).await?;
                self.to_nats.heal();
                Ok(())
            }
        }
    }

    /// But for what was on its way.
    async fn nothing_is_accepted_for(&self, length: Duration) -> anyhow::Result<()> {
        let before = self.stage.accepted();
        sleep(length).await;
        let during = self.stage.accepted() - before;
        ensure!(during <= 1, "{during} updates were accepted though every answer was lost");
        Ok(())
    }
}

fn gone(process: &Process) -> anyhow::Result<()> {
    ensure!(!process.is_running(), "{} survived", process.name());
    Ok(())
}

async fn stopped(process: &Process, length: Duration) -> anyhow::Result<()> {
    process.pause()?;
    sleep(length).await;
    process.resume()
}

async fn cut(proxy: &Proxy, length: Duration) -> anyhow::Result<()> {
    proxy.cut();
    testkit::eventually("every connection to be ended", PATIENCE, async || (proxy.open() == 0).then_some(())).await?;
    let carried = proxy.carried();
    sleep(length).await;
    ensure!(proxy.carried() == carried, "something got through");
    proxy.heal();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_by_chance_lose_nothing_and_everyone_agrees_afterwards() -> anyhow::Result<()> {
    let _alone = alone().await;
    let asked = std::env::var("STATEWARD_FAULT_SEED").ok().map(|seed| seed.parse::<u64>()).transpose().context("STATEWARD_FAULT_SEED")?;
    let faults = if asked.is_some() { FAULTS.1 } else { FAULTS.0 };
    for seed in asked.map_or(SEEDS.to_vec(), |seed| vec![seed]) {
        eprintln!("faults by chance: STATEWARD_FAULT_SEED={seed}");
        play(seed, faults).await.with_context(|| format!("with the seed {seed}"))?;
    }
    Ok(())
}

async fn play(seed: u64, faults: u64) -> anyhow::Result<()> {
    let mut random = Random(seed);
    let small = Small::set().await?;
    let mut stream = Streamed::Whole;
    for _ in 0..faults {
        small.stage.plays_on(5 + random.below(30) as usize).await?;
        let (fault, length) = (Fault::by(&mut random), Duration::from_millis(100 + random.below(1_500)));
        eprintln!("  {fault:?} for {length:?} after {} updates", small.stage.accepted());
        small.suffer(fault, length).await?;
        if matches!(fault, Fault::NatsKilled) {
            // It may have lost what it had acknowledged and not yet written.
            stream = Streamed::Above(small.stage.committed().await?);
        }
    }
    small.stage.plays_on(20).await?;
    small.stage.end(stream).await.map(drop)
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }
}
