//! Outcomes in doubt: who has the key? A duplicate alone proves nothing, as our own earlier try may still roll back, and after
//! an error any entry of the batch may or may not be there. So the keys are read, with majority, and what is not there goes
//! in again, each entry alone, until its deadline.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use store::{EntryKey, EntryResult, JournalEntry};

use super::{APPEND_DEADLINE, Committer, Entry, Outcome, Waiting};

pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Entries that go in alone at once: one that is too large or too slow does not hold up the others.
const SIDE_BY_SIDE: usize = 16;

/// What a majority read of an entry's key shows.
pub(super) enum Holder {
    Ours(Arc<JournalEntry>),
    Another,
    Nobody,
}

impl Committer {
    pub(super) async fn settle(&self, in_doubt: Vec<Entry>) {
        let nobodys = self.read_all(in_doubt).await;
        stream::iter(nobodys).for_each_concurrent(SIDE_BY_SIDE, |entry| self.insert_alone(entry)).await;
    }

    /// One query for the whole batch. Answers what is decided; gives back what is not there.
    async fn read_all(&self, mut entries: Vec<Entry>) -> Vec<Entry> {
        let mut pause = FIRST_PAUSE;
        loop {
            entries.retain(|(waiting, _)| !waiting.is_given_up());
            if entries.is_empty() {
                return entries;
            }
            let keys: Vec<EntryKey> = entries.iter().map(|(_, encoded)| encoded.key.clone()).collect();
            match self.0.store.entries_by_key(&keys).await {
                Ok(found) => {
                    let found: HashMap<EntryKey, JournalEntry> = found.into_iter().map(|entry| (entry.key(), entry)).collect();
                    let decide = |(waiting, encoded): Entry| match holder(&waiting.entry, found.get(&encoded.key)) {
                        Holder::Nobody => Some((waiting, encoded)),
                        decided => {
                            answer(waiting, decided);
                            None
                        }
                    };
                    return entries.into_iter().filter_map(decide).collect();
                }
                Err(error) => {
                    tracing::debug!(%error, "the journal cannot be read to settle a commit, trying again");
                    back_off(&mut pause).await;
                }
            }
        }
    }

    async fn insert_alone(&self, (waiting, encoded): Entry) {
        let mut pause = FIRST_PAUSE;
        while !waiting.is_given_up() {
            self.0.metrics.commit_retries.inc();
            let result = self.0.store.append(std::slice::from_ref(&encoded), APPEND_DEADLINE).await;
            if matches!(result.as_deref(), Ok([EntryResult::Inserted])) {
                return waiting.committed();
            }
            let found = self.0.store.entries_by_key(std::slice::from_ref(&encoded.key)).await;
            match found.map(|found| holder(&waiting.entry, found.first())) {
                Ok(Holder::Nobody) | Err(_) => back_off(&mut pause).await,
                Ok(decided) => return answer(waiting, decided),
            }
        }
    }
}

/// Ours is what this very update, decided on this very state, made; an earlier delivery may have put it there.
pub(super) fn holder(ours: &JournalEntry, found: Option<&JournalEntry>) -> Holder {
    match found {
        None => Holder::Nobody,
        Some(found)
            if found.update_id == ours.update_id
                && found.author == ours.author
                && found.digest == ours.digest
                && found.epoch == ours.epoch
                && found.kind == ours.kind
                && found.hash_after == ours.hash_after =>
        {
            Holder::Ours(Arc::new(found.clone()))
        }
        Some(_) => Holder::Another,
    }
}

fn answer(waiting: Waiting, holder: Holder) {
    let outcome = match holder {
        Holder::Ours(entry) => Outcome::Committed(entry),
        Holder::Another | Holder::Nobody => Outcome::Lost,
    };
    let _ = waiting.reply.send(outcome);
}

/// Waits a little longer each time. No jitter: each process has few of these, and the next try is one small command.
pub(super) async fn back_off(pause: &mut Duration) {
    tokio::time::sleep(*pause).await;
    *pause = (*pause * 2).min(LONGEST_PAUSE);
}
