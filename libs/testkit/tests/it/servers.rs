use serde_json::json;
use testkit::{Mongo, NatsServer, mongo::MongoOptions, scratch::Scratch};

#[tokio::test]
async fn a_nats_server_comes_back_on_its_port() {
    let server = NatsServer::start().await.unwrap();
    let (port, pid) = (server.port(), server.process().pid());
    server.kill9();
    assert!(!server.process().is_running());
    server.restart().await.unwrap();
    assert_eq!(server.port(), port);
    assert_ne!(server.process().pid(), pid);
    let data = server.data().to_owned();
    server.stop().await.unwrap();
    drop(server);
    assert!(!data.exists(), "its directory is left behind");
}

#[tokio::test]
async fn what_mongod_acknowledged_is_there_after_a_kill() {
    let mongo = Mongo::start().await.unwrap();
    let database = mongo.fresh_database();
    let written: Vec<_> = (0..250).map(|n| json!({"_id": n, "text": "x".repeat(1000)})).collect();
    mongo.connect().await.unwrap().insert(&database, "things", written.clone()).await.unwrap();
    mongo.kill9();
    mongo.restart().await.unwrap();
    let read = mongo.connect().await.unwrap().find(&database, "things", json!({}), json!({"_id": 1})).await.unwrap();
    assert_eq!(read, written);
}

#[tokio::test]
async fn a_fail_point_refuses_a_write() {
    let mongo = Mongo::shared().await.unwrap();
    let database = mongo.fresh_database();
    let data = json!({"failCommands": ["insert"], "errorCode": 11600, "namespace": format!("{database}.things")});
    mongo.fail_point("failCommand", json!({"mode": {"times": 1}, "data": data})).await.unwrap();
    let mut connection = mongo.connect().await.unwrap();
    let refused = connection.insert(&database, "things", vec![json!({"_id": 1})]).await.unwrap_err().to_string();
    assert!(refused.contains("11600"), "{refused}");
    connection.insert(&database, "things", vec![json!({"_id": 1})]).await.unwrap();
}

#[tokio::test]
async fn kept_data_serves_on_another_port_even_after_a_kill() {
    let scratch = Scratch::new("kept").unwrap();
    let options = MongoOptions { data: Some(scratch.path().to_owned()), ..MongoOptions::default() };
    let first = Mongo::start_with(options.clone()).await.unwrap();
    first.connect().await.unwrap().insert("kept", "things", vec![json!({"_id": 1})]).await.unwrap();
    let port = first.port();
    first.kill9();
    let second = Mongo::start_with(options).await.unwrap();
    assert_ne!(second.port(), port);
    let found = second.connect().await.unwrap().find_one("kept", "things", json!({})).await.unwrap();
    assert_eq!(found, Some(json!({"_id": 1})));
}
