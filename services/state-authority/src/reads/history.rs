//! `session.<id>.history`: entries of the journal since a version, as many as one answer may hold.

use std::sync::Arc;

use protocol::{
    ErrorBody, SessionId,
    history::{History, HistoryEntry, HistoryRequest},
};
use serde_json::value::RawValue;
use store::JournalEntry;
use tokio::time::Instant;

use crate::{append::Failure, context::Authority, decide, load::Fault, metrics::Hashing, request::Caller, session::Live};

/// Entries in one answer, whatever the caller asks for.
const MOST_ENTRIES: u32 = 2_000;
/// Entries read from the journal at once.
const PAGE: u32 = 256;

impl Authority {
    pub(crate) async fn history(
        self: &Arc<Self>,
        caller: Option<&Caller>,
        id: &SessionId,
        request: &HistoryRequest,
        deadline: Instant,
    ) -> Result<History, ErrorBody> {
        let session = self.cache.session(id, self.clock.now_ms());
        let head = self
            .in_turn(&session, deadline, async |live| {
                self.catch_up(&session, live, deadline).await?;
                decide::exists(id, &live.head).map_err(Failure::Refused)?;
                self.hashing(live, Hashing::READ, Live::known_hash);
                Ok(live.head.clone())
            })
            .await?;
        if let Some(caller) = caller {
            self.readable(caller, id, Some(&head.game_master)).await?;
        }
        let leads = caller.is_some_and(|caller| caller.leads(&head.game_master));
        if request.with_previous && !leads {
            return Err(
                ErrorBody::permission("NOT_GAME_MASTER", "only the game master may see what an update replaced").path("withPrevious")
            );
        }
        let oldest = self.retried("read history", deadline, || Box::pin(self.store.oldest_entry(id))).await.map_err(Fault::Store)?;
        let mut entries = Vec::new();
        let (mut after, mut bytes) = (request.since, 0);
        let most = request.limit.min(MOST_ENTRIES) as usize;
        'answer: while after < head.version && entries.len() < most {
            let page = self.retried("read history", deadline, || Box::pin(self.store.entries_after(id, after, PAGE))).await;
            let page = page.map_err(Fault::Store)?;
            let last = page.len() < PAGE as usize;
            for entry in page {
                // What came after the head was read belongs to the next answer.
                if entry.version > head.version || entries.len() == most {
                    break 'answer;
                }
                after = entry.version;
                let entry = readable_entry(entry, Shown { previous: request.with_previous, reason: leads })?;
                bytes += entry.operations.get().len() + entry.previous.as_ref().map_or(0, |previous| previous.get().len());
                if bytes > self.config.requests.history_bytes && !entries.is_empty() {
                    break 'answer;
                }
                entries.push(entry);
            }
            if last {
                break;
            }
        }
        Ok(History {
            session_id: id.clone(),
            epoch: head.epoch,
            head_version: head.version,
            head_hash: head.hash,
            // Without an entry nothing before the head is known.
            oldest_version: oldest.map_or(head.version, |entry| entry.version),
            entries,
        })
    }
}

/// What of an entry is not for everyone who may read the session.
#[derive(Clone, Copy)]
struct Shown {
    previous: bool,
    reason: bool,
}

fn readable_entry(entry: JournalEntry, shown: Shown) -> Result<HistoryEntry, ErrorBody> {
    let raw = |text: String| {
        RawValue::from_string(text).map_err(|error| {
            tracing::error!(session = %entry.session, version = %entry.version, %error, "an entry of the journal is not JSON");
            decide::frozen("an entry of the journal cannot be read")
        })
    };
    let (action, reason) = entry.command.map_or((None, None), |command| (Some(command.action), command.reason.filter(|_| shown.reason)));
    let previous = entry.previous.filter(|_| shown.previous).map(raw).transpose()?;
    Ok(HistoryEntry {
        version: entry.version,
        epoch: entry.epoch,
        kind: entry.kind,
        status: entry.status,
        update_id: entry.update_id,
        digest: entry.digest,
        operations: raw(entry.operations)?,
        hash_before: entry.hash_before,
        hash_after: entry.hash_after,
        author: entry.author,
        source: entry.source,
        at: entry.at,
        game_master_id: entry.game_master_id,
        previous,
        action,
        reason,
    })
}
