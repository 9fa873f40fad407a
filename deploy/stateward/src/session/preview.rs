//! What a write-back of a session would do now, document by document. Nothing of it is done.

use protocol::{Command, SessionId, command::Report, sync::Preview};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    connect::Config,
    exit::Exit,
    output::{Output, table},
};

pub async fn run(config: &Config, session: &SessionId, reason: Option<String>, out: &Output) -> anyhow::Result<Exit> {
    let bus = config.bus().await?;
    let answer = config.ask(&bus, session, &Command::PreviewSync { reason }).await?;
    let Some(Report::Preview { write_back }) = answer.report else {
        anyhow::bail!("the authority answered something else than a preview");
    };
    out.result(&json!(write_back), || text(&write_back));
    let is_well = write_back.refused.is_none() && write_back.report.findings.is_empty();
    Ok(if is_well { Exit::Well } else { Exit::Found })
}

fn text(preview: &Preview) -> String {
    let Preview { version, synced, changes, report, truncated, refused, .. } = preview;
    let shown = synced.map_or_else(|| "nothing of this session".to_owned(), |synced| format!("version {synced}"));
    let mut parts = vec![format!("the session is at version {version}, its campaign shows {shown}")];
    let changes = changes.iter().map(|change| (&change.kind, &change.id, word(change.action)));
    let findings = report.findings.iter().map(|finding| (&finding.kind, &finding.id, word(finding.fault)));
    for (head, rows) in [("would be", changes.collect::<Vec<_>>()), ("found", findings.collect())] {
        if !rows.is_empty() {
            let rows: Vec<_> = rows.into_iter().map(|(kind, id, what)| vec![kind.clone(), id.clone(), what]).collect();
            parts.push(table(&["kind", "id", head], &rows));
        }
    }
    if *truncated {
        parts.push("(and more)".to_owned());
    }
    parts.push(match refused {
        Some(why) => format!("nothing would be written: {why}"),
        None => format!("{} would be written, {} removed, {} stay as they are", report.written, report.removed, report.unchanged),
    });
    parts.join("\n\n")
}

/// As JSON has it.
fn word(of: impl Serialize) -> String {
    json!(of).as_str().map_or_else(|| Value::Null.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preview(fields: Value) -> Preview {
        let mut preview = json!({
            "sessionId": "s", "status": "active", "version": "7", "synced": null, "changes": [],
            "report": {"written": 0, "unchanged": 2, "removed": 0, "findings": []},
        });
        preview.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        serde_json::from_value(preview).unwrap()
    }

    #[test]
    fn each_document_is_told_and_what_stands_in_the_way() {
        assert_eq!(
            text(&preview(json!({}))),
            "the session is at version 7, its campaign shows nothing of this session\n\n0 would be written, 0 removed, 2 stay as they are"
        );
        let found = preview(json!({
            "synced": "5", "changes": [{"kind": "character", "id": "hero", "action": "change"}, {"kind": "item", "id": "rope", "action": "mark"}],
            "report": {"written": 1, "unchanged": 0, "removed": 1, "findings": [{"kind": "actor", "id": "orc", "fault": "conflict"}]},
            "truncated": true, "refused": "somebody else changed actor orc",
        }));
        assert_eq!(
            text(&found),
            "the session is at version 7, its campaign shows version 5\n\n\
             kind       id    would be\ncharacter  hero  change\nitem       rope  mark\n\n\
             kind   id   found\nactor  orc  conflict\n\n(and more)\n\n\
             nothing would be written: somebody else changed actor orc"
        );
    }
}
