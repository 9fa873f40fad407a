//! The chain of hashes through a session's journal, and whether the document stands on it.

use protocol::SessionId;

use crate::{EntryKey, JournalEntry, SessionHead, Store, StoreError};

impl Store {
    /// Whether a document's version and hash are what the journal says: its hash is `hashAfter` of the entry of its version, or
    /// `hashBefore` of the next. A document beyond the journal's end is not on the chain, unless its epoch began there.
    pub async fn stands_on_chain(&self, session: &SessionId, head: &SessionHead) -> Result<bool, StoreError> {
        let keys: Vec<_> = [Some(head.version), (head.version < game_state::Version::MAX).then(|| head.version.next())]
            .into_iter()
            .flatten()
            .map(|version| EntryKey::new(session, version))
            .collect();
        let entries = self.entries_by_key(&keys).await?;
        Ok(on_chain(head, &entries))
    }
}

/// `entries`: those of the head's version and of the next, as far as they exist.
pub(crate) fn on_chain(head: &SessionHead, entries: &[JournalEntry]) -> bool {
    let matches = |hash: Option<game_state::StateHash>| hash.is_none_or(|hash| hash == head.hash);
    let at = entries.iter().find(|entry| entry.version == head.version);
    let next = entries.iter().find(|entry| head.version.is_valid_next(entry.version));
    // What follows an epoch's last entry belongs to the next epoch, and says nothing about this one.
    let next = next.filter(|entry| entry.epoch == head.epoch);
    let at = at.filter(|entry| entry.epoch == head.epoch);
    let begins = head.version == head.epoch_version;
    (at.is_some() || next.is_some() || begins)
        && at.is_none_or(|entry| matches(entry.hash_after))
        && next.is_none_or(|entry| matches(entry.hash_before))
}
