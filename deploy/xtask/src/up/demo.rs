//! The demo campaign out of its JSON files, through the same REST interface that everybody uses.

use std::{collections::BTreeMap, fs};

use anyhow::Context;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use testkit::{Platform, service::workspace};

use super::card::{Card, Pids, User};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Campaign {
    name: String,
    session_name: String,
    game_master: Person,
    players: Vec<Person>,
    outsider: Person,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Person {
    user_id: String,
    name: String,
}

pub(super) async fn load(platform: &Platform) -> anyhow::Result<Card> {
    let demo: Campaign = serde_json::from_value(read("campaign")?).context("campaign.json")?;
    let mut documents = Map::new();
    documents.insert("name".to_owned(), json!(demo.name));
    documents.insert("gameMasterId".to_owned(), json!(demo.game_master.user_id));
    for kind in ["characters", "actors", "items", "encounters"] {
        documents.insert(kind.to_owned(), read(kind)?);
    }
    let campaign_id = platform.load_campaign(&Value::Object(documents)).await?;
    let names: Map<_, _> = demo.players.iter().map(|player| (player.user_id.clone(), json!(player.name))).collect();
    let session = json!({
        "campaignId": campaign_id,
        "name": demo.session_name,
        "gameMasterId": demo.game_master.user_id,
        "participantIds": demo.players.iter().map(|player| &player.user_id).collect::<Vec<_>>(),
        "participantNames": names,
    });
    let session_id = platform.create_session_as(&session).await?;
    let user = |person: &Person| User {
        token: platform.signer.user(&person.user_id, &person.name),
        user_id: person.user_id.clone(),
        name: person.name.clone(),
    };
    Ok(Card {
        ready: true,
        gateway: platform.url(),
        mongo: platform.mongo.uri(),
        nats: platform.nats.url(),
        session_id,
        campaign_id,
        gm: user(&demo.game_master),
        players: demo.players.iter().map(user).collect(),
        outsider: user(&demo.outsider),
        admin: User { user_id: "admin".to_owned(), token: platform.admin_token(), name: "admin".to_owned() },
        pids: Pids::of(platform)?,
        members: BTreeMap::new(),
        campaign: demo.name,
    })
}

fn read(name: &str) -> anyhow::Result<Value> {
    let path = workspace().join("deploy/demo").join(format!("{name}.json"));
    let text = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("in {}", path.display()))
}
