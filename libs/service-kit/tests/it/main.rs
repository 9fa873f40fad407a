//! A whole process made with the kit: `examples/idle.rs`, from its first line to its exit code.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod admin;
mod config;
mod lifecycle;

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

/// Far more than anything here takes, also on a machine with other work.
const LONG: Duration = Duration::from_secs(120);

/// The example as a process, with its logs as JSON. Killed on drop.
struct Idle {
    child: Child,
    log: BufReader<ChildStderr>,
}

impl Idle {
    fn start(env: &[(&str, &str)]) -> Self {
        // Cargo builds examples for the tests, into the folder beside theirs.
        let mut program = std::env::current_exe().unwrap();
        program.pop();
        program.set_file_name("examples");
        program.push("idle");
        let mut command = Command::new(program);
        command.env_clear().env("STATEWARD_LOG__FORMAT", "json").envs(env.iter().copied()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        Self { child, log }
    }

    /// Started, with the address of its admin port.
    fn started(env: &[(&str, &str)]) -> (Self, SocketAddr) {
        let mut idle = Self::start(env);
        let address = idle.line("admin port is open")["address"].as_str().unwrap().parse().unwrap();
        idle.line("started");
        (idle, address)
    }

    /// Reads the log up to a message.
    fn line(&mut self, message: &str) -> Value {
        let mut read = String::new();
        loop {
            let mut line = String::new();
            assert!(self.log.read_line(&mut line).unwrap() > 0, "no {message:?} in the log:\n{read}");
            let value: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}"));
            if value["message"] == message {
                return value;
            }
            read.push_str(&line);
        }
    }

    fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status().unwrap().success());
    }

    /// How it ended, and the rest of its log.
    fn end(mut self) -> (ExitStatus, String) {
        let deadline = Instant::now() + LONG;
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() > deadline => panic!("it did not end"),
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        let mut rest = String::new();
        self.log.read_to_string(&mut rest).unwrap();
        (status, rest)
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
