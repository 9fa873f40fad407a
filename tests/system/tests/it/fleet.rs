//! Many clients and more than one gateway: a rolling restart under play, and everybody coming back at once after a kill.
//!
//! In every run with as many clients as any machine can hold; `STATEWARD_FLEET=1` takes five hundred and two thousand.

mod balancer;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use serde_json::json;
use testkit::{GameMaster, PATIENCE, Platform, PlatformOptions, Player, Transport, client::Status};

use self::balancer::Balancer;
use crate::table::{GM, SETTLE, empty_campaign};

/// One user may have sixteen on a gateway, and sits at both tables.
const CONNECTIONS_A_USER: usize = 8;
const ONE_UPDATE: Duration = PATIENCE;

fn clients(usual: usize, long: usize) -> usize {
    if std::env::var_os("STATEWARD_FLEET").is_some() { long } else { usual }
}

fn user(number: usize) -> String {
    format!("u{}", number / CONNECTIONS_A_USER)
}

async fn session(platform: &Platform, clients: usize) -> anyhow::Result<String> {
    let campaign = platform.load_campaign(&empty_campaign()).await?;
    let users: Vec<_> = (0..clients.div_ceil(CONNECTIONS_A_USER)).map(|user| format!("u{user}")).collect();
    let users: Vec<_> = users.iter().map(String::as_str).collect();
    platform.create_session(&campaign, "The Drowned Bell", GM, &users).await
}

/// Joined clients, every other one over the other transport, so many at a time.
async fn players(platform: &Platform, gateway: &str, session: &str, count: usize) -> anyhow::Result<Vec<Player>> {
    const AT_ONCE: usize = 25;
    let mut players = Vec::new();
    for first in (0..count).step_by(AT_ONCE) {
        let mut joining = tokio::task::JoinSet::new();
        for number in first..count.min(first + AT_ONCE) {
            let (user, gateway, session) = (user(number), gateway.to_owned(), session.to_owned());
            let token = platform.signer.user(&user, &user);
            let transport = if number % 2 == 0 { Transport::WebSocket } else { Transport::SocketIo };
            joining.spawn(async move { Player::join(transport, &gateway, &token, &session, &format!("client {number}")).await });
        }
        while let Some(joined) = joining.join_next().await {
            players.push(joined??);
        }
    }
    Ok(players)
}

/// Each connection of a player was sent versions of its own session alone, none twice, and nothing was missing: a gap would have
/// made the player ask again. It asks once when a connection is new, and what that answer holds is not sent besides.
fn saw_its_own_session_in_order(player: &Player, session: &str) -> anyhow::Result<()> {
    ensure!(player.failure().is_none(), "{}: {:?}", player.name, player.failure());
    let deliveries = player.deliveries();
    for pair in deliveries.windows(2) {
        let [before, after] = pair else { continue };
        let follows = before.connection != after.connection || after.version > before.version;
        ensure!(follows, "{} was sent version {} after {}", player.name, after.version, before.version);
    }
    let Status::Connected(connections) = player.client.status() else { anyhow::bail!("{} is not connected", player.name) };
    let asked = player.catch_ups().len() as u64;
    ensure!(asked <= connections, "{} saw a gap: it asked for the state {asked} times on {connections} connection(s)", player.name);
    for event in player.client.events() {
        let of = &event.data["sessionId"];
        ensure!(of.is_null() || of == session, "{} was sent {} of session {of}", player.name, event.name);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn gateways_restart_one_after_another_under_play_and_nobody_notices_more_than_a_reconnect() -> anyhow::Result<()> {
    let count = clients(60, 500);
    let platform = Platform::start(PlatformOptions { gateways: 2, ..PlatformOptions::default() }).await?;
    let balancer = Balancer::start(platform.gateways.iter().map(|gateway| gateway.port).collect()).await?;
    let mut tables = Vec::new();
    for _ in 0..2 {
        let session = session(&platform, count / 2).await?;
        let token = platform.signer.user(GM, GM);
        let gm = GameMaster::join(Transport::SocketIo, &balancer.url(), &token, &session).await?;
        let players = players(&platform, &balancer.url(), &session, count / 2).await?;
        tables.push((session, gm, players));
    }
    let stop = AtomicBool::new(false);
    let restarts = async {
        for gateway in &platform.gateways {
            let status = gateway.service.terminate().await?.context("it ran")?;
            ensure!(status.success(), "a gateway ended with {status}");
            gateway.service.process().start_again()?;
            gateway.service.wait_ready().await?;
        }
        stop.store(true, Ordering::SeqCst);
        anyhow::Ok(())
    };
    let [(_, first, _), (_, second, _)] = tables.as_mut_slice() else { anyhow::bail!("there are two tables") };
    let (restarted, one, two) = tokio::join!(restarts, play(first, &stop), play(second, &stop));
    restarted?;
    let versions = [one?, two?];
    for ((session, _, players), version) in tables.iter().zip(versions) {
        let stored = platform.stored(session).await?;
        let end = stored.journal.last().context("there were updates")?["hashAfter"].clone();
        for player in players {
            let held = player.wait_for_version(version, SETTLE).await?;
            ensure!(held.version == version && end == held.hash.as_str(), "{} ends at version {}", player.name, held.version);
            saw_its_own_session_in_order(player, session)?;
        }
    }
    platform.stop().await
}

/// One update after another until the flag is set, and some more. Gives the last version.
async fn play(gm: &mut GameMaster, stop: &AtomicBool) -> anyhow::Result<u64> {
    let mut version = 0;
    let mut more = 20;
    while more > 0 {
        version = gm.must_send(json!([{"path": "pluginData.round", "operation": "inc", "value": 1}]), ONE_UPDATE).await?;
        if stop.load(Ordering::SeqCst) {
            more -= 1;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(version)
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_comes_back_at_once_after_a_kill_for_one_load_of_the_state() -> anyhow::Result<()> {
    let count = clients(150, 2_000);
    // Whoever is behind at all gets the whole state: nothing is cheaper than what is counted here.
    let gateway_config = vec![("ROOMS__CATCH_UP_UPDATES".to_owned(), "0".to_owned())];
    let platform = Platform::start(PlatformOptions { gateways: 2, gateway_config, ..PlatformOptions::default() }).await?;
    let [dies, stays] = platform.gateways.as_slice() else { anyhow::bail!("there are two gateways") };
    let session = session(&platform, count).await?;
    let balancer = Balancer::start(vec![dies.port]).await?;
    let players = players(&platform, &balancer.url(), &session, count).await?;
    let mut gm = GameMaster::join(Transport::WebSocket, &stays.url(), &platform.signer.user(GM, GM), &session).await?;
    balancer.set(Vec::new());
    dies.service.kill9();
    let mut version = 0;
    for _ in 0..10 {
        version = gm.must_send(json!([{"path": "pluginData.round", "operation": "inc", "value": 1}]), ONE_UPDATE).await?;
    }
    let loads = async || stays.service.metric("stateward_gateway_state_loads_total", &[]).await;
    let before = loads().await?;
    let begun = Instant::now();
    balancer.set(vec![stays.port]);
    let mut hash = None;
    for player in &players {
        let held = player.wait_for_version(version, Duration::from_secs(300)).await?;
        ensure!(
            held.version == version && hash.get_or_insert_with(|| held.hash.clone()) == &held.hash,
            "{} holds another state",
            player.name
        );
    }
    let took = begun.elapsed();
    let loaded = loads().await? - before;
    println!("{count} clients were back and caught up {took:?} after a gateway was killed, for {loaded} load(s) of the state");
    ensure!(loaded <= 1.0, "the state was loaded {loaded} times");
    for player in &players {
        saw_its_own_session_in_order(player, &session)?;
    }
    Ok(())
}
