//! REST: every operation by game master, participant, stranger, admin, and by nobody.

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use testkit::{Platform, PlatformOptions};

use super::Contract;

struct Roles {
    admin: String,
    gm: String,
    player: String,
    stranger: String,
}

fn reason(answer: &Value) -> &str {
    answer["details"]["reason"].as_str().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_does_for_each_role_what_its_document_says() -> anyhow::Result<()> {
    let platform = Platform::start(PlatformOptions { authorities: 1, ..PlatformOptions::default() }.patient()).await?;
    let user = |id: &str| platform.signer.user(id, id);
    let roles = Roles { admin: platform.admin_token(), gm: user("gm"), player: user("p1"), stranger: user("mallory") };
    let api = Contract::served(&platform.url(), "/api/openapi.json").await?;

    let campaign = campaigns(&api, &roles).await?;
    let session = sessions(&api, &roles, &campaign).await?;
    who_may(&api, &roles, &session).await?;
    play(&api, &roles, &campaign, &session).await?;
    repairs(&api, &roles, &session).await?;
    end(&api, &roles, &session).await?;

    let done = api.done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
    let never: Vec<_> = api
        .operations()
        .iter()
        .filter_map(|(_, _, one)| one["operationId"].as_str())
        .filter(|id| !done.contains(*id))
        .map(str::to_owned)
        .collect();
    ensure!(never.is_empty(), "never answered with a success: {never:?}");
    platform.stop().await
}

async fn campaigns(api: &Contract, roles: &Roles) -> anyhow::Result<String> {
    let new = api.example("createCampaign")?;
    for (token, expected) in [(None, 401), (Some(&roles.gm), 403), (Some(&roles.admin), 201)] {
        let (status, answer) = api.call("createCampaign", "", token.map(String::as_str), new.as_ref()).await?;
        ensure!(status == expected, "{status}: {answer}");
        if status == 201 {
            return documents(api, roles, answer["id"].as_str().context("no id")?).await;
        }
    }
    anyhow::bail!("no campaign was created")
}

async fn documents(api: &Contract, roles: &Roles, id: &str) -> anyhow::Result<String> {
    let import = api.example("importDocuments")?;
    let (status, _) = api.call("importDocuments", id, Some(&roles.gm), import.as_ref()).await?;
    ensure!(status == 403);
    let (status, counted) = api.call("importDocuments", id, Some(&roles.admin), import.as_ref()).await?;
    ensure!(status == 200 && counted["documents"]["characters"] == 1, "{counted}");
    let more = json!({"characters": [{"id": "bram", "name": "Bram"}, {"id": "cleo", "name": "Cleo"}]});
    api.call("importDocuments", id, Some(&roles.admin), Some(&more)).await?;

    let (status, _) = api.call("readCampaign", id, Some(&roles.stranger), None).await?;
    ensure!(status == 403);
    let (_, read) = api.call("readCampaign", id, Some(&roles.gm), None).await?;
    ensure!(read["documents"]["characters"] == 3, "{read}");
    let (mut after, mut seen) = (String::new(), Vec::new());
    loop {
        let place = format!("{id}/characters?limit=2{after}");
        let (status, page) = api.call("listDocuments", &place, Some(&roles.gm), None).await?;
        ensure!(status == 200, "{page}");
        seen.extend(page["documents"].as_array().into_iter().flatten().map(|one| one["id"].as_str().unwrap_or_default().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    ensure!(seen == ["aria", "bram", "cleo"], "{seen:?}");
    for (place, expected, why) in
        [("characters?limit=101", 400, "BAD_LIMIT"), ("wizards", 400, "BAD_ID"), ("items?colour=red", 400, "BAD_QUERY")]
    {
        let (status, refused) = api.call("listDocuments", &format!("{id}/{place}"), Some(&roles.gm), None).await?;
        ensure!(status == expected && reason(&refused) == why, "{place}: {refused}");
    }
    let (status, _) = api.call("listDocuments", &format!("{id}/items"), Some(&roles.player), None).await?;
    ensure!(status == 403);
    Ok(id.to_owned())
}

async fn sessions(api: &Contract, roles: &Roles, campaign: &str) -> anyhow::Result<String> {
    let mut new = api.example("createSession")?.context("no example")?;
    new["campaignId"] = campaign.into();
    let (status, _) = api.call("createSession", "", Some(&roles.stranger), Some(&new)).await?;
    ensure!(status == 403);
    let mut old = new.clone();
    old["characterIds"] = json!([]);
    let (status, refused) = api.call("createSession", "", Some(&roles.gm), Some(&old)).await?;
    ensure!(status == 400 && refused["detail"].as_str().is_some_and(|detail| detail.contains("characterIds")), "{refused}");
    let (status, created) = api.call("createSession", "", Some(&roles.gm), Some(&new)).await?;
    ensure!(status == 201, "{created}");
    let session = created["id"].as_str().context("no id")?.to_owned();
    let (status, refused) = api.call("createSession", "", Some(&roles.gm), Some(&new)).await?;
    ensure!(status == 400 && reason(&refused) == "SESSION_OPEN", "{refused}");

    for (token, count) in [(&roles.gm, 1), (&roles.player, 1), (&roles.stranger, 0), (&roles.admin, 1)] {
        let (_, page) = api.call("listSessions", &format!("?status=active&campaignId={campaign}&limit=1"), Some(token), None).await?;
        ensure!(page["sessions"].as_array().is_some_and(|sessions| sessions.len() == count), "{page}");
    }
    let (_, page) = api.call("listSessions", "?status=paused", Some(&roles.gm), None).await?;
    ensure!(page["sessions"] == json!([]), "{page}");
    for bad in ["?limit=0", "?after=nowhere", "?status=asleep"] {
        let (status, refused) = api.call("listSessions", bad, Some(&roles.gm), None).await?;
        ensure!(status == 400, "{bad}: {refused}");
    }
    Ok(session)
}

/// Nobody is let in without a token, a stranger not at all, a participant to what is for everyone in the session.
async fn who_may(api: &Contract, roles: &Roles, session: &str) -> anyhow::Result<()> {
    for (_, path, operation) in api.operations() {
        let id = operation["operationId"].as_str().context("no id")?;
        if !path.contains("/sessions/{id}") {
            continue;
        }
        let place = if path.contains("{user}") { format!("{session}/p9") } else { session.to_owned() };
        let elsewhere = place.replacen(session, "nowhere", 1);
        let body = api.example(id)?;
        let (nobody, _) = api.call(id, &place, None, body.as_ref()).await?;
        let (stranger, answer) = api.call(id, &place, Some(&roles.stranger), body.as_ref()).await?;
        ensure!((nobody, stranger) == (401, 403) && answer["code"] == "PERMISSION_DENIED", "{id}: {nobody}, {stranger} {answer}");
        let (missing, answer) = api.call(id, &elsewhere, Some(&roles.admin), body.as_ref()).await?;
        ensure!(missing == 404 && answer["code"] == "SESSION_NOT_FOUND", "{id}: {missing} {answer}");
        let (player, answer) = api.call(id, &place, Some(&roles.player), body.as_ref()).await?;
        let for_all = operation["description"].as_str().is_some_and(|role| role.contains("Everyone"));
        ensure!(player == if for_all { 200 } else { 403 }, "{id}: {player} {answer}");
        if operation["description"] == "For: Admins." {
            let (gm, answer) = api.call(id, &place, Some(&roles.gm), body.as_ref()).await?;
            ensure!(gm == 403, "{id}: {gm} {answer}");
        }
    }
    Ok(())
}

/// Calls as the game master, for a success.
async fn done(api: &Contract, token: &str, id: &str, place: &str, body: Option<&Value>) -> anyhow::Result<Value> {
    let (status, answer) = api.call(id, place, Some(token), body).await?;
    ensure!(status == 200, "{id}: {status} {answer}");
    Ok(answer)
}

async fn play(api: &Contract, roles: &Roles, campaign: &str, session: &str) -> anyhow::Result<()> {
    let gm = roles.gm.as_str();
    let read = api.send("readState", session, Some(gm), None, &[]).await?;
    let tag = read.header("etag").context("no ETag")?.to_owned();
    let begins = read.json()?;
    let again = api.send("readState", session, Some(gm), None, &[("if-none-match", &tag)]).await?;
    ensure!(again.status == 304 && again.body.is_empty(), "{}", again.status);

    // A character that comes later.
    let late = json!({"characters": [{"id": "dara", "name": "Dara", "level": 3}]});
    done(api, &roles.admin, "importDocuments", campaign, Some(&late)).await?;
    let add = json!({"kind": "characters", "id": "dara", "reason": "she came by bus"});
    let added = done(api, gm, "addDocument", session, Some(&add)).await?;
    ensure!(added["newVersion"] == "1", "{added}");
    let twice = done(api, gm, "addDocument", session, Some(&add)).await?;
    ensure!(twice.get("newVersion").is_none(), "{twice}");
    let (status, refused) = api.call("addDocument", session, Some(gm), Some(&json!({"kind": "items", "id": "none"}))).await?;
    ensure!(status == 400 && reason(&refused) == "DOCUMENT_NOT_FOUND", "{refused}");
    let changed = api.send("readState", session, Some(gm), None, &[("if-none-match", &tag)]).await?;
    let state = changed.json()?;
    ensure!(state["gameState"]["characters"][3] == late["characters"][0] && state["gameStateVersion"] == "1", "{state}");

    let history = done(api, gm, "readHistory", &format!("{session}?since=0&withPrevious=true"), None).await?;
    ensure!(history["entries"].as_array().is_some_and(|entries| entries.len() == 1 && entries[0]["previous"].is_array()), "{history}");
    let (status, _) = api.call("readHistory", &format!("{session}?withPrevious=true"), Some(&roles.player), None).await?;
    ensure!(status == 403);
    done(api, &roles.player, "readHistory", session, None).await?;

    let differs = done(api, &roles.player, "diff", session, Some(&json!({"state": begins["gameState"]}))).await?;
    ensure!(differs["report"]["differences"][0] == json!({"path": "/characters/3", "what": "missing"}), "{differs}");
    let undone = done(api, gm, "undo", session, Some(&json!({"version": "0", "reason": "too early"}))).await?;
    ensure!(undone["newVersion"] == "2" && undone["session"]["gameStateHash"] == begins["gameStateHash"], "{undone}");
    let history = done(api, gm, "readHistory", session, None).await?;
    let made: Vec<_> =
        history["entries"].as_array().context("no entries")?.iter().map(|entry| (&entry["action"], &entry["reason"])).collect();
    ensure!(made == [(&json!("add-document"), &json!("she came by bus")), (&json!("undo"), &json!("too early"))], "{history}");
    let past = done(api, gm, "readState", &format!("{session}?at=1"), None).await?;
    ensure!(past["gameState"] == state["gameState"] && past["gameStateHash"] == state["gameStateHash"], "{past}");
    let whole = done(api, gm, "readSession", &format!("{session}?state=true"), None).await?;
    ensure!(whole["gameState"] == begins["gameState"] && whole["gameStateVersion"] == "2", "{whole}");

    let verified = done(api, gm, "verify", session, None).await?;
    ensure!(verified["report"]["kind"] == "verified" && verified["report"]["version"] == "2", "{verified}");
    // Somebody else has changed a document since the session began.
    let bold = json!({"characters": [{"id": "bram", "name": "Bram the Bold"}]});
    done(api, &roles.admin, "importDocuments", campaign, Some(&bold)).await?;
    let names = async || -> anyhow::Result<Value> {
        Ok(done(api, gm, "listDocuments", &format!("{campaign}/characters"), None).await?["documents"][1]["name"].clone())
    };
    let told = done(api, gm, "sync", session, Some(&json!({"dryRun": true}))).await?;
    let report = &told["report"]["writeBack"];
    ensure!(report["changes"] == json!([{"kind": "character", "id": "bram", "action": "change"}]), "{told}");
    ensure!(report["report"]["findings"] == json!([{"kind": "character", "id": "bram", "fault": "overwritten"}]), "{told}");
    ensure!((&report["version"], &report["synced"]) == (&json!("2"), &json!("0")), "{told}");
    ensure!(told["session"]["sync"]["version"] == "0" && names().await? == "Bram the Bold", "a dry run wrote: {told}");
    let synced = done(api, gm, "sync", session, None).await?;
    ensure!(names().await? == "Bram", "{synced}");
    ensure!(synced["session"]["sync"]["version"] == "2" && synced["session"]["sync"].get("error").is_none(), "{synced}");

    let paused = done(api, gm, "pauseSession", session, api.example("pauseSession")?.as_ref()).await?;
    ensure!(paused["status"] == "paused", "{paused}");
    let (status, refused) = api.call("undo", session, Some(gm), Some(&json!({"version": "1"}))).await?;
    ensure!(status == 403 && reason(&refused) == "SESSION_PAUSED", "{refused}");
    ensure!(done(api, gm, "resumeSession", session, api.example("resumeSession")?.as_ref()).await?["status"] == "active");
    ensure!(done(api, gm, "startSession", session, None).await?["status"] == "active");

    let let_in = done(api, gm, "addParticipants", session, api.example("addParticipants")?.as_ref()).await?;
    ensure!(let_in["session"]["participantIds"] == json!(["p1", "p2"]), "{let_in}");
    let out = done(api, gm, "removeParticipant", &format!("{session}/p2"), None).await?;
    ensure!(out["session"]["participantIds"] == json!(["p1"]), "{out}");
    let handed = done(api, gm, "handOver", session, Some(&json!({"gameMasterId": "p1", "reason": "my train"}))).await?;
    ensure!(handed["session"]["gameMasterId"] == "p1", "{handed}");
    let (status, _) = api.call("pauseSession", session, Some(gm), None).await?;
    ensure!(status == 403, "a former game master may nothing any more");
    done(api, &roles.player, "handOver", session, Some(&json!({"gameMasterId": "gm"}))).await?;
    let history = done(api, gm, "readHistory", &format!("{session}?since=2"), None).await?;
    let why: Vec<_> =
        history["entries"].as_array().context("no entries")?.iter().map(|entry| (&entry["action"], &entry["reason"])).collect();
    let asked = json!("asked by the table");
    let expected = [
        (&json!("pause"), &asked),
        (&json!("resume"), &asked),
        (&json!("hand-over"), &json!("my train")),
        (&json!("hand-over"), &Value::Null),
    ];
    ensure!(why == expected, "{history}");
    Ok(())
}

async fn repairs(api: &Contract, roles: &Roles, session: &str) -> anyhow::Result<()> {
    let admin = roles.admin.as_str();
    let before = done(api, admin, "readState", session, None).await?;
    let mode = done(api, admin, "setMode", session, api.example("setMode")?.as_ref()).await?;
    ensure!(mode["report"] == json!({"kind": "mode", "direct": true, "skipHashes": false}), "{mode}");
    for id in ["rehash", "newEpoch"] {
        let repaired = done(api, admin, id, session, api.example(id)?.as_ref()).await?;
        ensure!(repaired["report"]["kind"] == "repaired" && repaired["session"]["gameStateHash"] == before["gameStateHash"], "{repaired}");
    }
    let begun = done(api, admin, "reinitialise", session, None).await?;
    let backup = begun["report"]["backup"].as_str().context("no backup")?;
    let restored = done(api, admin, "restore", session, Some(&json!({"backup": backup}))).await?;
    ensure!(restored["session"]["gameStateHash"] == before["gameStateHash"], "{restored}");
    let after = done(api, admin, "readState", session, None).await?;
    ensure!(after["epoch"] != before["epoch"] && after["gameState"] == before["gameState"], "{after}");
    Ok(())
}

async fn end(api: &Contract, roles: &Roles, session: &str) -> anyhow::Result<()> {
    let gm = roles.gm.as_str();
    let (status, refused) = api.call("deleteSession", session, Some(gm), None).await?;
    ensure!(status == 403 && reason(&refused) == "SESSION_ACTIVE", "{refused}");
    let (status, refused) = api.call("endSession", session, Some(gm), Some(&json!({"force": true}))).await?;
    ensure!(status == 403 && reason(&refused) == "NOT_ADMIN", "{refused}");
    let ended = done(api, gm, "endSession", session, api.example("endSession")?.as_ref()).await?;
    ensure!(ended["status"] == "ended", "{ended}");
    done(api, gm, "deleteSession", &format!("{session}?reason=over"), None).await?;
    let (status, gone) = api.call("readSession", session, Some(gm), None).await?;
    ensure!(status == 404 && gone["code"] == "SESSION_NOT_FOUND", "{gone}");
    let (_, page) = api.call("listSessions", "", Some(gm), None).await?;
    ensure!(page["sessions"] == json!([]), "{page}");
    Ok(())
}
