//! Every key of every service is documented by the service itself, and what it prints is a configuration that it takes.

use std::{
    path::Path,
    process::{Command, Output},
};

use testkit::{scratch::Scratch, service::program_of};

fn run(program: &Path, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).env_clear().output().expect("the program runs")
}

#[test]
fn a_service_prints_every_key_with_its_default_and_reads_that_back() {
    let scratch = Scratch::new("configuration").unwrap();
    for (service, known, wrong) in [
        (
            "gateway",
            ["requests.timeout_ms", "auth.allowed_origins", "nats.tls.required", "log.level"],
            &[
                ("auth.hs256_secret=changeme", "auth.hs256_secret"),
                ("auth.algorithm=es256", "auth."),
                ("membership.url=x", "membership.url"),
            ][..],
        ),
        (
            "state-authority",
            ["commit.deadline_ms", "mongo.uri", "limits.operations", "admin.listen"],
            &[("requests.in_work=0", "requests.in_work")],
        ),
        (
            "sync-worker",
            ["sync.ack_wait_ms", "sweep.interval_ms", "mongo.database", "shutdown.deadline_ms"],
            &[("presence.timeout_ms=10", "presence.timeout_ms")],
        ),
    ] {
        let program = program_of(service).unwrap();
        let printed = run(&program, &["--print-config"]);
        assert!(printed.status.success(), "{service}: {}", String::from_utf8_lossy(&printed.stderr));
        let text = String::from_utf8(printed.stdout).unwrap();
        let (mut section, mut keys, mut words) = (String::new(), Vec::new(), 0);
        let mut file = String::new();
        for line in text.lines() {
            if let Some(named) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                section = named.to_owned();
                file += &format!("{line}\n");
            } else if let Some((key, _)) = line.strip_prefix("# ").and_then(|line| line.split_once(" = ")).filter(|(key, _)| is_key(key)) {
                keys.push(format!("{section}.{key}"));
                file += &format!("{}\n", &line[2..]);
            } else if !section.is_empty() && line.starts_with("# ") {
                words += 1;
            }
        }
        for key in known {
            assert!(keys.iter().any(|found| found == key), "{service} does not print {key}: {keys:?}");
        }
        assert!(words * 2 > keys.len(), "{service} says what its keys are for: {words} lines for {} keys", keys.len());
        // What is a secret has an empty default: of these only the gateway's must be there.
        let path = scratch.path().join(format!("{service}.toml"));
        std::fs::write(&path, file).unwrap();
        let check = |more: &[&str]| run(&program, &[&["--check-config", "--config", path.to_str().unwrap()], more].concat());
        let secret = format!("auth.hs256_secret={}", testkit::Signer::default().secret());
        let needed = if service == "gateway" { &["--set", &secret][..] } else { &[] };
        let checked = check(needed);
        assert!(checked.status.success(), "{service}: {}", String::from_utf8_lossy(&checked.stderr));
        // Keys that are of the right type and make no sense are found as well, before a deployment does.
        for (wrong, said) in wrong {
            let found = check(&[needed, &["--set", wrong]].concat());
            let text = String::from_utf8_lossy(&found.stderr);
            assert!(found.status.code() == Some(64) && text.contains(said), "{service} with {wrong}: {text}");
        }
        std::fs::write(&path, "[nats]\nservrs = [\"x\"]\n").unwrap();
        let wrong = run(&program, &["--check-config", "--config", path.to_str().unwrap()]);
        assert_eq!(wrong.status.code(), Some(64));
        assert!(String::from_utf8_lossy(&wrong.stderr).contains("did you mean nats.servers?"), "the nearest key is named");
    }
}

fn is_key(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}
