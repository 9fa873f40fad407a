//! All that is stored of one session, the state itself left out. Works without any service.

use anyhow::Context as _;
use protocol::SessionId;
use serde_json::json;

use crate::{
    connect::Config,
    exit::Exit,
    output::{Output, time},
};

pub async fn run(config: &Config, id: &SessionId, out: &Output) -> anyhow::Result<Exit> {
    let store = config.store().await?;
    let document = store.session(id).await?.with_context(|| format!("there is no session {id}"))?;
    let (oldest, last) = (store.oldest_entry(id).await?, store.last_entry(id).await?);
    let value = json!({
        "document": document,
        "journal": {
            "oldestVersion": oldest.as_ref().map(|entry| entry.version),
            "headVersion": last.as_ref().map(|entry| entry.version),
            "headHash": last.as_ref().map(|entry| entry.hash_after),
            "lastKind": last.as_ref().map(|entry| entry.kind.as_str()),
            "lastAt": last.as_ref().map(|entry| entry.at),
            "lastTrace": last.as_ref().and_then(|entry| entry.trace.as_deref()),
        },
    });
    out.result(&value, || {
        let mut lines = vec![
            format!("session    {id}  {}", document.name),
            format!("campaign   {}", document.campaign_id),
            format!("status     {}", document.status.as_str()),
            format!("leads      {}", document.game_master_id),
            format!("may read   {}", document.participant_ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
            format!("document   version {} of epoch {}, {}", document.game_state_version, document.epoch, time(document.last_state_update)),
            format!("hash       {}", document.game_state_hash),
        ];
        if let Some(reason) = &document.frozen {
            lines.insert(3, format!("FROZEN     {reason}"));
        }
        lines.push(match &last {
            Some(entry) => {
                let trace = entry.trace.as_deref().and_then(|trace| trace.split('-').nth(1)).unwrap_or("-");
                format!("journal    up to version {} ({}), {}, trace {trace}", entry.version, entry.kind.as_str(), time(entry.at))
            }
            None => "journal    empty".to_owned(),
        });
        lines.push(match &document.sync {
            Some(mark) => {
                let error = mark.error.as_deref().map(|error| format!(", last failure: {error}")).unwrap_or_default();
                format!("campaign   shows version {}, {}{error}", mark.version, time(mark.at))
            }
            None => "campaign   shows nothing of it yet".to_owned(),
        });
        for record in &document.audit {
            let reason = record.reason.as_deref().unwrap_or("-");
            lines.push(format!("audit      {} {} by {}: {reason}", time(record.at), record.action, record.by));
        }
        lines.join("\n")
    });
    Ok(if document.frozen.is_some() { Exit::Found } else { Exit::Well })
}
