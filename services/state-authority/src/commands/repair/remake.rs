//! The state that a repair puts in place.

use std::sync::Arc;

use game_state::{GameState, Limits, Operations, StateHash, Version};
use protocol::{ErrorBody, SessionId, update::EntryKind};
use store::{JournalEntry, StoreError};
use tokio::time::Instant;

use super::Source;
use crate::{context::Authority, load::Fault, reads::past::go_back};

/// Entries read from the journal at once, and looked through at most.
const PAGE: u32 = 256;
const MOST_ENTRIES: usize = 20_000;

#[derive(Debug)]
pub(super) struct Remade {
    pub(super) state: GameState,
    /// Entries of the journal that were applied to what was stored.
    pub(super) replayed: u64,
}

impl Authority {
    pub(super) async fn remake(self: &Arc<Self>, id: &SessionId, source: Source, deadline: Instant) -> Result<Remade, ErrorBody> {
        let remade = |state| Remade { state, replayed: 0 };
        match source {
            Source::Stored => self.stored(id, None, deadline).await,
            Source::Version(version) => self.stored(id, Some(version), deadline).await,
            Source::Campaign => {
                let remains = self.remains(id, deadline).await?;
                let campaign = remains.campaign_id.ok_or_else(|| cannot("the document does not say of which campaign the session is"))?;
                self.initial_state(&campaign, deadline).await.map(|(_, state)| remade(state))
            }
            Source::Backup(version) => match self.retried("read a backup", deadline, || Box::pin(self.store.backup(id, version))).await {
                Ok(Some(state)) => Ok(remade(state)),
                Ok(None) => Err(ErrorBody::validation("BACKUP_NOT_FOUND", format!("there is no backup {version}")).path("backup")),
                Err(StoreError::Corrupt(corruption)) => Err(cannot(&format!("the backup cannot be read: {corruption}"))),
                Err(error) => Err(Fault::Store(error).into()),
            },
            Source::Sound => match self.loadable(id, deadline).await? {
                Some(replayed) => Ok(remade(replayed.state)),
                None => Err(cannot("what is stored is not sound: use rehash, restore or reinitialise")),
            },
        }
    }

    /// The document's state with the journal's entries, down or up to a version; without one, to the journal's end.
    ///
    /// The state's own hash tells where on the chain it stands, whatever the document says, and from there every hash is
    /// compared. A state that is nowhere on the chain was edited: it is taken to be of the version that the document says.
    async fn stored(&self, id: &SessionId, to: Option<Version>, deadline: Instant) -> Result<Remade, ErrorBody> {
        let remains = self.remains(id, deadline).await?;
        let mut state = remains.state.map_err(|fault| cannot(&fault))?;
        let end = self.retried("read a journal's end", deadline, || Box::pin(self.store.journal_end(id))).await;
        let end = end.map_err(Fault::Store)?.map(|end| end.version);
        let hash = state.hash();
        let found = self.find(id, hash, deadline).await?;
        let stated = remains.version.filter(|version| end.is_none_or(|end| *version <= end));
        let from = found.or(stated).or(end).unwrap_or_default();
        let to = to.unwrap_or(end.unwrap_or(from).max(from));
        if to > end.unwrap_or(from).max(from) {
            return Err(cannot(&format!("the session never had a version {to}")).path("version"));
        }
        if to < from {
            let expected = self.walk_back(id, from, to, deadline, |inverse| go_back(&mut state, &inverse)).await?;
            return if expected.is_none_or(|expected| expected == state.hash()) {
                Ok(Remade { state, replayed: 0 })
            } else {
                Err(cannot(&format!("the journal does not lead back to the state of version {to}")).path("version"))
            };
        }
        let replayed = self.replay_up_to(id, &mut state, (from, to), found.is_some(), deadline).await?;
        Ok(Remade { state, replayed })
    }

    async fn replay_up_to(
        &self,
        id: &SessionId,
        state: &mut GameState,
        (from, to): (Version, Version),
        compare: bool,
        deadline: Instant,
    ) -> Result<u64, ErrorBody> {
        let (mut at, mut replayed) = (from, 0);
        while at < to {
            let page = self.retried("read the journal", deadline, || Box::pin(self.store.entries_after(id, at, PAGE))).await;
            let page = page.map_err(unreadable)?;
            if page.is_empty() {
                return Err(cannot(&format!("the journal has no entry after version {at}")));
            }
            for entry in page.into_iter().take_while(|entry| entry.version <= to) {
                let follows = at.is_valid_next(entry.version) && entry.kind != EntryKind::Repair;
                if !follows || !apply(state, &entry, compare) {
                    let text = format!("the entry of version {} does not follow: restore version {at}, or a backup", entry.version);
                    return Err(cannot(&text));
                }
                replayed += u64::from(entry.kind == EntryKind::Update);
                at = entry.version;
            }
        }
        Ok(replayed)
    }

    /// The newest version whose state has this hash.
    async fn find(&self, id: &SessionId, hash: StateHash, deadline: Instant) -> Result<Option<Version>, ErrorBody> {
        let (mut found, mut oldest) = (None, None);
        self.look_down(id, deadline, |entry| {
            if entry.hash_after == Some(hash) {
                found = Some(entry.version);
            }
            oldest = (entry.kind != EntryKind::Repair).then_some((entry.version, entry.hash_before));
            found.is_some()
        })
        .await?;
        let begins =
            oldest.filter(|(_, before)| *before == Some(hash)).and_then(|(version, _)| Version::new(version.get().checked_sub(1)?));
        Ok(found.or(begins))
    }

    /// Shows the entries of the newest epoch, the newest first, until it is enough or one cannot be read.
    pub(super) async fn look_down(
        &self,
        id: &SessionId,
        deadline: Instant,
        mut enough: impl FnMut(&JournalEntry) -> bool,
    ) -> Result<(), ErrorBody> {
        let (mut from, mut seen) = (Version::MAX, 0);
        while seen < MOST_ENTRIES {
            let page =
                match self.retried("read the journal", deadline, || Box::pin(self.store.entries_down(id, from, Version::ZERO, PAGE))).await
                {
                    Ok(page) => page,
                    Err(StoreError::Corrupt(_)) => return Ok(()),
                    Err(error) => return Err(Fault::Store(error).into()),
                };
            let Some(last) = page.last() else { return Ok(()) };
            (from, seen) = (Version::new(last.version.get().saturating_sub(1)).unwrap_or_default(), seen + page.len());
            for entry in page {
                if enough(&entry) || entry.kind == EntryKind::Repair {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

fn apply(state: &mut GameState, entry: &JournalEntry, compare: bool) -> bool {
    if compare {
        return store::replay_entry(state, entry).is_ok();
    }
    if entry.kind != EntryKind::Update {
        return true;
    }
    let limits = Limits::unbounded();
    Operations::parse(&entry.operations, &limits).is_ok_and(|operations| state.apply(&operations, &limits).is_ok())
}

fn unreadable(error: StoreError) -> ErrorBody {
    match error {
        StoreError::Corrupt(corruption) => cannot(&format!("{corruption}: restore an earlier version, or a backup")),
        error => Fault::Store(error).into(),
    }
}

fn cannot(why: &str) -> ErrorBody {
    ErrorBody::validation("CANNOT_REPAIR", why.to_owned())
}
