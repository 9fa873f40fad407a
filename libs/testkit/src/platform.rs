//! The whole platform: nats-server, mongod and our services, wired together on ports of their own.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::{
    Mongo, NatsServer, PATIENCE, Signer, eventually, http,
    mongo::{MongoOptions, wire::Connection},
    nats::NatsOptions,
    ports::free_port,
    process::{Output, Process},
    scratch::random_name,
    service::{self, Service, ServiceOptions},
};

/// Settings of a service: `SECTION__KEY` and value.
pub type Config = Vec<(String, String)>;

#[derive(Clone)]
pub struct PlatformOptions {
    pub authorities: usize,
    pub gateways: usize,
    pub sync_workers: usize,
    pub authority_config: Config,
    pub gateway_config: Config,
    pub sync_worker_config: Config,
    /// Given for all services.
    pub config: Config,
    /// Variables of all services as they are, such as those of OpenTelemetry.
    pub environment: Config,
    /// Ports from this one on, in a fixed order; free ones where absent. The first is the gateway's.
    pub port_base: Option<u16>,
    /// Where data is kept; removed at the end where absent.
    pub data: Option<PathBuf>,
    /// Where each process's output goes, by its name.
    pub output: fn(&str) -> Output,
    /// Addresses by which services reach the servers, such as a proxy's; the servers' own where absent.
    pub nats_url: Option<String>,
    pub mongo_uri: Option<String>,
    /// Lines to add to the configuration of nats-server.
    pub nats_configuration: String,
    /// The directory of built service programs. Absent: STATEWARD_BIN_DIR, else they are built now.
    pub programs: Option<PathBuf>,
    /// Other directories for gateways and for authorities, such as a later version's.
    pub gateway_programs: Option<PathBuf>,
    pub authority_programs: Option<PathBuf>,
    pub database: String,
}

impl Default for PlatformOptions {
    fn default() -> Self {
        Self {
            authorities: 2,
            gateways: 1,
            sync_workers: 1,
            authority_config: Vec::new(),
            gateway_config: Vec::new(),
            sync_worker_config: Vec::new(),
            config: Vec::new(),
            environment: Vec::new(),
            port_base: None,
            data: None,
            output: |_| Output::Nowhere,
            nats_url: None,
            mongo_uri: None,
            nats_configuration: String::new(),
            programs: None,
            gateway_programs: None,
            authority_programs: None,
            database: format!("test_{}", random_name()),
        }
    }
}

impl PlatformOptions {
    /// With deadlines of the services that no crowded machine comes to: for tests of what is answered, and not of how soon. What is set
    /// already stands.
    pub fn patient(mut self) -> Self {
        let authority = [pair("COMMIT__DEADLINE_MS", "20000"), pair("REQUESTS__DEADLINE_MS", "20000")];
        self.authority_config.splice(0..0, authority);
        // The gateway waits longer than the authority, and a client longer still.
        let gateway = [("REQUESTS__TIMEOUT_MS", "25000"), ("HTTP__TIMEOUT_MS", "110000"), ("HTTP__BODY_TIMEOUT_MS", "60000")];
        self.gateway_config.splice(0..0, gateway.map(|(key, value)| pair(key, value)));
        self
    }
}

/// Everything ends on drop.
pub struct Platform {
    // Dropped in this order: services before what they use.
    pub gateways: Vec<Gateway>,
    pub authorities: Vec<Service>,
    pub sync_workers: Vec<Service>,
    pub nats: NatsServer,
    pub mongo: Mongo,
    pub signer: Signer,
    pub database: String,
}

/// A gateway with the port that clients use.
pub struct Gateway {
    pub service: Service,
    pub port: u16,
}

impl Gateway {
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Platform {
    pub async fn start(options: PlatformOptions) -> anyhow::Result<Self> {
        if options.programs.is_none() && service::built_programs().is_none() {
            // All at once is faster than one by one.
            tokio::task::spawn_blocking(|| service::build(&["gateway", "state-authority", "sync-worker"])).await??;
        }
        let mut ports = Ports { next: options.port_base };
        let gateway_ports = (0..options.gateways).map(|_| ports.take()).collect::<anyhow::Result<Vec<_>>>()?;
        let below = |name: &str| options.data.as_ref().map(|data| data.join(name));
        let nats = NatsOptions {
            port: ports.fixed(),
            data: below("nats"),
            configuration: options.nats_configuration.clone(),
            output: (options.output)("nats"),
        };
        let mongo =
            MongoOptions { port: ports.fixed(), data: below("mongo"), output: (options.output)("mongod"), ..MongoOptions::default() };
        let (nats, mongo) = tokio::try_join!(NatsServer::start_with(nats), Mongo::start_with(mongo))?;

        let signer = Signer::default();
        let mut common = vec![pair("NATS__SERVERS", options.nats_url.clone().unwrap_or_else(|| nats.url())), pair("LOG__FORMAT", "text")];
        common.extend(options.config.iter().cloned());
        let store = [
            pair("MONGO__URI", options.mongo_uri.clone().unwrap_or_else(|| mongo.uri())),
            pair("MONGO__DATABASE", options.database.clone()),
        ];
        let wire = Wiring { options: &options, common };

        let mut authorities = Vec::new();
        for index in 0..options.authorities {
            let config = [&store[..], &options.authority_config].concat();
            authorities.push(wire.launch("state-authority", index, ports.fixed(), config).await?);
        }
        for authority in &authorities {
            // They own the streams and buckets that the others look for.
            authority.wait_ready().await?;
        }
        let mut gateways = Vec::new();
        for (index, port) in gateway_ports.into_iter().enumerate() {
            let origins = format!("http://127.0.0.1:{port},http://localhost:{port}");
            let mut config = vec![
                pair("HTTP__LISTEN", format!("127.0.0.1:{port}")),
                pair("AUTH__HS256_SECRET", signer.secret()),
                pair("AUTH__ALLOWED_ORIGINS", origins),
            ];
            config.extend(options.gateway_config.iter().cloned());
            gateways.push(Gateway { service: wire.launch("gateway", index, ports.fixed(), config).await?, port });
        }
        let mut sync_workers = Vec::new();
        for index in 0..options.sync_workers {
            let config = [&store[..], &options.sync_worker_config].concat();
            sync_workers.push(wire.launch("sync-worker", index, ports.fixed(), config).await?);
        }
        for service in gateways.iter().map(|gateway| &gateway.service).chain(&sync_workers) {
            service.wait_ready().await?;
        }
        Ok(Self { gateways, authorities, sync_workers, nats, mongo, signer, database: options.database })
    }

    /// The first gateway's address.
    pub fn url(&self) -> String {
        self.gateways[0].url()
    }

    pub fn services(&self) -> impl Iterator<Item = &Service> {
        self.gateways.iter().map(|gateway| &gateway.service).chain(&self.authorities).chain(&self.sync_workers)
    }

    pub fn processes(&self) -> impl Iterator<Item = &Process> {
        self.services().map(Service::process).chain([self.nats.process(), self.mongo.process()])
    }

    pub fn admin_token(&self) -> String {
        self.signer.admin("admin")
    }

    /// Makes a campaign of these documents: `{"name", "gameMasterId", "characters": [...], "actors": [...], "items": [...], "encounters": [...]}`.
    pub async fn load_campaign(&self, campaign: &Value) -> anyhow::Result<String> {
        let (url, admin) = (self.url(), self.admin_token());
        let head = json!({"name": campaign["name"], "gameMasterId": campaign["gameMasterId"]});
        let made = http::post(&url, "/api/campaigns", Some(&admin), &head).await?.success().context("creating the campaign")?;
        let id = made["id"].as_str().with_context(|| format!("a campaign has an id: {made}"))?.to_owned();
        let documents: serde_json::Map<_, _> = ["characters", "actors", "items", "encounters"]
            .into_iter()
            .filter_map(|kind| Some((kind.to_owned(), campaign.get(kind)?.clone())))
            .collect();
        let path = format!("/api/campaigns/{id}/import");
        http::post(&url, &path, Some(&admin), &Value::Object(documents)).await?.success().context("importing the campaign")?;
        Ok(id)
    }

    /// A session of a campaign; gives its id.
    pub async fn create_session(&self, campaign: &str, name: &str, gm: &str, participants: &[&str]) -> anyhow::Result<String> {
        self.create_session_as(&json!({"campaignId": campaign, "name": name, "gameMasterId": gm, "participantIds": participants})).await
    }

    /// A session of this description; gives its id.
    pub async fn create_session_as(&self, session: &Value) -> anyhow::Result<String> {
        let made = http::post(&self.url(), "/api/sessions", Some(&self.admin_token()), session).await?;
        let made = made.success().context("creating the session")?;
        let id = made["id"].as_str().or(made["session"]["id"].as_str()).with_context(|| format!("a session has an id: {made}"))?;
        Ok(id.to_owned())
    }

    /// A session as REST answers it, with its state.
    pub async fn session(&self, id: &str) -> anyhow::Result<Value> {
        http::get(&self.url(), &format!("/api/sessions/{id}?state=true"), Some(&self.admin_token())).await?.success()
    }

    /// The session's document and its journal, in order, as MongoDB has them.
    pub async fn stored(&self, session: &str) -> anyhow::Result<Stored> {
        Stored::read(&mut self.mongo.connect().await?, &self.database, session).await
    }

    /// Ends services first, then the servers. An error names the first that had to be killed or failed.
    pub async fn stop(&self) -> anyhow::Result<()> {
        for service in self.services() {
            if let Some(status) = service.terminate().await? {
                ensure!(status.success(), "{} ended with {status}", service.process().name());
            }
        }
        self.nats.stop().await?;
        self.mongo.stop().await?;
        Ok(())
    }
}

/// What MongoDB holds of one session.
#[derive(Debug, Clone)]
pub struct Stored {
    pub document: Value,
    pub journal: Vec<Value>,
}

impl Stored {
    pub async fn read(connection: &mut Connection, database: &str, session: &str) -> anyhow::Result<Self> {
        let document = connection.find_one(database, "gameSessions", json!({"_id": session})).await?;
        let range = json!({"_id": {"$gte": format!("{session}:"), "$lt": format!("{session};")}});
        let journal = connection.find(database, "sessionUpdates", range, json!({"_id": 1})).await?;
        Ok(Self { document: document.with_context(|| format!("no document of session {session}"))?, journal })
    }

    /// What `read` gives once the document is at `version`: it follows the journal in its own time.
    pub async fn at<Fut>(version: u64, mut read: impl FnMut() -> Fut) -> anyhow::Result<Self>
    where
        Fut: Future<Output = anyhow::Result<Self>>,
    {
        let version = version.to_string();
        eventually(&format!("the session document to be at version {version}"), PATIENCE, || {
            let reading = read();
            async { reading.await.ok().filter(|stored| stored.document["gameStateVersion"] == version.as_str()) }
        })
        .await
    }
}

fn pair(key: &str, value: impl Into<String>) -> (String, String) {
    (key.to_owned(), value.into())
}

struct Ports {
    next: Option<u16>,
}

impl Ports {
    /// The next of the fixed ports, if ports are fixed.
    fn fixed(&mut self) -> Option<u16> {
        let port = self.next?;
        self.next = port.checked_add(1);
        Some(port)
    }

    fn take(&mut self) -> anyhow::Result<u16> {
        self.fixed().map_or_else(|| Ok(free_port()?), Ok)
    }
}

struct Wiring<'a> {
    options: &'a PlatformOptions,
    common: Config,
}

impl Wiring<'_> {
    async fn launch(&self, service: &str, index: usize, admin_port: Option<u16>, config: Config) -> anyhow::Result<Service> {
        let programs = match service {
            "gateway" => &self.options.gateway_programs,
            "state-authority" => &self.options.authority_programs,
            _ => &None,
        };
        let name = if index == 0 { service.to_owned() } else { format!("{service}-{}", index + 1) };
        Service::launch(ServiceOptions {
            service: service.to_owned(),
            output: (self.options.output)(&name),
            name,
            // The later one wins: a test's settings stand over ours.
            config: [self.common.clone(), config].concat(),
            environment: self.options.environment.clone(),
            admin_port,
            programs: programs.as_ref().or(self.options.programs.as_ref()).cloned(),
        })
        .await
    }
}
