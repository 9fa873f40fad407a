use serde_json::{Value, json};

use crate::support::{Old, oid};

fn state_of(loaded: &store::Loaded) -> Value {
    serde_json::from_str(&loaded.state.root().to_json()).unwrap()
}

#[tokio::test]
async fn documents_of_all_kinds_in_one_collection_become_ours_and_go_back_there() {
    for object_ids in [true, false] {
        let mut old = Old::new().await;
        old.campaign_in_documents(1, object_ids).await;
        let list = old.session(1, 0, object_ids, json!({})).await;
        let map = json!({oid(1, 1, 2): true, oid(1, 1, 0): {"role": "healer"}, oid(1, 1, 1): false});
        let map = old.session(1, 1, object_ids, json!({"characterIds": map, "gameStateVersion": "0"})).await;
        let before = old.everything().await;

        let (code, report) = old.run(&["apply"]).await;
        assert_eq!((code, &report["converted"]), (0, &json!(2)), "{report}");
        for session in [&list, &map] {
            let loaded = old.store.load(&session.parse().unwrap()).await.unwrap().unwrap();
            let state = state_of(&loaded);
            let ids = |key: &str| state[key].as_array().unwrap().iter().map(|entity| entity["id"].clone()).collect::<Vec<_>>();
            assert_eq!(ids("characters"), [oid(1, 1, 0), oid(1, 1, 2)]);
            assert_eq!((ids("actors").len(), ids("items").len()), (3, 3));
            assert_eq!(state["currentEncounter"]["id"], json!(oid(1, 4, 0)));
        }
        assert_eq!(old.find("documents", json!({})).await.len(), 1, "what is of no kind of ours stays");
        assert_eq!(old.find("characters", json!({"document": {"$exists": true}})).await.len(), 3);
        assert_eq!(old.run(&["verify"]).await.1["intact"], json!(2));
        let (code, report) = old.run(&["rollback"]).await;
        assert_eq!(
            (code, &report["rolledBack"], &report["documentsRestored"]),
            (0, &json!(2), &json!(if object_ids { 12 } else { 11 })),
            "{report}"
        );
        assert_eq!(old.everything().await, before);
    }
}

#[tokio::test]
async fn a_state_in_lists_or_maps_held_or_named_is_kept_in_our_form() {
    let mut old = Old::new().await;
    old.campaign(1, true).await;
    let entity = |id: &str, kind: &str| json!({"id": id, "documentType": kind});
    let in_one_map = json!({
        "documents": {"c": {"documentType": "character", "hp": 3}, "a": entity("a", "actor"), "i": entity("i", "item")},
        "currentEncounter": {"id": "e", "tokens": {"t": {"x": 1}}}, "pluginData": {"p": 1},
    });
    let shared =
        json!({"_id": {"$oid": oid(1, 7, 0)}, "campaignId": {"$oid": oid(1, 0, 0)}, "state": in_one_map, "version": "17", "hash": "stale"});
    old.insert("gamestates", vec![shared]).await;
    let held = json!({"characters": {"c2": {"hp": 1}, "c1": {"_id": "c1", "hp": 2}}, "actors": []});
    let sessions = [
        (old.session(1, 0, true, json!({"gameStateId": {"$oid": oid(1, 7, 0)}})).await, 17),
        (old.session(1, 1, true, json!({"gameState": in_one_map, "gameStateVersion": "9"})).await, 9),
        (old.session(1, 2, true, json!({"gameState": held})).await, 0),
    ];
    let refused = [
        (old.session(1, 3, true, json!({"gameStateId": {"$oid": oid(1, 7, 9)}})).await, "gameStateId"),
        (old.session(1, 4, true, json!({"gameState": {"documents": {"v": entity("v", "vtt-document")}}})).await, "gameState.documents"),
        (old.session(1, 5, true, json!({"gameState": {"actors": [{"name": "nobody"}]}})).await, "gameState.actors"),
        (old.session(1, 6, true, json!({"gameState": {"turnManager": {}}})).await, "gameState"),
        (old.session(1, 7, true, json!({"gameState": {}, "gameStateVersion": "5abc"})).await, "gameStateVersion"),
    ];
    let (code, report) = old.run(&["apply"]).await;
    assert_eq!((code, &report["converted"]), (2, &json!(3)), "{report}");
    let failed = report["failed"].as_array().unwrap();
    let failed: Vec<_> = failed.iter().map(|failure| (failure["session"].as_str().unwrap(), failure["field"].as_str().unwrap())).collect();
    assert_eq!(failed, refused.iter().map(|(id, field)| (id.as_str(), *field)).collect::<Vec<_>>());

    let mut states = Vec::new();
    for (session, version) in &sessions {
        let loaded = old.store.load(&session.parse().unwrap()).await.unwrap().unwrap();
        assert_eq!(loaded.document.game_state_version.get(), *version);
        assert!(loaded.document.sync.is_none(), "the campaign's documents may differ from it");
        states.push(state_of(&loaded));
    }
    let expected = json!({
        "characters": [{"id": "c", "documentType": "character", "hp": 3}], "actors": [entity("a", "actor")], "items": [entity("i", "item")],
        "currentEncounter": {"id": "e", "tokens": {"t": {"x": 1}}}, "pluginData": {"p": 1},
    });
    assert_eq!((&states[0], &states[1]), (&expected, &expected));
    let expected = json!({"characters": [{"id": "c1", "hp": 2}, {"id": "c2", "hp": 1}], "actors": [], "items": [], "currentEncounter": null, "pluginData": {}});
    assert_eq!(states[2], expected);
    let (code, report) = old.run(&["verify"]).await;
    assert_eq!((code, &report["intact"], &report["stillOld"]), (0, &json!(3), &json!(5)), "{report}");
    old.run(&["rollback"]).await;
    old.run(&["apply", "--reset-versions"]).await;
    for (session, _) in &sessions {
        assert_eq!(old.store.load(&session.parse().unwrap()).await.unwrap().unwrap().document.game_state_version.get(), 0);
    }
}

#[tokio::test]
async fn what_no_state_can_hold_is_named_and_the_rest_go_on() {
    let mut old = Old::new().await;
    for campaign in 1..=4 {
        old.campaign(campaign, true).await;
    }
    let large = "x".repeat(3_000_000);
    let of = |campaign: u32| json!({"$oid": oid(campaign, 0, 0)});
    for n in 10..13 {
        old.insert("items", vec![json!({"_id": oid(1, 3, n), "campaignId": of(1), "notes": large})]).await;
    }
    old.insert("actors", vec![json!({"_id": oid(2, 2, 9), "campaignId": of(2), "a": [{"b": {"$dollar": 1}}]})]).await;
    // The same actor in both places.
    let twice = json!({"_id": {"$oid": oid(3, 2, 0)}, "campaignId": of(3), "documentType": "actor"});
    old.insert("documents", vec![twice]).await;
    for campaign in 1..=4 {
        old.session(campaign, 0, true, json!({})).await;
    }
    let before = old.find("gameSessions", json!({"campaignId": {"$ne": of(4)}})).await;
    for command in ["plan", "apply"] {
        let (code, report) = old.run(&[command]).await;
        assert_eq!((code, &report["converted"]), (2, &json!(1)), "{report}");
        let failed = report["failed"].as_array().unwrap();
        let named = |at: usize| (failed[at]["field"].as_str().unwrap(), failed[at]["reason"].as_str().unwrap());
        assert_eq!(named(0).0, "gameState");
        assert!(named(0).1.contains("limit 8388608, actual 90"), "{}", named(0).1);
        assert_eq!(named(1).0, format!("actors {}", oid(2, 2, 9)));
        assert!(named(1).1.starts_with("a: 0.b") || named(1).1.contains('$'), "{}", named(1).1);
        assert_eq!(named(2), (&*format!("actors {}", oid(3, 2, 0)), "there is a second document of this id"));
    }
    assert_eq!(old.find("gameSessions", json!({"epoch": {"$exists": false}})).await, before, "left as they were");
}
