//! NATS as `deploy/nats` describes it: TLS with certificates on both sides, and a user with the least subjects for each service.

mod certificates;
mod wire;

use std::{fs, path::Path, process::Command};

use anyhow::ensure;
use serde_json::json;
use testkit::{
    NatsServer, PlatformOptions,
    client::accepted,
    http,
    nats::NatsOptions,
    scratch::Scratch,
    service::workspace,
    tools::{self, Tool},
};

use self::{certificates::Authority, wire::Wire};
use crate::{
    play::Play,
    table::{GM, Table},
};

/// User, its password's variable in the permissions, its inbox.
const USERS: [(&str, &str, &str); 4] = [
    ("gateway", "GATEWAY_PASSWORD", "_INBOX_gateway"),
    ("state-authority", "AUTHORITY_PASSWORD", "_INBOX_authority"),
    ("sync-worker", "SYNC_PASSWORD", "_INBOX_sync"),
    ("stateward", "STATEWARD_PASSWORD", "_INBOX_stateward"),
];

/// What a user's service says, and what it must not be let to say.
#[rustfmt::skip]
const VERDICTS: [(&str, &[&str], &[&str]); 4] = [
    (
        "gateway",
        &[
            "PUB session.s1.update", "PUB session.s1.state", "PUB session.s1.history", "PUB session.s1.command", "PUB session.s1.event",
            "PUB sessions.heads", "PUB authority.a1.update", "PUB campaign.c1.command", "PUB campaign.c1.import", "PUB $KV.presence.gateway.g1",
            "PUB $JS.API.DIRECT.GET.SESSION_UPDATES", "PUB _INBOX_gateway.x.1.0",
            "SUB session.s1.updated", "SUB session.s1.event", "SUB $KV.instances.>", "SUB $KV.presence.>", "SUB _INBOX_gateway.x.>",
        ],
        &[
            "PUB session.s1.updated", "PUB session.s1.synced", "PUB session.s1.snapshot", "PUB session.s1.preview", "PUB $KV.instances.a1", "PUB _INBOX_authority.x.1.0",
            "PUB $JS.API.STREAM.DELETE.SESSION_UPDATES", "PUB $JS.API.STREAM.PURGE.SESSION_UPDATES", "PUB $JS.API.STREAM.MSG.DELETE.SESSION_UPDATES",
            "PUB $JS.API.STREAM.UPDATE.SESSION_UPDATES", "PUB $SYS.REQ.SERVER.PING",
            "SUB session.s1.update", "SUB session.*.update state-authority", "SUB _INBOX.>", "SUB _INBOX_authority.>", "SUB >", "SUB $SYS.>",
        ],
    ),
    (
        "state-authority",
        &[
            "PUB session.s1.updated", "PUB session.s1.event", "PUB session.s1.sync", "PUB session.s1.preview", "PUB $KV.instances.a1", "PUB _INBOX_authority.x.1.0",
            "PUB $JS.API.DIRECT.GET.SESSION_UPDATES.session.s1.updated", "PUB $JS.API.STREAM.INFO.SESSION_SYNC",
            "SUB session.*.update state-authority", "SUB sessions.heads state-authority", "SUB authority.a1.update", "SUB _INBOX_authority.x.>",
        ],
        &[
            "PUB session.s1.update", "PUB session.s1.command", "PUB session.s1.synced", "PUB sessions.heads", "PUB _INBOX_gateway.x.1.0",
            "PUB $JS.API.STREAM.DELETE.SESSION_UPDATES", "PUB $JS.API.STREAM.PURGE.SESSION_SYNC", "PUB $JS.API.CONSUMER.CREATE.SESSION_SYNC.sync-worker",
            "SUB session.*.update", "SUB session.*.update other-group", "SUB _INBOX_gateway.>", "SUB >",
        ],
    ),
    (
        "sync-worker",
        &[
            "PUB session.s1.synced", "PUB session.s1.snapshot", "PUB $JS.API.CONSUMER.MSG.NEXT.SESSION_SYNC.sync-worker",
            "PUB $JS.ACK.SESSION_SYNC.sync-worker.1.1.1.1.0", "SUB session.*.preview sync-worker", "SUB _INBOX_sync.x",
        ],
        &[
            "PUB session.s1.update", "PUB session.s1.updated", "PUB session.s1.command", "PUB session.s1.event", "PUB authority.a1.update",
            "PUB $JS.API.STREAM.DELETE.SESSION_SYNC", "PUB $JS.API.CONSUMER.DELETE.SESSION_SYNC.sync-worker", "PUB $KV.instances.a1",
            "SUB session.s1.update", "SUB session.s1.updated", "SUB session.*.preview", "SUB _INBOX_gateway.>", "SUB _INBOX_authority.>", "SUB >",
        ],
    ),
    (
        "stateward",
        &[
            "PUB session.s1.command", "PUB session.s1.history", "PUB session.s1.sync", "PUB sessions.heads", "SUB session.s1.updated",
            "PUB $JS.API.DIRECT.GET.SESSION_UPDATES.session.*.updated", "PUB $JS.API.DIRECT.GET.KV_instances", "SUB _INBOX_stateward.x",
        ],
        &[
            "PUB session.s1.update", "PUB session.s1.updated", "PUB session.s1.synced", "PUB session.s1.snapshot", "PUB session.s1.preview", "PUB session.s1.event",
            "PUB authority.a1.update", "PUB $KV.instances.a1", "PUB $KV.presence.x", "PUB $JS.API.STREAM.DELETE.SESSION_UPDATES",
            "PUB $JS.API.STREAM.PURGE.SESSION_SYNC", "SUB session.s1.update", "SUB user.u1.event", "SUB _INBOX_gateway.>", "SUB >",
        ],
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_platform_plays_with_tls_and_a_user_for_each_service() -> anyhow::Result<()> {
    let stage = Stage::new()?;
    let table = Table::set(PlatformOptions {
        data: Some(stage.scratch.path().to_owned()),
        nats_configuration: stage.configuration.clone(),
        config: stage.tls_settings(),
        gateway_config: stage.settings("gateway"),
        authority_config: stage.settings("state-authority"),
        sync_worker_config: stage.settings("sync-worker"),
        ..PlatformOptions::default()
    })
    .await?;
    let (gm, players) = (table.gm().await?, table.players().await?);
    let mut play = Play::new("deploy");
    for _ in 0..20 {
        play.step(&table.session, &gm).await?;
    }
    let everyone: Vec<_> = players.iter().chain([&gm]).collect();
    table.converges(20, &everyone).await?;
    // A new instance asks for what the streams and buckets hold already.
    table.platform.authorities[0].terminate().await?;
    table.platform.authorities[0].restart().await?;
    play.step(&table.session, &gm).await?;
    let (path, dry) = (format!("/api/sessions/{}/sync", table.session), json!({"dryRun": true}));
    let told = http::post(&table.platform.url(), &path, Some(&table.token(GM)), &dry).await?.success()?;
    ensure!(told["report"]["writeBack"]["version"] == "21", "authority and sync-worker do not reach each other: {told}");
    let ended = accepted(gm.client.request("gameSession:end", json!(table.session)).await?)?;
    ensure!(ended["session"]["status"] == "ended" || ended["status"] == "ended", "{ended}");
    let played: Vec<_> = players.iter().collect();
    table.converges(23, &played).await?;
    table.platform.stop().await?;

    let log = fs::read_to_string(stage.scratch.path().join("nats/nats.log"))?;
    let refused: Vec<_> = log.lines().filter(|line| line.contains("Violation")).collect();
    ensure!(refused.is_empty(), "NATS refused what a service needs:\n{}", refused.join("\n"));
    Ok(())
}

#[tokio::test]
async fn each_user_may_say_what_its_service_says_and_nothing_else() -> anyhow::Result<()> {
    let stage = Stage::new()?;
    let data = stage.scratch.path().join("nats");
    let server =
        NatsServer::start_with(NatsOptions { data: Some(data), configuration: stage.configuration.clone(), ..NatsOptions::default() })
            .await?;
    for (user, allowed, denied) in VERDICTS {
        let mut wire = Wire::open(server.port(), &stage.tls, user, &password(user)).await?;
        for line in allowed {
            let refusal = wire.say(line).await?;
            ensure!(refusal.is_none(), "{user} cannot {line}: {refusal:?}");
        }
        for line in denied {
            let refusal = wire.say(line).await?;
            ensure!(refusal.is_some_and(|reason| reason.contains("Permissions Violation")), "{user} can {line}");
        }
    }
    let wrong = Wire::open(server.port(), &stage.tls, "gateway", &password("sync-worker")).await;
    ensure!(wrong.is_err_and(|error| error.to_string().contains("Authorization Violation")), "one user's password served another");
    let stranger = Authority::new("somebody else")?.connector(&stage.tls)?;
    ensure!(Wire::open(server.port(), &stranger, "gateway", &password("gateway")).await.is_err(), "a stranger's certificate was taken");
    server.stop().await?;
    Ok(())
}

#[test]
fn the_production_configuration_is_valid() -> anyhow::Result<()> {
    let stage = Stage::new()?;
    let root = stage.scratch.path();
    let folder = workspace().join("deploy/nats");
    for name in ["tls", "routes"] {
        fs::create_dir_all(root.join(name))?;
        for (from, to) in [("service.crt", "tls.crt"), ("service.key", "tls.key"), ("ca.crt", "ca.crt")] {
            fs::copy(root.join(from), root.join(name).join(to))?;
        }
    }
    fs::copy(folder.join("permissions.conf"), root.join("permissions.conf"))?;
    fs::copy(folder.join("passwords.example.conf"), root.join("passwords.conf"))?;
    let shown = root.display().to_string();
    let configuration =
        fs::read_to_string(folder.join("nats.conf"))?.replace("/etc/nats", &shown).replace("/data", &format!("{shown}/data"));
    fs::write(root.join("nats.conf"), configuration)?;
    let checked = Command::new(tools::ensure(Tool::NatsServer)?)
        .args(["-t", "-c"])
        .arg(root.join("nats.conf"))
        .env("SERVER_NAME", "nats-0")
        .output()?;
    ensure!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    Ok(())
}

/// Certificates, passwords and the configuration that names them.
struct Stage {
    scratch: Scratch,
    configuration: String,
    tls: wire::Tls,
}

impl Stage {
    fn new() -> anyhow::Result<Self> {
        let scratch = Scratch::new("deploy-nats")?;
        let root = scratch.path();
        let authority = Authority::new("Stateward test")?;
        authority.write(root)?;
        // Beside the server's configuration, which includes it.
        fs::create_dir_all(root.join("nats"))?;
        let mut passwords = format!("OPERATOR_PASSWORD: {:?}\n", password("operator"));
        for (user, variable, _) in USERS {
            passwords += &format!("{variable}: {:?}\n", password(user));
            fs::write(root.join(user), password(user) + "\n")?;
        }
        fs::write(root.join("nats/passwords.conf"), passwords)?;
        let permissions = fs::read_to_string(workspace().join("deploy/nats/permissions.conf"))?;
        let path = |name: &str| root.join(name).display().to_string();
        let configuration = format!(
            "tls {{ cert_file: {:?}, key_file: {:?}, ca_file: {:?}, verify: true }}\n{permissions}",
            path("service.crt"),
            path("service.key"),
            path("ca.crt"),
        );
        let tls = authority.tls()?;
        Ok(Self { scratch, configuration, tls })
    }

    fn tls_settings(&self) -> Vec<(String, String)> {
        let root = self.scratch.path();
        let mut settings = vec![("NATS__TLS__REQUIRED".to_owned(), "true".to_owned())];
        for (key, file) in [("CA", "ca.crt"), ("CERTIFICATE", "service.crt"), ("KEY", "service.key")] {
            settings.push((format!("NATS__TLS__{key}"), shown(&root.join(file))));
        }
        settings
    }

    fn settings(&self, service: &str) -> Vec<(String, String)> {
        let inbox = USERS.iter().find(|(user, ..)| *user == service).map(|(_, _, inbox)| *inbox).unwrap_or_default();
        vec![
            ("NATS__USER".to_owned(), service.to_owned()),
            ("NATS__PASSWORD_FILE".to_owned(), shown(&self.scratch.path().join(service))),
            ("NATS__INBOX_PREFIX".to_owned(), inbox.to_owned()),
        ]
    }
}

fn password(user: &str) -> String {
    format!("only the tests know {user}")
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
