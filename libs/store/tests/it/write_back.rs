use serde_json::json;
use store::{Change, Kind, entity_hash};

use crate::{
    campaigns::{campaign, content, value},
    support::{Bench, document, id, state},
};

async fn session(bench: &Bench) {
    campaign(&bench.store, "campaign-of-s").await;
    bench.store.import(&"campaign-of-s".parse().unwrap(), &content()).await.unwrap().unwrap();
    let initial = bench.store.initial_state(&"campaign-of-s".parse().unwrap()).await.unwrap().unwrap();
    let mut state = state(&initial.state.to_json());
    bench.store.insert_session(&document("s", &mut state), &state.canonical()).await.unwrap();
}

#[tokio::test]
async fn changes_are_all_there_after_the_commit_and_none_without_it() {
    let bench = Bench::new().await;
    session(&bench).await;
    let hero = value(json!({"id": "c1", "hp": 1}));
    let made = value(json!({"id": "c9", "a.b": 0.5}));
    for commit in [false, true] {
        let mut work = bench.store.begin_write_back(&id("s")).await.unwrap().unwrap();
        let backing = work.backing(&[(Kind::Character, vec!["c9".to_owned()])]).await.unwrap();
        assert_eq!(backing.entities.iter().filter(|entity| !entity.removed).count(), 5);
        let hero_before = value(json!({"id": "c1", "name": "Ann", "a.b": {"_id": 1}}));
        assert_eq!(backing.base[&(Kind::Character, "c1".to_owned())], entity_hash(&hero_before), "what the session began with");
        assert_eq!(backing.base.len(), 4);
        let stored = backing.entities.iter().find(|entity| entity.id == "c2").unwrap();
        assert_eq!(stored.hash, entity_hash(&value(json!({"id": "c2", "hp": 5}))));
        let changes = [
            Change::Put { kind: Kind::Character, id: "c1", entity: &hero, hash: entity_hash(&hero) },
            Change::Put { kind: Kind::Character, id: "c9", entity: &made, hash: entity_hash(&made) },
            Change::Mark { kind: Kind::Character, id: "c2" },
            Change::Delete { kind: Kind::Actor, id: "a1" },
            Change::PluginData(&hero),
        ];
        work.write(&changes, 5).await.unwrap();
        if commit {
            work.commit().await.unwrap();
        } else {
            drop(work);
            let counted = bench.store.count_campaign(&"campaign-of-s".parse().unwrap()).await.unwrap();
            assert_eq!((counted.characters, counted.actors), (2, 1));
        }
    }
    let state = bench.store.initial_state(&"campaign-of-s".parse().unwrap()).await.unwrap().unwrap().state;
    assert_eq!(state.get("characters").unwrap(), &value(json!([{"id": "c1", "hp": 1}, {"id": "c9", "a.b": 0.5}])));
    assert_eq!(state.get("actors").unwrap(), &value(json!([])));
    assert_eq!(state.get("pluginData").unwrap(), &hero);
    let stored = bench.wire().await.find_one(&bench.database, "characters", json!({"_id": "c2"})).await.unwrap().unwrap();
    assert_eq!(stored["document"], json!({"id": "c2", "hp": 5}), "a tombstone keeps the content");
    assert_eq!((&stored["removed"]["session"], &stored["removed"]["version"]), (&json!("s"), &json!("0")));
    let stored = bench.wire().await.find_one(&bench.database, "characters", json!({"_id": "c1"})).await.unwrap().unwrap();
    assert_eq!(stored["sync"]["epoch"], json!("epoch-1"));
    assert_eq!(stored["sync"]["hash"], json!(entity_hash(&hero).to_string()));
}

#[tokio::test]
async fn of_two_write_backs_at_once_the_one_that_read_earlier_is_aborted() {
    let bench = Bench::new().await;
    session(&bench).await;
    let mut older = bench.store.begin_write_back(&id("s")).await.unwrap().unwrap();
    older.backing(&[]).await.unwrap();
    let mut newer = bench.store.begin_write_back(&id("s")).await.unwrap().unwrap();
    newer.backing(&[]).await.unwrap();
    newer.write(&[], 1).await.unwrap();
    newer.commit().await.unwrap();
    let hero = value(json!({"id": "c1", "hp": 1}));
    let change = Change::Put { kind: Kind::Character, id: "c1", entity: &hero, hash: entity_hash(&hero) };
    let refused = older.write(&[change], 2).await.unwrap_err();
    assert!(refused.is_transient(), "{refused}");
    let state = bench.store.initial_state(&"campaign-of-s".parse().unwrap()).await.unwrap().unwrap().state;
    assert_eq!(state.get("characters").unwrap().as_array().unwrap()[0].get("name").unwrap().as_str(), Some("Ann"));
}
