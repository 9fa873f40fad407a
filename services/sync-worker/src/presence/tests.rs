use serde_json::json;

use super::*;

const TIMEOUT: Duration = Duration::from_secs(15);
const GRACE: Duration = Duration::from_secs(10);

struct Bench {
    presence: Presence,
    now: Instant,
}

impl Bench {
    /// One gateway is heard for long enough to be believed, and has the game master.
    fn trusted() -> Self {
        let mut bench = Self { presence: Presence::new(TIMEOUT, GRACE), now: Instant::now() };
        for _ in 0..4 {
            bench.alive("one", false);
            bench.pass(5);
        }
        bench.alive("one", false);
        bench.sit("one", true);
        bench
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    fn alive(&mut self, gateway: &str, draining: bool) {
        let value = json!({"instance": gateway, "at": 0, "draining": draining}).to_string();
        self.presence.put(&format!("gateway.{gateway}"), value.as_bytes(), self.now);
    }

    fn sit(&mut self, gateway: &str, gm: bool) {
        self.presence.put(&format!("session.s.gm.{gateway}"), seat(gateway, gm).as_bytes(), self.now);
    }

    fn stand(&mut self, gateway: &str) {
        self.presence.deleted(&format!("session.s.gm.{gateway}"), self.now);
    }

    fn due(&mut self) -> Vec<SyncTrigger> {
        self.presence.due(self.now).into_iter().map(|left| left.trigger).collect()
    }
}

fn seat(gateway: &str, gm: bool) -> String {
    json!({"sessionId": "s", "userId": "gm", "userName": "GM", "isGm": gm, "gateway": gateway, "since": 7}).to_string()
}

#[test]
fn a_leave_counts_once_after_the_grace() {
    let mut bench = Bench::trusted();
    bench.stand("one");
    bench.pass(9);
    bench.alive("one", false);
    assert_eq!(bench.due(), []);
    bench.pass(1);
    assert_eq!(bench.due(), [SyncTrigger::GmLeft]);
    bench.pass(1);
    assert_eq!(bench.due(), []);
}

#[test]
fn a_game_master_who_comes_back_or_sits_elsewhere_has_not_left() {
    let mut bench = Bench::trusted();
    bench.stand("one");
    bench.pass(5);
    bench.sit("one", true);
    bench.sit("two", true);
    bench.stand("one");
    bench.pass(12);
    bench.alive("two", false);
    bench.alive("one", false);
    assert_eq!(bench.due(), []);
}

#[test]
fn a_silent_gateway_has_lost_its_game_masters_and_a_draining_one_has_not() {
    let mut bench = Bench::trusted();
    bench.pass(15);
    assert_eq!(bench.due(), []);
    bench.pass(10);
    assert_eq!(bench.due(), [SyncTrigger::GmLost]);

    let mut bench = Bench::trusted();
    bench.alive("one", true);
    bench.sit("one", true);
    for _ in 0..12 {
        bench.pass(5);
        assert_eq!(bench.due(), []);
    }
}

#[test]
fn an_empty_or_new_bucket_or_a_lost_connection_is_no_leave() {
    let mut bench = Bench::trusted();
    bench.presence.reconnected(bench.now);
    bench.presence.listed(&[], bench.now);
    for _ in 0..12 {
        bench.pass(5);
        assert_eq!(bench.due(), [], "nobody has written since");
    }
    bench.alive("one", false);
    bench.sit("one", true);
    bench.pass(5);
    bench.stand("one");
    bench.alive("one", false);
    bench.pass(9);
    bench.alive("one", false);
    assert_eq!(bench.due(), [], "gateways are not heard for long enough");
}

#[test]
fn who_left_while_nobody_watched_is_missed_in_the_list() {
    let mut bench = Bench::trusted();
    let entry = |key: &str, value: String| KvEntry { key: key.to_owned(), value: value.into(), time_ms: 0 };
    let alive = entry("gateway.one", json!({"instance": "one", "at": 0}).to_string());
    bench.presence.listed(&[alive.clone(), entry("session.s.gm.one", seat("one", true))], bench.now);
    bench.pass(11);
    bench.alive("one", false);
    assert_eq!(bench.due(), []);
    bench.presence.listed(&[alive], bench.now);
    bench.pass(10);
    assert_eq!(bench.due(), [SyncTrigger::GmLeft]);
}

#[test]
fn a_hand_over_is_no_leave() {
    let mut bench = Bench::trusted();
    bench.sit("one", false);
    bench.stand("one");
    bench.pass(11);
    assert_eq!(bench.due(), []);
}
