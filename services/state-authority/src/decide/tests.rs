use protocol::update::UpdateSource;
use service_kit::TraceContext;

use super::*;

fn hash(n: u8) -> StateHash {
    StateHash::from_bytes([n; 32])
}

fn version(n: u64) -> Version {
    Version::new(n).unwrap()
}

fn head(status: SessionStatus, frozen: bool) -> Head {
    Head {
        epoch: Epoch::from("e"),
        version: version(5),
        hash: Some(hash(5)),
        status,
        frozen: frozen.then(|| "edited".into()),
        game_master: "gm".parse().unwrap(),
        deleted: false,
        at: 50,
    }
}

fn caller(user: &str) -> Caller {
    Caller {
        takes_part: None,
        user: user.parse().unwrap(),
        name: String::new(),
        admin: false,
        system: false,
        connection: None,
        delivery: 0,
        trace: TraceContext::new(false),
        span: service_kit::Span::none(TraceContext::new(false)),
        received_us: None,
        command_id: std::sync::OnceLock::new(),
        command: None,
        deadline: tokio::time::Instant::now(),
    }
}

fn reason(head: &Head, user: &str, base: u64, epoch: Option<&str>) -> Result<(), String> {
    let (caller, id, epoch) = (caller(user), "u".parse().unwrap(), epoch.map(Epoch::from));
    let claim = Claim { id: &id, base: version(base), epoch: epoch.as_ref(), digest: String::new(), caller: &caller };
    admit(head, &claim).map_err(|error| error.details.reason)
}

fn entry(id: &str, author: &str, digest: &str) -> JournalEntry {
    JournalEntry {
        session: "s".parse().unwrap(),
        version: version(6),
        epoch: Epoch::from("e"),
        kind: EntryKind::Update,
        status: None,
        update_id: id.parse().unwrap(),
        digest: digest.to_owned(),
        operations: "[]".to_owned(),
        previous: None,
        hash_before: Some(hash(5)),
        hash_after: Some(hash(6)),
        author: author.parse().unwrap(),
        source: UpdateSource::Gm,
        by: "i".parse().unwrap(),
        at: 60,
        game_master_id: None,
        trace: None,
        command: None,
    }
}

#[test]
fn permission_comes_before_status_and_status_before_epoch_and_base() {
    let active = head(SessionStatus::Active, false);
    assert_eq!(reason(&active, "gm", 5, None), Ok(()));
    assert_eq!(reason(&active, "gm", 5, Some("e")), Ok(()));
    assert_eq!(reason(&active, "gm", 5, Some("f")), Err("VERSION_CONFLICT".to_owned()));
    assert_eq!(reason(&active, "gm", 4, None), Err("VERSION_CONFLICT".to_owned()));
    assert_eq!(reason(&active, "player", 4, Some("f")), Err("NOT_GAME_MASTER".to_owned()));
    let paused = head(SessionStatus::Paused, false);
    assert_eq!(reason(&paused, "gm", 4, Some("f")), Err("SESSION_PAUSED".to_owned()));
    assert_eq!(reason(&paused, "player", 5, None), Err("NOT_GAME_MASTER".to_owned()));
    assert_eq!(reason(&head(SessionStatus::Paused, true), "gm", 4, None), Err("STATE_CORRUPT".to_owned()));
}

#[test]
fn the_entry_at_the_place_is_a_re_send_only_by_id_author_and_digest() {
    let (gm, id) = (caller("gm"), "u".parse().unwrap());
    let claim = Claim { id: &id, base: version(5), epoch: None, digest: "d".to_owned(), caller: &gm };
    let Place::SameUpdate(first) = judge_place(&claim, &entry("u", "gm", "d")) else { panic!("the same update") };
    assert_eq!((first.new_version, first.new_hash, first.timestamp), (version(6), Some(hash(6)), 60));
    assert!(matches!(judge_place(&claim, &entry("u", "gm", "other")), Place::IdReused(_)));
    assert_eq!(judge_place(&claim, &entry("v", "gm", "d")), Place::Taken);
    assert_eq!(judge_place(&claim, &entry("u", "someone", "d")), Place::Taken);
    let pause = JournalEntry { kind: EntryKind::Pause, ..entry("u", "gm", "d") };
    assert_eq!(judge_place(&claim, &pause), Place::Taken);
}

#[test]
fn a_pruned_place_tells_nobody_more_than_the_head_would() {
    let (gm, player, id) = (caller("gm"), caller("player"), "u".parse().unwrap());
    let active = head(SessionStatus::Active, false);
    let ask = |caller| pruned(&active, &Claim { id: &id, base: version(1), epoch: None, digest: String::new(), caller });
    assert_eq!((ask(&gm).current_version, ask(&gm).outcome), (Some(version(5)), Some(Outcome::Unknown)));
    assert_eq!((ask(&player).current_version, ask(&player).outcome), (None, Some(Outcome::Unknown)));
}

#[test]
fn a_head_is_followed_by_version_epoch_and_hash_and_takes_on_what_the_entry_says() {
    let mut active = head(SessionStatus::Active, false);
    assert!(active.is_followed_by(&entry("u", "gm", "d")));
    assert!(active.is_followed_by(&JournalEntry { hash_before: None, ..entry("u", "gm", "d") }));
    for other in [
        JournalEntry { hash_before: Some(hash(9)), ..entry("u", "gm", "d") },
        JournalEntry { version: version(7), ..entry("u", "gm", "d") },
        JournalEntry { epoch: Epoch::from("f"), ..entry("u", "gm", "d") },
    ] {
        assert!(!active.is_followed_by(&other));
    }
    active.follow(&JournalEntry {
        status: Some(SessionStatus::Paused),
        game_master_id: Some("new".parse().unwrap()),
        ..entry("u", "gm", "d")
    });
    assert_eq!((active.version, active.hash, active.at, active.status), (version(6), Some(hash(6)), 60, SessionStatus::Paused));
    assert_eq!(active.game_master.as_str(), "new");
    active.follow(&JournalEntry { kind: EntryKind::Freeze, ..entry("f", "gm", "") });
    assert!(active.frozen.is_some());
    active.follow(&JournalEntry { kind: EntryKind::Repair, ..entry("r", "gm", "") });
    assert_eq!(active.frozen, None);
}

#[test]
fn after_an_update_without_a_hash_the_head_has_none_and_takes_any_but_what_turns_the_status_alone_leaves_it_as_it_was() {
    let unhashed = JournalEntry { hash_before: None, hash_after: None, ..entry("u", "gm", "d") };
    let mut active = head(SessionStatus::Active, false);
    active.follow(&JournalEntry { kind: EntryKind::Pause, ..unhashed.clone() });
    assert_eq!(active.hash, Some(hash(5)));
    active.follow(&JournalEntry { version: version(7), ..unhashed });
    assert_eq!(active.hash, None);
    assert!(active.is_followed_by(&JournalEntry { version: version(8), hash_before: Some(hash(9)), ..entry("u", "gm", "d") }));
}
