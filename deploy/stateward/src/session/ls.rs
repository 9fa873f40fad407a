//! Sessions as their documents show them.

use serde_json::json;

use crate::{
    connect::Config,
    exit::Exit,
    output::{Output, table, time},
};

/// Documents read at once.
const PAGE: u32 = 200;

pub async fn run(config: &Config, status: Option<&str>, frozen: bool, limit: usize, out: &Output) -> anyhow::Result<Exit> {
    let store = config.store().await?;
    let (mut found, mut above) = (Vec::new(), None);
    loop {
        let page = store.sessions_above(above.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        above = Some(last.id.clone());
        let full = page.len() == PAGE as usize;
        let wanted = page
            .into_iter()
            .filter(|session| status.is_none_or(|status| session.status.as_str() == status) && (!frozen || session.frozen.is_some()));
        found.extend(wanted);
        if !full || found.len() >= limit {
            break;
        }
    }
    let more = found.len() > limit;
    found.truncate(limit);
    let sessions: Vec<_> = found
        .iter()
        .map(|session| {
            json!({
                "id": session.id, "name": session.name, "campaignId": session.campaign_id, "status": session.status.as_str(),
                "frozen": session.frozen, "version": session.game_state_version, "lastStateUpdate": session.last_state_update,
                "syncedVersion": session.sync.as_ref().map(|mark| mark.version),
            })
        })
        .collect();
    out.result(&json!({"sessions": sessions, "more": more}), || {
        let rows: Vec<Vec<String>> = found
            .iter()
            .map(|session| {
                vec![
                    session.id.to_string(),
                    if session.frozen.is_some() { "frozen".to_owned() } else { session.status.as_str().to_owned() },
                    session.game_state_version.to_string(),
                    session.sync.as_ref().map_or_else(|| "-".to_owned(), |mark| mark.version.to_string()),
                    time(session.last_state_update),
                    session.name.clone(),
                ]
            })
            .collect();
        table(&["SESSION", "STATUS", "VERSION", "SYNCED", "LAST UPDATE", "NAME"], &rows) + if more { "\n(and more: --limit)" } else { "" }
    });
    Ok(Exit::Well)
}
