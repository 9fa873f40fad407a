use crate::Idle;

#[test]
fn a_bad_configuration_exits_64_and_names_the_key() {
    for (name, value, said) in [
        ("STATEWARD_ADMIN__LISTN", "x", "STATEWARD_ADMIN__LISTN: unknown key, did you mean STATEWARD_ADMIN__LISTEN?"),
        ("STATEWARD_ADMIN__LISTEN", "nowhere", "admin.listen (from STATEWARD_ADMIN__LISTEN): "),
        ("STATEWARD_IDLE__BEHAVIOUR", "lazy", "idle.behaviour (from STATEWARD_IDLE__BEHAVIOUR): unknown variant `lazy`"),
        ("STATEWARD_IDLE__BEHAVIOUR", "is-misconfigured", "idle.behaviour: this one makes no sense"),
        ("STATEWARD_IDLE__BEHAVIOUR", "is-wrong", "idle.behaviour: this one is wrong"),
        ("STATEWARD_INSTANCE__ID", "a.b", "instance.id: "),
        ("STATEWARD_LOG__LEVEL", "a=b=c", "log.level: "),
        ("STATEWARD_CONFIG", "/does/not/exist.toml", "/does/not/exist.toml: "),
    ] {
        let (status, log) = Idle::start(&[(name, value)]).end();
        assert_eq!(status.code(), Some(64), "{name}={value}: {log}");
        assert!(log.contains(said), "{name}={value}: {log}");
    }
}

#[test]
fn an_address_in_use_is_a_bad_configuration() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (status, log) = Idle::start(&[("STATEWARD_ADMIN__LISTEN", &address)]).end();
    assert_eq!(status.code(), Some(64));
    assert!(log.contains(&format!("admin.listen: {address}")), "{log}");
}

#[test]
fn every_log_line_names_service_and_instance() {
    let mut idle = Idle::start(&[("STATEWARD_INSTANCE__ID", "idle-7")]);
    let line = idle.line("idle starts");
    assert_eq!(
        (&line["service"], &line["instance"], &line["version"], &line["level"]),
        (&"idle".into(), &"idle-7".into(), &"1.2.3".into(), &"INFO".into())
    );
    assert!(line["time"].as_str().unwrap().ends_with('Z'));
}
