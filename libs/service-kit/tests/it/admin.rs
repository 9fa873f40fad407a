use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use crate::Idle;

/// Status and body.
fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn get(address: SocketAddr, path: &str) -> (u16, String) {
    ask(address, "GET", path, "")
}

#[test]
fn a_started_process_is_alive_started_and_ready() {
    let (_idle, address) = Idle::started(&[]);
    for path in ["/livez", "/startupz", "/readyz"] {
        assert_eq!(get(address, path), (200, "ok\n".into()), "{path}");
    }
    assert_eq!(get(address, "/other").0, 404);
}

#[test]
fn a_process_that_is_starting_is_alive_but_not_ready_and_says_why() {
    let mut idle = Idle::start(&[("STATEWARD_IDLE__BEHAVIOUR", "start-hangs")]);
    let address = idle.line("admin port is open")["address"].as_str().unwrap().parse().unwrap();
    assert_eq!(get(address, "/livez").0, 200);
    assert_eq!(get(address, "/startupz").0, 503);
    assert_eq!(get(address, "/readyz"), (503, "startup: not started yet\n".into()));
}

#[test]
fn readiness_fails_while_stopping_and_the_port_answers_until_the_end() {
    let (mut idle, address) = Idle::started(&[("STATEWARD_IDLE__BEHAVIOUR", "is-late"), ("STATEWARD_SHUTDOWN__DEADLINE_MS", "3600000")]);
    idle.signal("TERM");
    idle.line("stopping");
    // Logged just before readiness is taken away.
    let answer = std::iter::repeat_with(|| get(address, "/readyz")).find(|(status, _)| *status == 503);
    assert_eq!(answer, Some((503, "shutdown: shutting down\n".into())));
    idle.signal("TERM");
    assert!(idle.end().0.success());
}

#[test]
fn metrics_name_the_build() {
    let (_idle, address) = Idle::started(&[("STATEWARD_INSTANCE__ID", "idle-7")]);
    let (status, text) = get(address, "/metrics");
    assert_eq!(status, 200);
    assert!(text.contains("stateward_build_info{service=\"idle\",instance_id=\"idle-7\",version=\"1.2.3\"} 1"), "{text}");
}

#[test]
fn the_log_level_changes_at_run_time() {
    let (mut idle, address) = Idle::started(&[]);
    assert!(get(address, "/admin/log-level").1.contains("info"));
    let (status, level) = ask(address, "PUT", "/admin/log-level", "debug");
    assert!(status == 200 && level.contains("debug"), "{status} {level}");
    idle.line("log level changed");
    let (status, said) = ask(address, "PUT", "/admin/log-level", "a=b=c");
    assert!(status == 400 && said.starts_with("log.level: "), "{status} {said}");
    assert!(get(address, "/admin/log-level").1.contains("debug"));
}
