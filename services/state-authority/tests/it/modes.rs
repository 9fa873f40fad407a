use game_state::{GameState, Limits};
use serde_json::{Value, json};
use state_authority::metrics::Hashing;

use crate::support::{Instance, World, admin, gm, kind};

const CASES: [&str; 10] = [
    include_str!("../../../../tests/vectors/apply/set.json"),
    include_str!("../../../../tests/vectors/apply/unset.json"),
    include_str!("../../../../tests/vectors/apply/inc.json"),
    include_str!("../../../../tests/vectors/apply/push.json"),
    include_str!("../../../../tests/vectors/apply/pull.json"),
    include_str!("../../../../tests/vectors/apply/selectors.json"),
    include_str!("../../../../tests/vectors/apply/structure.json"),
    include_str!("../../../../tests/vectors/apply/atomicity.json"),
    include_str!("../../../../tests/vectors/apply/canonical.json"),
    include_str!("../../../../tests/vectors/apply/plan.json"),
];

/// A session in one of the modes, at the version that its last update had.
struct Kept {
    world: World,
    version: u64,
}

impl Kept {
    async fn new(world: World, modes: Value) -> Self {
        world.play().await;
        let mut command = json!({"command": "mode", "reason": "a test"});
        command.as_object_mut().unwrap().extend(modes.as_object().unwrap().clone());
        let version = world.command(&admin(), command).await.unwrap().new_version.map_or(0, |version| version.get());
        Self { world, version }
    }

    async fn update(&mut self, operations: &Value) -> bool {
        let accepted = self.world.update(&gm(), &format!("u{}", self.version), self.version, operations.clone()).await;
        self.version += u64::from(accepted.is_ok());
        accepted.is_ok()
    }

    /// The document, brought up to date.
    async fn document(&self) -> Value {
        let subject = self.world.bus.subjects().session_snapshot(&self.world.session);
        self.world.ask::<Value>(subject, &gm(), &json!({})).await.unwrap();
        let document = self.world.document().await;
        assert_eq!(document["gameStateVersion"], json!(self.version.to_string()));
        let hash = GameState::parse(&document["gameState"].to_string(), &Limits::default()).unwrap().hash();
        assert_eq!(document["gameStateHash"], json!(hash), "{}", document["gameState"]);
        document
    }
}

fn begin(state: &Value) -> Value {
    let set = |(key, value): (&String, &Value)| json!({"path": key, "operation": "set", "value": value});
    state.as_object().unwrap().iter().map(set).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_updates_give_the_same_document_in_every_mode() {
    let world = World::new().await;
    let authority = world.authority_with(|config| config.snapshot.interval_ms = 600_000).await;
    let mut direct = Kept::new(world.again().await, json!({"direct": true})).await;
    let mut unhashed = Kept::new(world.again().await, json!({"skipHashes": true})).await;
    let mut full = Kept::new(world, json!({})).await;
    let mut compared = 0;
    for (file, cases) in CASES.iter().enumerate() {
        let cases: Value = serde_json::from_str(cases).unwrap();
        for case in cases["cases"].as_array().unwrap() {
            let state = &case["state"];
            if case.get("limits").is_some() || state.is_null() || case["result"].get("state").is_none() {
                continue;
            }
            // A state that no update can lead to is no state of a session.
            let first = begin(state);
            let accepted = tokio::join!(full.update(&first), direct.update(&first), unhashed.update(&first));
            if accepted == (false, false, false) {
                continue;
            }
            assert_eq!(accepted, (true, true, true), "{case}");
            direct.document().await;
            let operations = &case["operations"];
            let accepted = tokio::join!(full.update(operations), direct.update(operations), unhashed.update(operations));
            assert_eq!(accepted, (true, true, true), "{case}");
            // Now and then several updates come into one document.
            if (compared + file) % 3 > 0 {
                let again = json!([{"path": "pluginData.again", "operation": "push", "value": compared}, {"path": ["pluginData", "a.b"], "operation": "set", "value": 1}]);
                let all = tokio::join!(full.update(&again), direct.update(&again), unhashed.update(&again));
                assert!(all.0 == all.1 && all.0 == all.2, "{case}: {all:?}");
            }
            let (one, two, three) = tokio::join!(full.document(), direct.document(), unhashed.document());
            for other in [two, three] {
                assert_eq!((&one["gameState"], &one["gameStateHash"]), (&other["gameState"], &other["gameStateHash"]), "{case}");
            }
            compared += 1;
        }
    }
    assert!(compared > 100, "{compared} cases were compared");
    let count = |mode| authority.authority.metrics.snapshots.get_or_create(&state_authority::metrics::Mode { mode }).get();
    assert!(count("direct") > 2 * compared as u64 - 20, "{} of {compared}", count("direct"));
    // What each mode saves.
    let hashed = |mode| [Hashing::UPDATE, Hashing::DOCUMENT].map(|purpose| hashed(&authority, mode, purpose));
    let ([full_updates, full_documents], [saved, made_up_for]) = (hashed("full"), hashed("full-unhashed"));
    assert_eq!((saved, full_documents), (0, 0), "no update is hashed without hashes, and no state twice with them");
    assert!(0 < made_up_for && made_up_for < full_updates, "{made_up_for} of {full_updates}: documents have their hash in every mode");
    // What was written place by place, and what has no hashes, loads, and the chain holds.
    for kept in [direct, unhashed] {
        kept.world.reported(&admin(), json!({"command": "verify"})).await.unwrap();
    }
}

fn hashed(instance: &Instance, mode: &'static str, purpose: &'static str) -> u64 {
    instance.authority.metrics.hashed_bytes.get_or_create(&Hashing { mode, purpose }).get()
}

#[tokio::test(flavor = "multi_thread")]
async fn direct_writes_only_what_was_touched_also_after_a_load_and_by_another_instance() {
    let world = World::new().await;
    let slow = |config: &mut state_authority::Config| config.snapshot.interval_ms = 600_000;
    let one = world.authority_with(slow).await;
    let mut kept = Kept::new(world, json!({"direct": true})).await;
    let large = json!([{"path": "pluginData.large", "operation": "set", "value": "x".repeat(100_000)}]);
    assert!(kept.update(&large).await);
    kept.document().await;
    let two = kept.world.authority_with(slow).await;
    for (points, instance) in [(1, &one), (2, &two), (3, &two), (4, &one)] {
        kept.world.update_at(instance, &format!("p{points}"), kept.version, points).await.unwrap();
        kept.version += 1;
    }
    let document = kept.document().await;
    assert_eq!(document["gameState"]["characters"][0]["pluginData"]["hitPoints"], json!(4));
    let direct = state_authority::metrics::Mode { mode: "direct" };
    let bytes: u64 = [&one, &two].map(|it| it.authority.metrics.snapshot_bytes.get_or_create(&direct).get()).iter().sum();
    assert!((1..=100_020).contains(&bytes), "{bytes}");
}

#[tokio::test(flavor = "multi_thread")]
async fn skipping_hashes_leaves_them_out_of_entries_and_answers_but_not_of_documents() {
    for updates in [1, 64] {
        let world = World::new().await;
        let change = |config: &mut state_authority::Config| {
            config.snapshot.updates = updates;
            config.snapshot.interval_ms = 50;
        };
        let (one, two) = (world.authority_with(change).await, world.authority_with(change).await);
        world.play().await;
        world.hit("u0", 0, 5).await.unwrap();
        assert_eq!(kind(&world.command(&gm(), json!({"command": "mode", "skipHashes": true})).await.unwrap_err()).1, "NOT_ADMIN");
        let on = world.reported(&admin(), json!({"command": "mode", "skipHashes": true})).await.unwrap();
        assert_eq!((&on["newVersion"], &on["report"]), (&json!("2"), &json!({"kind": "mode", "direct": false, "skipHashes": true})));
        for (base, instance) in [(2, &one), (3, &two), (4, &one), (5, &two)] {
            let accepted = world.update_at(instance, &format!("u{base}"), base, base as i64).await.unwrap();
            assert_eq!(accepted.new_hash, None);
        }
        world.command(&gm(), json!({"command": "undo", "version": "4"})).await.unwrap();
        let document = world.eventually_stored(7).await;
        let hash = GameState::parse(&document["gameState"].to_string(), &Limits::default()).unwrap().hash();
        assert_eq!(document["gameStateHash"], json!(hash));
        assert_eq!(world.full_state(json!({})).await.unwrap()["gameStateHash"], json!(hash));
        for instance in [&one, &two] {
            assert_eq!(hashed(instance, "full-unhashed", Hashing::UPDATE), 0);
        }
        world.command(&admin(), json!({"command": "mode", "skipHashes": false})).await.unwrap();
        let accepted = world.hit("u8", 8, 80).await.unwrap();
        let state = world.full_state(json!({})).await.unwrap();
        let true_hash = GameState::parse(&state["gameState"].to_string(), &Limits::default()).unwrap().hash();
        assert_eq!((accepted.new_hash, &state["gameStateHash"]), (Some(true_hash), &json!(true_hash)));
        let journal = world.journal().await;
        let has: Vec<_> = journal.iter().map(|entry| entry.get("hashAfter").is_some()).collect();
        assert_eq!(has, [true, true, false, false, false, false, false, true, true]);
        assert_eq!(journal[7]["hashAfter"], json!(hash));
        let cold = world.authority().await;
        world.update_at(&cold, "u9", 9, 90).await.unwrap();
        world.eventually_streamed(1..=10).await;
        assert!(world.document().await.get("frozen").is_none());
    }
}
