use serde_json::json;

use crate::support::{Old, oid};

#[tokio::test]
async fn verifying_finds_what_is_not_as_it_was_made() {
    let mut old = Old::new().await;
    for campaign in 1..=5 {
        old.campaign(campaign, true).await;
        old.session(campaign, 0, true, json!({})).await;
    }
    let database = old.database.clone();
    assert_eq!(old.run(&["apply"]).await.0, 0);
    let (code, report) = old.run(&["verify"]).await;
    assert_eq!((code, &report["found"], &report["intact"], &report["stillOld"]), (0, &json!(5), &json!(5), &json!(0)), "{report}");
    let after = old.everything().await;
    let id = |campaign: u32| oid(campaign, 5, 0);
    // A state that its hash does not fit; a session that is gone; other characters than were named; another document than was kept.
    let change = json!({"$set": {"gameState.characters.0.hp": 77}});
    old.wire.update(&database, "gameSessions", json!({"_id": id(1)}), change).await.unwrap();
    old.wire.delete(&database, "gameSessions", json!({"_id": id(2)})).await.unwrap();
    let backup = |name: &str, id: String| json!({"_id": format!("{name}:{id}")});
    let change = json!({"$set": {"document.characterIds": [{"$oid": oid(3, 1, 1)}]}});
    old.wire.update(&database, "migrationBackups", backup("gameSessions", id(3)), change).await.unwrap();
    let change = json!({"$set": {"document.hp": 55}});
    old.wire.update(&database, "migrationBackups", backup("items", oid(4, 3, 1)), change).await.unwrap();
    old.wire.update(&database, "items", json!({"_id": oid(4, 3, 1)}), json!({"$set": {"document.hp": 56}})).await.unwrap();
    let (code, report) = old.run(&["verify"]).await;
    assert_eq!((code, &report["intact"]), (2, &json!(1)), "{report}");
    let failed = report["failed"].as_array().unwrap();
    let failed: Vec<_> = failed.iter().map(|failure| (failure["session"].as_str().unwrap(), failure["field"].as_str().unwrap())).collect();
    let item = format!("items {}", oid(4, 3, 1));
    let expected = [(id(1), "gameState"), (id(2), "_id"), (id(3), "characterIds"), (id(4), item.as_str())];
    assert_eq!(failed, expected.iter().map(|(id, field)| (id.as_str(), *field)).collect::<Vec<_>>());
    assert_ne!(old.everything().await, after, "the changes of this test alone");
}
