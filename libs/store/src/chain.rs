//! The chain of versions and hashes through a session's journal, and whether the document stands on it.

use game_state::{StateHash, Version};
use protocol::{Epoch, SessionId};

use crate::{EntryKey, JournalEntry, SessionHead, Store, StoreError, guards};

impl Store {
    /// Whether a document's version and hash are what the journal says: its hash is `hashAfter` of the entry of its version, or
    /// `hashBefore` of the next. A document beyond the journal's end is not on the chain, unless its epoch began there.
    pub async fn stands_on_chain(&self, session: &SessionId, head: &SessionHead) -> Result<bool, StoreError> {
        let next = (head.version < Version::MAX).then(|| head.version.next());
        let keys: Vec<_> = [Some(head.version), next].into_iter().flatten().map(|version| EntryKey::new(session, version)).collect();
        Ok(on_chain(head, &self.entries_by_key(&keys).await?))
    }
}

/// `entries`: at least those of the head's version and of the next, as far as they exist.
pub(crate) fn on_chain(head: &SessionHead, entries: &[JournalEntry]) -> bool {
    let matches = |hash: Option<StateHash>| hash.is_none_or(|hash| hash == head.hash);
    // What belongs to another epoch says nothing about this one.
    let of_epoch = || entries.iter().filter(|entry| entry.epoch == head.epoch);
    let at = of_epoch().find(|entry| entry.version == head.version);
    let next = of_epoch().find(|entry| head.version.is_valid_next(entry.version));
    let begins = head.version == head.epoch_version;
    (at.is_some() || next.is_some() || begins)
        && at.is_none_or(|entry| matches(entry.hash_after))
        && next.is_none_or(|entry| matches(entry.hash_before))
}

/// A place on the chain, and the check of what comes next.
#[derive(Debug, Clone)]
pub struct Link {
    pub epoch: Epoch,
    pub version: Version,
    /// Absent after an entry without hashes: anything follows it.
    pub hash: Option<StateHash>,
}

impl Link {
    pub fn of(head: &SessionHead) -> Self {
        Self { epoch: head.epoch.clone(), version: head.version, hash: Some(head.hash) }
    }

    /// Goes on to the next entry, or says why it is not the next.
    pub fn follow(&mut self, entry: &JournalEntry) -> Result<(), String> {
        if !self.version.is_valid_next(entry.version) {
            return Err(format!("the entry after version {} is {}", self.version, entry.version));
        }
        if entry.epoch != self.epoch {
            return Err(format!("the entry of version {} is of the epoch {}, not {}", entry.version, entry.epoch, self.epoch));
        }
        if let (Some(held), Some(before)) = (self.hash, entry.hash_before)
            && held != before
            && guards::holds(guards::ENTRY_HASH)
        {
            return Err(format!("the entry of version {} follows the hash {before}, not {held}", entry.version));
        }
        self.version = entry.version;
        self.hash = entry.hash_after;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
