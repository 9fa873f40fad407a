//! A real nats-server with JetStream on its own data.

pub mod cluster;
pub mod wire;

use std::{path::PathBuf, process::ExitStatus};

use anyhow::bail;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpStream,
    sync::OnceCell,
};

use crate::{
    PATIENCE,
    ports::on_a_port,
    process::{Output, Process, Spec},
    scratch::{Scratch, random_name},
    tools::{self, Tool},
};

#[derive(Debug, Clone, Default)]
pub struct NatsOptions {
    /// A fixed port instead of a free one.
    pub port: Option<u16>,
    /// Where JetStream keeps its files, instead of a directory that is removed at the end.
    pub data: Option<PathBuf>,
    /// Lines of configuration to add, such as `authorization { ... }` or `max_payload: 64KB`.
    pub configuration: String,
    /// Where its output goes, instead of a file in its own directory.
    pub output: Output,
}

/// Gone on drop. A restart keeps port and data.
#[derive(Debug)]
pub struct NatsServer {
    process: Process,
    name: String,
    port: u16,
    data: PathBuf,
    _scratch: Option<Scratch>,
}

impl NatsServer {
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_with(NatsOptions::default()).await
    }

    /// One server for all tests of this process that need no fault of it: keep them apart by a subject prefix of their own.
    pub async fn shared() -> anyhow::Result<&'static Self> {
        static SHARED: OnceCell<NatsServer> = OnceCell::const_new();
        SHARED.get_or_try_init(Self::start).await
    }

    pub async fn start_with(options: NatsOptions) -> anyhow::Result<Self> {
        let program = tokio::task::spawn_blocking(|| tools::ensure(Tool::NatsServer)).await??;
        on_a_port(options.port, |port| Self::start_on(port, program.clone(), options.clone())).await
    }

    async fn start_on(port: u16, program: PathBuf, options: NatsOptions) -> anyhow::Result<Self> {
        let name = format!("stateward-{}", random_name());
        let (data, scratch) = Scratch::unless(options.data, "nats")?;
        std::fs::create_dir_all(&data)?;
        let configuration = data.join("nats.conf");
        std::fs::write(
            &configuration,
            format!(
                "server_name: {name}\nhost: \"127.0.0.1\"\nport: {port}\njetstream {{ store_dir: {:?} }}\n{}\n",
                data.join("jetstream"),
                options.configuration
            ),
        )?;
        let output = match options.output {
            Output::Nowhere => Output::File(data.join("nats.log")),
            other => other,
        };
        let spec = Spec {
            name: "nats-server".to_owned(),
            program,
            args: vec!["--config".to_owned(), configuration.display().to_string()],
            output,
            ..Spec::default()
        };
        let server = Self { process: Process::start(spec)?, name, port, data, _scratch: scratch };
        server.wait_ready().await?;
        Ok(server)
    }

    /// By which it calls itself, alone or in a cluster.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A look at what it stores that shares no code with the bus.
    pub async fn connect(&self) -> anyhow::Result<wire::Connection> {
        wire::Connection::open(&self.address()).await
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where JetStream keeps its files.
    pub fn data(&self) -> &std::path::Path {
        &self.data
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

    /// Starts it again on the same port and data, after `stop` or `kill9`, and waits until it serves.
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

    /// Ready means: the server that answers on the port calls itself by the name that we gave ours.
    async fn wait_ready(&self) -> anyhow::Result<()> {
        let seen = self.process.ready("nats-server", PATIENCE, async || self.greeting().await.ok()).await?;
        if !seen.contains(&format!("\"server_name\":\"{}\"", self.name)) {
            bail!("another nats-server answers on port {}", self.port);
        }
        Ok(())
    }

    /// The server's first line, which every connection gets: `INFO {...}`.
    async fn greeting(&self) -> anyhow::Result<String> {
        let stream = TcpStream::connect(self.address()).await?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).await?;
        if !line.starts_with("INFO ") {
            bail!("not a nats-server");
        }
        Ok(line)
    }
}
