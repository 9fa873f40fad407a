//! Every state that is accepted comes back from MongoDB canonically identical, and as large as the rules of states say.

use game_state::{GameState, Limits, Object, Value};
use proptest::{collection::vec, prelude::*, strategy::ValueTree, test_runner::TestRunner};
use serde_json::json;

use crate::support::{Bench, document};

fn value() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        any::<i32>().prop_map(f64::from),
        any::<i64>().prop_map(|n| n as f64),
        any::<f64>().prop_filter("finite", |n| n.is_finite()),
        (-(1_i64 << 53)..=1 << 53).prop_map(|n| n as f64),
        prop::sample::select(vec![
            0.0,
            -0.0,
            2_147_483_647.0,
            2_147_483_648.0,
            -2_147_483_648.0,
            -2_147_483_649.0,
            9.007_199_254_740_992e15
        ]),
        prop::sample::select(vec![9.007_199_254_740_994e15, 1e21, 1e20, 5e-324, f64::MAX, f64::MIN_POSITIVE, 0.1, 1.0 / 3.0]),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        // Through the parser, which knows one zero.
        number.prop_map(|n| Value::Number(n + 0.0)),
        any::<String>().prop_map(Value::String),
        prop::sample::select(vec!["\0", "a\0b", "😀", "\u{fb33}", "$x", "5"]).prop_map(|text| Value::String(text.to_owned())),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        prop_oneof![vec(inner.clone(), 0..12).prop_map(Value::Array), vec((key(), inner), 0..8).prop_filter_map("keys are free", object)]
    })
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-z0-9.]{1,12}",
        prop::sample::select(vec!["_id", "a.b", "0", "10", "9", "id", "😀", "\u{fb33}", "a$b", "__t"]).prop_map(str::to_owned),
    ]
}

fn object(entries: Vec<(String, Value)>) -> Option<Value> {
    Object::from_entries(entries).ok().map(Value::Object)
}

#[tokio::test]
async fn an_accepted_state_comes_back_canonically_identical() {
    let bench = Bench::new().await;
    let mut wire = bench.wire().await;
    let mut runner = TestRunner::deterministic();
    let strategy = (vec(value(), 0..6), vec(value(), 0..3), value());
    let mut stored = 0;
    for n in 0..300 {
        let (characters, items, plugin) = strategy.new_tree(&mut runner).unwrap().current();
        let root = object(vec![
            ("characters".to_owned(), Value::Array(characters)),
            ("actors".to_owned(), Value::Array(Vec::new())),
            ("items".to_owned(), Value::Array(items)),
            ("currentEncounter".to_owned(), Value::Null),
            ("pluginData".to_owned(), object(vec![("p".to_owned(), plugin)]).unwrap()),
        ])
        .unwrap();
        let Ok(mut state) = GameState::from_value(root, &Limits::default()) else { continue };
        let document = document(&format!("s{n}"), &mut state);
        let canonical = state.canonical().to_vec();
        bench.store.insert_session(&document, &state.canonical()).await.unwrap();
        let mut loaded = bench.store.load(&document.id).await.unwrap().unwrap();
        assert_eq!(String::from_utf8(loaded.state.canonical().to_vec()).unwrap(), String::from_utf8(canonical).unwrap());

        let pipeline = json!([{"$match": {"_id": document.id}}, {"$project": {"size": {"$bsonSize": "$gameState"}}}]);
        let fields = json!({"pipeline": pipeline, "cursor": {}});
        let answer = wire.command(&bench.database, "aggregate", json!("gameSessions"), fields).await.unwrap();
        assert_eq!(answer["cursor"]["firstBatch"][0]["size"], json!(state.size().bson_bytes), "the size that limits count");
        stored += 1;
    }
    assert!(stored > 200, "only {stored} of the generated states were acceptable");
}

#[tokio::test]
async fn what_other_converters_take_for_their_own_types_stays_what_it_is() {
    let bench = Bench::new().await;
    let json = r#"{"actors":[],"characters":[{"big":18446744073709552000,"exact":9007199254740992,"half":0.5,"id":"c","text":"5"}],"currentEncounter":null,"items":[],"pluginData":{"a.b":{"0":{"_id":"0123456789abcdef01234567"}},"at":"2024-01-01T00:00:00.000Z"}}"#;
    let mut state = crate::support::state(json);
    let document = document("s", &mut state);
    bench.store.insert_session(&document, &state.canonical()).await.unwrap();
    let mut loaded = bench.store.load(&document.id).await.unwrap().unwrap();
    assert_eq!(String::from_utf8(loaded.state.canonical().to_vec()).unwrap(), json);
    let stored = bench.wire().await.find_one(&bench.database, "gameSessions", json!({"gameState.characters.id": "c"})).await.unwrap();
    assert_eq!(stored.unwrap()["gameState"]["characters"][0]["half"], json!(0.5), "operators can query it");
}
