//! What clients find that came while NATS was away.

use serde_json::json;
use testkit::Proxy;

use crate::stage::{GM, SESSION, SOON, Stage};

#[tokio::test]
async fn who_connects_meanwhile_hears_what_goes_to_one_user_once_nats_is_back() {
    let stage = Stage::start().await;
    let proxy = Proxy::start(&stage.nats.address()).await.unwrap();
    let gateway = stage.another_gateway(&[("NATS__SERVERS", &format!("nats://{}", proxy.address()))]).await;
    proxy.cut();
    let player = stage.client_at(&gateway, "p1").await;
    testkit::eventually("the gateway to have tried in vain", SOON, async || {
        gateway.service.process().log_tail().contains("what goes to one user cannot be heard").then_some(())
    })
    .await
    .unwrap();
    proxy.heal();
    testkit::eventually("the player to join", SOON, async || player.join(SESSION).await.ok()).await.unwrap();
    let gm = stage.joined(GM).await;
    let whisper = json!({"sessionId": SESSION, "message": "psst", "recipient": {"type": "user", "id": "p1"}});
    assert_eq!(gm.request("chat", whisper).await.unwrap()["success"], json!(true));
    player.wait_for("chat", SOON, |data| data["message"] == "psst").await.unwrap();
}
