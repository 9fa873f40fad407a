use serde_json::json;

use super::*;
use crate::presence::{PresenceConfig, keeper::LOOK};

const TIMEOUT: Duration = Duration::from_secs(10);

struct Bench {
    roster: Roster,
    now: Instant,
}

impl Bench {
    /// Gateway `b`, which has heard itself and `others` for long enough to be believed.
    fn trusted(others: &[&str]) -> Self {
        let mut bench = Self { roster: Roster::new("b".parse().unwrap(), TIMEOUT), now: Instant::now() };
        for _ in 0..11 {
            bench.alive("b", false);
            for other in others {
                bench.alive(other, false);
            }
            bench.pass(1);
        }
        bench
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    fn alive(&mut self, gateway: &str, draining: bool) {
        let value = json!({"instance": gateway, "at": 0, "draining": draining}).to_string();
        self.roster.put(&format!("gateway.{gateway}"), value.as_bytes(), self.now);
    }

    fn present(user: &str, gateway: &str) -> UserPresent {
        serde_json::from_value(json!({"sessionId": "s", "userId": user, "userName": user, "isGm": false, "gateway": gateway, "since": 1}))
            .unwrap()
    }

    fn sit(&mut self, user: &str, gateway: &str) {
        let present = Self::present(user, gateway);
        if gateway == "b" {
            self.roster.seat(present);
        } else {
            self.roster.put(&key_of(&present), &serde_json::to_vec(&present).unwrap(), self.now);
        }
    }

    /// Who is told of as gone, and whether known elsewhere.
    fn due(&mut self) -> Vec<(String, bool)> {
        let mut due: Vec<_> =
            self.roster.due(self.now).into_iter().map(|gone| (gone.present.user_id.to_string(), gone.elsewhere.known)).collect();
        due.sort();
        due
    }
}

#[test]
fn the_users_of_a_silent_gateway_are_gone_once() {
    let mut bench = Bench::trusted(&["c"]);
    bench.sit("u", "c");
    bench.pass(8);
    bench.alive("b", false);
    assert_eq!(bench.due(), []);
    bench.pass(2);
    assert_eq!(bench.due(), [("u".to_owned(), false)]);
    assert_eq!((bench.due(), bench.roster.present(&"s".parse().unwrap(), 9).1), (vec![], 0));
}

/// With the settings that are the default, and three gateways before this one that hear of it and cannot speak.
#[test]
fn the_users_of_a_killed_gateway_are_gone_within_fifteen_seconds() {
    let timeout = Duration::from_millis(PresenceConfig::default().timeout_ms);
    let others = ["a1", "a2", "a3", "z"];
    let mut bench = Bench { roster: Roster::new("b".parse().unwrap(), timeout), now: Instant::now() };
    let heard = |bench: &mut Bench| ["b"].iter().chain(&others[..3]).for_each(|gateway| bench.alive(gateway, false));
    for _ in 0..20 {
        heard(&mut bench);
        bench.pass(1);
    }
    bench.alive("z", false);
    bench.sit("u", "z");
    let killed = bench.now;
    let mut due = bench.due();
    while due.is_empty() {
        bench.now += LOOK;
        heard(&mut bench);
        due = bench.due();
        assert!(bench.now - killed <= Duration::from_secs(15), "they are still there");
    }
    assert_eq!(due, [("u".to_owned(), false)]);
    assert!(bench.now - killed >= timeout, "a gateway that is late was taken for dead");
}

#[test]
fn who_is_at_another_gateway_has_not_left() {
    let mut bench = Bench::trusted(&["c", "d"]);
    for (user, gateway) in [("u", "c"), ("u", "b"), ("v", "c"), ("v", "d"), ("w", "c")] {
        bench.sit(user, gateway);
    }
    bench.pass(9);
    bench.alive("d", false);
    bench.pass(1);
    assert_eq!(bench.due(), [("u".to_owned(), true), ("v".to_owned(), true), ("w".to_owned(), false)]);
}

#[test]
fn gateways_speak_one_after_another_and_not_of_what_was_spoken_of() {
    let mut bench = Bench::trusted(&["a", "c"]);
    bench.sit("u", "c");
    bench.sit("v", "c");
    bench.pass(8);
    bench.alive("a", false);
    bench.pass(1);
    assert_eq!(bench.due(), [], "it is the turn of a");
    bench.roster.deleted("session.s.u.c");
    bench.pass(1);
    assert_eq!(bench.due(), [("v".to_owned(), false)]);
}

#[test]
fn a_draining_gateway_speaks_for_nobody_and_its_users_have_the_timeout_to_move() {
    let mut bench = Bench::trusted(&["a", "c"]);
    bench.sit("u", "a");
    bench.alive("a", true);
    bench.alive("c", false);
    assert_eq!(bench.due(), []);
    let place = ("s".parse().unwrap(), "u".parse().unwrap());
    assert!(bench.roster.elsewhere(&place, bench.now).connected, "whoever moves from there was here all the time");
    bench.pass(10);
    assert_eq!(bench.due(), [("u".to_owned(), false)], "nobody stands before us");
}

#[test]
fn nothing_counts_before_gateways_were_heard_for_the_timeout() {
    let mut bench = Bench { roster: Roster::new("b".parse().unwrap(), TIMEOUT), now: Instant::now() };
    let old = Bench::present("u", "c");
    let entry = KvEntry { key: key_of(&old), value: serde_json::to_vec(&old).unwrap().into(), time_ms: 0 };
    bench.roster.listed(&[entry], bench.now);
    bench.pass(100);
    assert_eq!(bench.due(), [], "an empty bucket and a silent NATS say nothing");
    bench.alive("b", false);
    bench.pass(9);
    assert_eq!(bench.due(), []);
    bench.pass(1);
    assert_eq!(bench.due(), [("u".to_owned(), false)]);
    bench.sit("v", "c");
    bench.roster.reconnected(bench.now);
    bench.pass(100);
    assert_eq!(bench.due(), []);
}

#[test]
fn a_list_without_a_user_whose_gateway_is_there_says_that_the_user_has_left() {
    let mut bench = Bench::trusted(&["c"]);
    for (user, gateway) in [("u", "c"), ("v", "d"), ("w", "b")] {
        bench.sit(user, gateway);
    }
    let alive = json!({"instance": "c", "at": 0}).to_string();
    bench.roster.listed(&[KvEntry { key: "gateway.c".into(), value: alive.into(), time_ms: 0 }], bench.now);
    let (present, count) = bench.roster.present(&"s".parse().unwrap(), 9);
    let mut users: Vec<_> = present.iter().map(|present| present.user_id.as_str()).collect();
    users.sort_unstable();
    assert_eq!((users, count), (vec!["v", "w"], 2));
}

#[test]
fn what_others_delete_of_ours_is_told_to_us() {
    let mut bench = Bench::trusted(&[]);
    bench.sit("u", "b");
    assert_eq!(bench.roster.deleted("session.s.u.b").unwrap().user_id.as_str(), "u");
    bench.roster.unseat(&("s".parse().unwrap(), "u".parse().unwrap()));
    assert!(bench.roster.deleted("session.s.u.b").is_none());
}

#[test]
fn a_game_master_is_there_gone_for_a_while_silent_or_not_known() {
    let mut bench = Bench { roster: Roster::new("b".parse().unwrap(), TIMEOUT), now: Instant::now() };
    let told = |bench: &Bench| {
        let place = ("s".parse().unwrap(), "gm".parse().unwrap());
        bench.roster.game_master(&place, Duration::from_secs(5), bench.now).map(|connection| serde_json::to_value(connection).unwrap())
    };
    let sit = |bench: &mut Bench, gateway: &str, since: u64, lost_at: Option<u64>, silent_since: Option<u64>| {
        let seat = UserPresent { since, lost_at, silent_since, ..Bench::present("gm", gateway) };
        bench.roster.put(&key_of(&seat), &serde_json::to_vec(&seat).unwrap(), bench.now);
    };
    assert_eq!(told(&bench), None, "nobody was heard yet");
    bench.alive("b", false);
    assert_eq!(told(&bench), Some(json!({"connected": false})));
    sit(&mut bench, "c", 7, None, None);
    assert_eq!(told(&bench), Some(json!({"connected": true, "since": 7})));
    sit(&mut bench, "c", 7, None, Some(20));
    sit(&mut bench, "d", 9, None, Some(30));
    assert_eq!(told(&bench), Some(json!({"connected": true, "since": 7, "silentSince": 30})));
    sit(&mut bench, "d", 9, None, None);
    assert_eq!(told(&bench), Some(json!({"connected": true, "since": 7})), "a client that answers speaks for one that does not");
    sit(&mut bench, "d", 9, Some(40), None);
    assert_eq!(told(&bench), Some(json!({"connected": true, "since": 7, "silentSince": 20})));
    sit(&mut bench, "c", 7, Some(50), None);
    assert_eq!(told(&bench), Some(json!({"connected": false, "since": 50, "graceUntil": 5_050})));
    bench.pass(10);
    assert_eq!(told(&bench), Some(json!({"connected": false})), "their gateways are not heard any more");
    bench.roster.reconnected(bench.now - TIMEOUT);
    assert_eq!(told(&bench), None);
}
