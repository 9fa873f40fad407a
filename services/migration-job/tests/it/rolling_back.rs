use serde_json::json;

use crate::support::{Old, oid};

#[tokio::test]
async fn rolling_back_leaves_what_was_touched_since_and_lists_it() {
    let mut old = Old::new().await;
    for campaign in 1..=4 {
        old.campaign(campaign, campaign % 2 == 0).await;
    }
    let untouched = old.session(1, 0, false, json!({})).await;
    let open = old.session(2, 0, true, json!({"status": "active"})).await;
    let played = old.session(3, 0, false, json!({})).await;
    let beside = old.session(3, 1, false, json!({})).await;
    let edited = old.session(4, 0, true, json!({})).await;
    let before = old.everything().await;
    assert_eq!(old.run(&["apply"]).await.0, 0);
    let database = old.database.clone();
    // An entry of a journal, a field of a session, a document of a campaign: each by somebody else.
    old.insert("sessionUpdates", vec![json!({"_id": format!("{played}:0000000000000001")})]).await;
    old.wire.update(&database, "gameSessions", json!({"_id": edited}), json!({"$set": {"name": "New"}})).await.unwrap();
    old.wire.update(&database, "items", json!({"_id": oid(1, 3, 1)}), json!({"$set": {"document.hp": 99}})).await.unwrap();

    let (code, report) = old.run(&["rollback"]).await;
    assert_eq!((code, &report["found"], &report["rolledBack"]), (2, &json!(5), &json!(2)), "{report}");
    assert_eq!(report["openSkipped"], json!([open]));
    let changed = |session: &str, reason: &str| json!({"session": session, "field": "_id", "reason": reason});
    let expected = [changed(&played, "it was played since"), changed(&edited, "its document was changed since")];
    assert_eq!(report["changed"], json!(expected));
    assert_eq!(report["documentsChanged"], json!([format!("items {}", oid(1, 3, 1))]));
    assert_eq!(report["campaignsKept"], json!([oid(2, 0, 0), oid(3, 0, 0), oid(4, 0, 0)]));
    let old_again = old.find("gameSessions", json!({"epoch": {"$exists": false}})).await;
    assert_eq!(old_again.iter().map(|session| session["_id"].as_str().unwrap()).collect::<Vec<_>>(), [&untouched, &beside]);
    assert_eq!(old.find("items", json!({"campaignId": oid(1, 0, 0), "document": {"$exists": true}})).await.len(), 1, "the changed one");

    // With no platform there, the open one goes back too; nothing else can.
    let (code, report) = old.run(&["rollback", "--platform-stopped"]).await;
    assert_eq!((code, &report["rolledBack"], report["changed"].as_array().unwrap().len()), (2, &json!(1), 2), "{report}");

    // What was touched by mistake is mended, and all is as it was.
    old.wire.delete(&database, "sessionUpdates", json!({})).await.unwrap();
    old.wire.update(&database, "gameSessions", json!({"_id": edited}), json!({"$set": {"name": "Session 0"}})).await.unwrap();
    old.wire.update(&database, "items", json!({"_id": oid(1, 3, 1)}), json!({"$set": {"document.hp": 1}})).await.unwrap();
    let (code, report) = old.run(&["rollback"]).await;
    assert_eq!((code, &report["rolledBack"]), (0, &json!(2)), "{report}");
    assert_eq!(old.everything().await, before, "byte for byte, and no backup is left");
    let (code, report) = old.run(&["rollback"]).await;
    assert_eq!((code, &report["found"]), (0, &json!(0)), "a second time does nothing");
}
