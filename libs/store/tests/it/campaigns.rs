use game_state::{Limits, Value};
use serde_json::json;
use store::{CampaignDocument, Content, ImportRefused, Kind, Store};

use crate::support::Bench;

pub(crate) fn value(json: serde_json::Value) -> Value {
    Value::parse(&json.to_string(), &Limits::default()).unwrap()
}

pub(crate) fn values(json: serde_json::Value) -> Vec<Value> {
    json.as_array().unwrap().iter().map(|entity| value(entity.clone())).collect()
}

pub(crate) async fn campaign(store: &Store, id: &str) {
    let campaign = CampaignDocument {
        id: id.parse().unwrap(),
        name: "The Lost Mine".to_owned(),
        game_master_id: "gm".parse().unwrap(),
        plugin_data: value(json!({"weather": "rain"})),
    };
    assert!(store.insert_campaign(&campaign).await.unwrap());
    assert!(!store.insert_campaign(&campaign).await.unwrap(), "once");
}

pub(crate) fn content() -> Content {
    Content {
        characters: values(json!([{"id": "c2", "hp": 5}, {"id": "c1", "name": "Ann", "a.b": {"_id": 1}}])),
        actors: values(json!([{"id": "a1"}])),
        items: values(json!([])),
        encounters: values(json!([{"id": "e1", "status": "ended"}, {"id": "e2", "status": "active", "round": 3}])),
    }
}

#[tokio::test]
async fn a_session_begins_with_the_documents_of_its_campaign_alone() {
    let bench = Bench::new().await;
    for id in ["one", "two"] {
        campaign(&bench.store, id).await;
    }
    bench.store.import(&"one".parse().unwrap(), &content()).await.unwrap().unwrap();
    let other = Content { characters: values(json!([{"id": "x"}])), ..Content::default() };
    bench.store.import(&"two".parse().unwrap(), &other).await.unwrap().unwrap();
    // What another program keeps in the same collection is not ours.
    bench.wire().await.insert(&bench.database, "items", vec![json!({"_id": "old", "campaignId": "one", "name": "Lamp"})]).await.unwrap();

    let initial = bench.store.initial_state(&"one".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(initial.campaign.name, "The Lost Mine");
    let expected = json!({
        "characters": [{"id": "c1", "name": "Ann", "a.b": {"_id": 1}}, {"id": "c2", "hp": 5}],
        "actors": [{"id": "a1"}],
        "items": [],
        "currentEncounter": {"id": "e2", "status": "active", "round": 3},
        "pluginData": {"weather": "rain"},
    });
    assert_eq!(initial.state, value(expected));
    let empty = bench.store.initial_state(&"two".parse().unwrap()).await.unwrap().unwrap();
    assert!(empty.state.get("currentEncounter").unwrap().is_null());
    assert!(bench.store.initial_state(&"three".parse().unwrap()).await.unwrap().is_none());
    let counted = bench.store.count_campaign(&"one".parse().unwrap()).await.unwrap();
    assert_eq!((counted.characters, counted.actors, counted.items, counted.encounters), (2, 1, 0, 2));
}

#[tokio::test]
async fn an_import_replaces_what_it_names_and_leaves_the_rest() {
    let bench = Bench::new().await;
    campaign(&bench.store, "one").await;
    let one = "one".parse().unwrap();
    bench.store.import(&one, &content()).await.unwrap().unwrap();
    let change = Content { characters: values(json!([{"id": "c2", "mp": 1}])), ..Content::default() };
    bench.store.import(&one, &change).await.unwrap().unwrap();
    let state = bench.store.initial_state(&one).await.unwrap().unwrap().state;
    assert_eq!(state.get("characters").unwrap(), &value(json!([{"id": "c1", "name": "Ann", "a.b": {"_id": 1}}, {"id": "c2", "mp": 1}])));
}

#[tokio::test]
async fn a_refused_import_writes_nothing() {
    let bench = Bench::new().await;
    for id in ["one", "two"] {
        campaign(&bench.store, id).await;
    }
    let (one, two) = ("one".parse().unwrap(), "two".parse().unwrap());
    bench.store.import(&one, &content()).await.unwrap().unwrap();
    let import = async |content: Content| bench.store.import(&two, &content).await.unwrap().unwrap_err();
    let actors = values(json!([{"id": "new"}]));
    let characters = |json| Content { actors: actors.clone(), characters: values(json), ..Content::default() };
    let encounters = |json| Content { actors: actors.clone(), encounters: values(json), ..Content::default() };
    assert_eq!(import(characters(json!([{"id": "k"}, {"name": "x"}]))).await, ImportRefused::NoId { kind: Kind::Character, index: 1 });
    assert_eq!(
        import(characters(json!([{"id": "k"}, {"id": "k"}]))).await,
        ImportRefused::Twice { kind: Kind::Character, id: "k".to_owned() }
    );
    let stolen = ImportRefused::OfAnotherCampaign { kind: Kind::Character, id: "c1".to_owned() };
    assert_eq!(import(characters(json!([{"id": "k"}, {"id": "c1"}]))).await, stolen);
    let both = json!([{"id": "f1", "status": "active"}, {"id": "f2", "status": "active"}]);
    assert_eq!(import(encounters(both)).await, ImportRefused::ActiveEncounters(2));
    assert_eq!(bench.store.count_campaign(&two).await.unwrap(), store::Counted::default());
    let nowhere = bench.store.import(&"three".parse().unwrap(), &content()).await.unwrap();
    assert_eq!(nowhere, Err(ImportRefused::NoSuchCampaign));
}
