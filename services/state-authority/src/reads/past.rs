//! The state as it was: from a version downwards, entry by entry, by what each of them replaced.

use game_state::{CanonicalState, GameState, Limits, Operations, StateHash, Version, inverse, previous_from_json};
use protocol::{ErrorBody, SessionId, update::EntryKind};
use store::{EntryKey, JournalEntry};
use tokio::time::Instant;

use crate::{context::Authority, decide::Head, load::Fault};

/// Entries read from the journal at once.
const PAGE: u32 = 128;

impl Authority {
    /// The state at an earlier version of the head's epoch, and the head as it was there.
    pub(super) async fn past(
        &self,
        id: &SessionId,
        head: &Head,
        state: &CanonicalState,
        to: Version,
        deadline: Instant,
    ) -> Result<(Head, CanonicalState), ErrorBody> {
        let mut state = copy(state)?;
        self.check_reach(id, head, to, deadline).await?;
        let expected = self.walk_back(id, head.version, to, deadline, |inverse| go_back(&mut state, &inverse)).await?;
        let hash = state.hash();
        if expected.is_some_and(|expected| expected != hash) {
            tracing::error!(session = %id, version = %to, "going back through the journal does not lead to the hash that was there");
            return Err(broken(to));
        }
        let key = [EntryKey { session: id.clone(), version: to }];
        let entry = self.retried("read an entry", deadline, || Box::pin(self.store.entries_by_key(&key))).await.map_err(Fault::Store)?;
        let at = entry.first().map_or(head.at, |entry| entry.at);
        Ok((Head { version: to, hash: Some(hash), at, ..head.clone() }, state.canonical()))
    }

    /// Whether a version is of the head's epoch: history does not reach beyond where that began.
    pub(crate) async fn check_reach(&self, id: &SessionId, head: &Head, to: Version, deadline: Instant) -> Result<(), ErrorBody> {
        if to > head.version {
            return Err(ErrorBody::version_conflict(head.version, head.hash));
        }
        let document = self.retried("read a head", deadline, || Box::pin(self.store.head(id))).await.map_err(Fault::Store)?;
        match document {
            Some(document) if document.epoch == head.epoch && to < document.epoch_version => Err(gone(document.epoch_version, to)),
            _ => Ok(()),
        }
    }

    /// Hands over what takes each update above `to` back, the newest first. Gives the hash of the state at `to`, where entries tell it.
    pub(crate) async fn walk_back(
        &self,
        id: &SessionId,
        from: Version,
        to: Version,
        deadline: Instant,
        mut take: impl FnMut(Operations) -> Result<(), ErrorBody>,
    ) -> Result<Option<StateHash>, ErrorBody> {
        let (mut at, mut above): (Version, Option<JournalEntry>) = (from, None);
        while at > to {
            let page = self.retried("read the journal", deadline, || Box::pin(self.store.entries_down(id, at, to, PAGE))).await;
            let page = page.map_err(Fault::Store)?;
            if page.is_empty() {
                return Err(gone(at, to));
            }
            for entry in page {
                let of_epoch = above.as_ref().is_none_or(|above| above.epoch == entry.epoch);
                if entry.version != at || !of_epoch || entry.kind == EntryKind::Repair {
                    return Err(gone(at, to));
                }
                if entry.kind == EntryKind::Update {
                    take(take_back(&entry).ok_or_else(|| broken(entry.version))?)?;
                }
                at = Version::new(at.get() - 1).unwrap_or_default();
                above = Some(entry);
            }
        }
        Ok(above.and_then(|entry| entry.hash_before))
    }
}

fn take_back(entry: &JournalEntry) -> Option<Operations> {
    let operations = Operations::parse(&entry.operations, &Limits::unbounded()).ok()?;
    let previous = previous_from_json(entry.previous.as_deref()?).ok()?;
    (operations.len() == previous.len()).then(|| inverse(&operations, &previous))
}

pub(crate) fn go_back(state: &mut GameState, inverse: &Operations) -> Result<(), ErrorBody> {
    let applied = state.apply(inverse, &Limits::unbounded());
    applied.map(drop).map_err(|rejection| ErrorBody::validation("HISTORY_BROKEN", format!("an update cannot be taken back: {rejection}")))
}

/// A state of its own, from the bytes of another.
fn copy(state: &CanonicalState) -> Result<GameState, ErrorBody> {
    let text = String::from_utf8(state.to_vec()).map_err(|error| ErrorBody::unavailable("INTERNAL", error.to_string()))?;
    Ok(GameState::parse(&text, &Limits::unbounded())?)
}

fn gone(reaches: Version, asked: Version) -> ErrorBody {
    let refusal = ErrorBody::validation("HISTORY_GONE", format!("the history reaches back to version {reaches}, not to {asked}"));
    refusal.path("version").limit(reaches.get(), asked.get())
}

fn broken(version: Version) -> ErrorBody {
    ErrorBody::validation("HISTORY_BROKEN", format!("the journal does not lead back over version {version}")).path("version")
}
