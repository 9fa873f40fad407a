use game_state::Version;
use serde_json::json;

use crate::support::{Old, oid};

#[tokio::test]
async fn old_sessions_become_ours_and_whatever_was_replaced_is_kept() {
    for object_ids in [true, false] {
        let mut old = Old::new().await;
        old.campaign(1, object_ids).await;
        let active = old.session(1, 0, object_ids, json!({"status": "active"})).await;
        let ended = old.session(1, 1, object_ids, json!({"currentEncounterId": null})).await;
        let originals = old.find("gameSessions", json!({})).await;
        let before = old.everything().await;

        let (code, report) = old.run(&[]).await;
        assert_eq!((code, &report["applied"], &report["converted"], &report["failed"]), (0, &json!(false), &json!(2), &json!([])));
        assert_eq!(old.everything().await, before, "a dry run writes nothing");

        let (code, report) = old.run(&["apply"]).await;
        assert_eq!((code, &report["converted"], &report["failed"]), (0, &json!(2), &json!([])), "{report}");
        let loaded = old.store.load(&active.parse().unwrap()).await.unwrap().expect("it is checked by hash");
        let state: serde_json::Value = serde_json::from_str(&loaded.state.root().to_json()).unwrap();
        let character = |of: u32| {
            let made = "2023-11-14T22:13:20.000Z";
            json!({"id": oid(1, 1, of), "campaignId": oid(1, 0, 0), "name": format!("characters {of}"), "hp": of, "made": made})
        };
        assert_eq!(state["characters"], json!([character(0), character(2)]), "those that the session names");
        let encounter = json!({"id": oid(1, 4, 0), "campaignId": oid(1, 0, 0), "status": "active", "tokens": [{"at": oid(1, 1, 0)}]});
        assert_eq!((&state["currentEncounter"], &state["pluginData"]), (&encounter, &json!({})));
        assert_eq!((state["actors"].as_array().unwrap().len(), state["items"].as_array().unwrap().len()), (3, 3));
        assert_eq!((loaded.document.game_state_version, loaded.document.status.as_str()), (Version::ZERO, "active"));
        assert_eq!(loaded.document.participant_ids.iter().map(ToString::to_string).collect::<Vec<_>>(), [oid(1, 9, 1), oid(1, 9, 2)]);
        let other = old.store.load(&ended.parse().unwrap()).await.unwrap().unwrap();
        assert_ne!(other.document.epoch, loaded.document.epoch);
        assert!(other.state.root().get("currentEncounter").unwrap().is_null());

        for session in old.find("gameSessions", json!({})).await {
            assert!(session["_id"].is_string());
            assert!(session.get("characterIds").is_none() && session.get("currentEncounterId").is_none(), "{session}");
            assert_eq!(session["settings"], json!({"music": true}), "what we have no use for stays");
        }
        let kept = old.find("migrationBackups", json!({"collection": "gameSessions"})).await;
        assert_eq!(kept.iter().map(|backup| backup["document"].clone()).collect::<Vec<_>>(), originals);
        assert_eq!(old.find("migrationBackups", json!({"collection": "characters"})).await.len(), 3);
        let indexes = old.wire.indexes(&old.database, "gameSessions").await.unwrap();
        for key in ["gameStateVersion", "lastStateUpdate"] {
            assert!(indexes.iter().any(|index| index["key"] == json!({ key: 1 })), "{key}");
        }

        // Later sessions begin with the same documents, and the open one keeps others from being opened.
        let campaign = oid(1, 0, 0).parse().unwrap();
        let initial = old.store.initial_state(&campaign).await.unwrap().unwrap();
        assert_eq!(initial.state.get("characters").unwrap().as_array().unwrap().len(), 3);
        assert_eq!(initial.campaign.game_master_id.as_str(), oid(1, 9, 0));
        assert_eq!(old.store.open_session_of_campaign(&campaign).await.unwrap().unwrap().as_str(), active);
        let mut work = old.store.begin_write_back(&active.parse().unwrap()).await.unwrap().unwrap();
        let backing = work.backing(&[]).await.unwrap();
        assert_eq!((backing.entities.len(), backing.base.len()), (11, 9), "a write-back knows what the session began with");
        assert!(backing.entities.iter().all(|entity| !entity.foreign));
        drop(work);

        let after = old.everything().await;
        let (code, report) = old.run(&["apply"]).await;
        assert_eq!((code, &report["found"], &report["alreadyNew"]), (0, &json!(0), &json!(2)));
        assert_eq!(report["openSkipped"], json!([active]), "a live platform may be writing it");
        assert_eq!(old.everything().await, after, "a second run changes nothing");
    }
}

#[tokio::test]
async fn a_session_that_cannot_be_converted_is_listed_and_left_and_the_rest_go_on() {
    let mut old = Old::new().await;
    old.campaign(1, true).await;
    old.campaign(2, true).await;
    old.insert("items", vec![json!({"_id": {"$oid": oid(2, 3, 9)}, "campaignId": {"$oid": oid(2, 0, 0)}, "a": {"": 1}})]).await;
    old.campaign(3, true).await;
    let good = old.session(1, 0, true, json!({})).await;
    let dangling = "characterIds";
    let bad = [
        (old.session(1, 1, true, json!({"characterIds": [{"$oid": oid(1, 1, 77)}]})).await, dangling),
        (old.session(1, 2, true, json!({"characterIds": [{"$oid": oid(3, 1, 0)}]})).await, dangling),
        (old.session(1, 3, true, json!({"currentEncounterId": {"$oid": oid(1, 4, 77)}})).await, "currentEncounterId"),
        (old.session(1, 4, true, json!({"status": "lost"})).await, "status"),
        (old.session(1, 5, true, json!({"gameMasterId": 7})).await, "gameMasterId"),
        (old.session(1, 6, true, json!({"campaignId": {"$oid": oid(9, 0, 0)}})).await, "campaignId"),
        (old.session(1, 7, true, json!({"participantIds": ["a b"]})).await, "participantIds"),
        (old.session(2, 0, true, json!({})).await, "items 000000020000000300000009"),
    ];
    let open = old.session(3, 0, true, json!({"status": "active"})).await;
    let second = old.session(3, 1, true, json!({"status": "paused"})).await;

    let before = old.find("gameSessions", json!({})).await;
    let (code, report) = old.run(&["apply"]).await;
    assert_eq!((code, &report["converted"]), (2, &json!(2)), "{report}");
    let failed: Vec<_> = report["failed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|failure| (failure["session"].as_str().unwrap().to_owned(), failure["field"].as_str().unwrap().to_owned()))
        .collect();
    let mut expected: Vec<_> = bad.iter().map(|(id, field)| (id.clone(), (*field).to_owned())).collect();
    expected.push((second.clone(), "status".to_owned()));
    assert_eq!(failed, expected);
    for id in [&good, &open] {
        assert!(old.store.load(&id.parse().unwrap()).await.unwrap().is_some());
    }
    for session in old.find("gameSessions", json!({"epoch": {"$exists": false}})).await {
        assert!(before.contains(&session), "left as it was");
    }
    assert_eq!(old.find("characters", json!({"campaignId": oid(2, 0, 0)})).await.len(), 0, "nothing of a refused campaign was touched");

    // What was repaired is converted by the next run.
    let fix = json!({"$set": {"status": "ended"}});
    assert!(old.wire.update(&old.database.clone(), "gameSessions", json!({"_id": {"$oid": second}}), fix).await.unwrap());
    let (code, report) = old.run(&["apply"]).await;
    assert_eq!((code, &report["converted"], report["failed"].as_array().unwrap().len()), (2, &json!(1), 8));
}

#[tokio::test]
async fn a_state_that_a_session_has_already_is_kept_with_its_version() {
    let mut old = Old::new().await;
    old.campaign(1, true).await;
    let state = json!({"characters": [{"id": "c", "by": {"$oid": oid(1, 9, 1)}}], "actors": [], "items": [], "currentEncounter": null, "pluginData": {"p": 1}});
    let id = old
        .session(
            1,
            0,
            true,
            json!({"gameState": state, "gameStateVersion": "42", "gameStateHash": "stale", "lastStateUpdate": 1_600_000_000_000_i64}),
        )
        .await;
    let (code, report) = old.run(&["apply"]).await;
    assert_eq!(code, 0, "{report}");
    let loaded = old.store.load(&id.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(loaded.document.game_state_version.get(), 42);
    assert_eq!(loaded.document.last_state_update, 1_600_000_000_000);
    let kept = format!(
        r#"{{"actors":[],"characters":[{{"by":"{}","id":"c"}}],"currentEncounter":null,"items":[],"pluginData":{{"p":1}}}}"#,
        oid(1, 9, 1)
    );
    assert_eq!(loaded.state.root().to_json(), kept);
}
