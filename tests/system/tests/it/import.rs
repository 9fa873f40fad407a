//! Imports larger than one message of NATS.

use anyhow::ensure;
use serde_json::{Value, json};
use testkit::{Platform, PlatformOptions, http};

use crate::table::GM;

/// Ids are the platform's: no other campaign may have them.
fn items(of: &str, count: usize, bytes: usize) -> Vec<Value> {
    (0..count).map(|number| json!({"id": format!("{of}{number:05}"), "number": number, "text": "x".repeat(bytes)})).collect()
}

async fn campaign(platform: &Platform) -> anyhow::Result<String> {
    let head = json!({"name": "The Drowned Bell", "gameMasterId": GM});
    let made = http::post(&platform.url(), "/api/campaigns", Some(&platform.admin_token()), &head).await?.success()?;
    Ok(made["id"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_megabytes_are_let_in_and_what_is_refused_of_them_is_named_with_what_is_stored() -> anyhow::Result<()> {
    let platform = Platform::start(PlatformOptions { authorities: 1, sync_workers: 0, ..PlatformOptions::default() }.patient()).await?;
    let (url, admin) = (platform.url(), platform.admin_token());
    let import = async |campaign: &str, documents: Value| {
        http::post(&url, &format!("/api/campaigns/{campaign}/import"), Some(&admin), &documents).await
    };
    let counted = async |campaign: &str| {
        let read = http::get(&url, &format!("/api/campaigns/{campaign}"), Some(&admin)).await?.success()?;
        anyhow::Ok(read["documents"].clone())
    };
    let first = campaign(&platform).await?;
    let documents =
        json!({"characters": [{"id": "aria", "weight": 0.1}], "items": items("i", 5_400, 2_000), "encounters": [{"id": "crypt"}]});
    ensure!(documents.to_string().len() > 10 << 20, "it is smaller than it should be");
    for again in [false, true] {
        let answer = import(&first, documents.clone()).await?.success()?;
        let all = json!({"characters": 1, "actors": 0, "items": 5_400, "encounters": 1});
        ensure!(answer["documents"] == all && counted(&first).await? == all, "again: {again}: {answer}");
    }
    let page = http::get(&url, &format!("/api/campaigns/{first}/documents/items?after=i05398&limit=5"), Some(&admin)).await?.success()?;
    ensure!(page["documents"].as_array().is_some_and(|page| page.len() == 1 && page[0] == items("i", 5_400, 2_000)[5_399]), "{page}");

    // One document that no message holds: refused before anything is stored.
    let second = campaign(&platform).await?;
    let mut with_large = items("j", 100, 10);
    with_large.push(json!({"id": "large", "text": "x".repeat(1_200_000)}));
    let refused = import(&second, json!({ "items": with_large })).await?;
    let told = refused.json()?;
    let details = &told["details"];
    ensure!(refused.status == 400 && details["reason"] == "DOCUMENT_TOO_LARGE" && details["path"] == "items.100", "{told}");
    let limit = details["limit"].as_u64().unwrap_or_default();
    ensure!((900_000..1_048_576).contains(&limit) && details["actual"].as_u64() > Some(1_200_000), "{details}");
    ensure!(counted(&second).await?["items"] == 0, "something of a refused import is stored");

    // A later part that fails: what went before it is stored, and the answer says so.
    let mut with_bad = items("k", 1_500, 2_000);
    with_bad[1_400]["$where"] = json!("1");
    let refused = import(&second, json!({ "items": with_bad })).await?;
    let told = refused.json()?;
    let stored = told["details"]["stored"].as_u64().unwrap_or_default();
    ensure!(refused.status == 400 && told["details"]["path"].as_str().is_some_and(|path| path.starts_with("items.1400")), "{told}");
    ensure!((1..1_400).contains(&stored) && counted(&second).await?["items"] == stored, "{told}");
    with_bad[1_400] = items("k", 1_401, 2_000)[1_400].clone();
    let mended = import(&second, json!({ "items": with_bad })).await?.success()?;
    ensure!(mended["documents"]["items"] == 1_500, "{mended}");
    platform.stop().await
}
