//! Writes of the groups of fields that no snapshot touches. Each is idempotent: repeating it after a lost answer is safe.

use mongodb::bson::{Bson, Document, doc, serialize_to_bson};
use protocol::{SessionId, UserId};

use super::{AuditRecord, SyncMark};
use crate::{CommandNote, JournalEntry, Store, StoreError};

/// So many audit records stay in the document.
const AUDIT_RECORDS: i32 = 200;

impl Store {
    /// Marks a session as not to be updated, whatever its document says. False: there is no such session.
    pub async fn set_frozen(&self, id: &SessionId, reason: &str) -> Result<bool, StoreError> {
        self.change("freeze a session", id, doc! { "$set": { "frozen": reason } }).await
    }

    pub async fn unset_frozen(&self, id: &SessionId) -> Result<bool, StoreError> {
        self.change("unfreeze a session", id, doc! { "$unset": { "frozen": 1 } }).await
    }

    /// Notes what the campaign's documents show. Never lowers it: false where the session is of another epoch or the mark there is newer.
    pub async fn set_sync_mark(&self, id: &SessionId, mark: &SyncMark) -> Result<bool, StoreError> {
        let version = i64::try_from(mark.version.get()).unwrap_or(i64::MAX);
        let not_newer = doc! { "$expr": { "$lte": [{ "$toLong": "$sync.version" }, version] } };
        let filter = doc! {
            "_id": id.as_str(),
            "epoch": mark.epoch.as_str(),
            "$or": [{ "sync.epoch": { "$ne": mark.epoch.as_str() } }, not_newer],
        };
        let mark = serialize_to_bson(mark).map_err(|error| StoreError::answer("note a sync", error))?;
        let update = self.sessions().update_one(filter, doc! { "$set": { "sync": mark } });
        self.within("note a sync", update).await.map(|result| result.matched_count > 0)
    }

    /// Notes why the campaign's documents could not be written. What they show stays as it was.
    pub async fn set_sync_error(&self, id: &SessionId, error: &str) -> Result<bool, StoreError> {
        self.change("note a failed sync", id, doc! { "$set": { "sync.error": error } }).await
    }

    /// Lets users take part. Their names, where known, are kept beside; `note` is written with them.
    pub async fn add_participants(
        &self,
        id: &SessionId,
        users: &[(UserId, Option<String>)],
        note: Option<&AuditRecord>,
    ) -> Result<(), StoreError> {
        let ids: Vec<_> = users.iter().map(|(user, _)| user.as_str()).collect();
        let mut update = doc! { "$addToSet": { "participantIds": { "$each": ids } } };
        let names: Document = users.iter().filter_map(|(user, name)| Some((name_field(user), name.as_deref()?.into()))).collect();
        if !names.is_empty() {
            update.insert("$set", names);
        }
        self.change_with_note("add participants", id, update, note).await
    }

    pub async fn remove_participants(&self, id: &SessionId, users: &[UserId], note: Option<&AuditRecord>) -> Result<(), StoreError> {
        let ids: Vec<_> = users.iter().map(UserId::as_str).collect();
        self.change_with_note("remove participants", id, doc! { "$pull": { "participantIds": { "$in": ids } } }, note).await
    }

    /// The name shown for a user, as the user's token says it.
    pub async fn set_name(&self, id: &SessionId, user: &UserId, name: &str) -> Result<bool, StoreError> {
        self.change("note a user's name", id, doc! { "$set": { name_field(user): name } }).await
    }

    pub async fn append_audit(&self, id: &SessionId, record: &AuditRecord) -> Result<(), StoreError> {
        self.change_with_note("append an audit record", id, Document::new(), Some(record)).await
    }

    /// Notes that a user looked at something. Of each user and action only the last time is kept, with its reason: whoever looks
    /// often does not push what was changed out of the audit.
    pub async fn note_look(&self, id: &SessionId, record: &AuditRecord) -> Result<(), StoreError> {
        const OPERATION: &str = "note a look";
        let at = i64::try_from(record.at).unwrap_or(i64::MAX);
        let of_this = doc! { "by": record.by.as_str(), "action": record.action.as_str() };
        let mut earlier = of_this.clone();
        earlier.insert("at", doc! { "$lte": at });
        let mut again = doc! { "$set": { "audit.$.at": at } };
        match &record.reason {
            Some(reason) => again.get_document_mut("$set").expect("it was just written").insert("audit.$.reason", reason),
            None => again.insert("$unset", doc! { "audit.$.reason": 1 }),
        };
        let again = self.sessions().update_one(doc! { "_id": id.as_str(), "audit": { "$elemMatch": earlier } }, again);
        if self.within(OPERATION, again).await?.matched_count > 0 {
            return Ok(());
        }
        // Where a later look is noted already, there is nothing to say.
        let first = doc! { "_id": id.as_str(), "audit": { "$not": { "$elemMatch": of_this } } };
        let noted = self.sessions().update_one(first, doc! { "$push": record.push()? });
        self.within(OPERATION, noted).await.map(drop)
    }

    /// From now on another session of the campaign may be opened.
    pub async fn unset_open_for(&self, id: &SessionId) -> Result<bool, StoreError> {
        self.change("close a session for its campaign", id, doc! { "$unset": { "openFor": 1 } }).await
    }

    /// A change and the note of it are one write; where the note is there, so is the change.
    async fn change_with_note(
        &self,
        operation: &'static str,
        id: &SessionId,
        mut update: Document,
        note: Option<&AuditRecord>,
    ) -> Result<(), StoreError> {
        let mut filter = doc! { "_id": id.as_str() };
        if let Some(note) = note {
            update.insert("$push", note.push()?);
            filter.insert("audit", doc! { "$ne": note.to_bson()? });
        }
        self.within(operation, self.sessions().update_one(filter, update)).await.map(drop)
    }

    async fn change(&self, operation: &'static str, id: &SessionId, update: Document) -> Result<bool, StoreError> {
        let update = self.sessions().update_one(doc! { "_id": id.as_str() }, update);
        self.within(operation, update).await.map(|result| result.matched_count > 0)
    }
}

impl AuditRecord {
    /// What an entry of the journal says of the command that it carries out.
    pub fn of(entry: &JournalEntry) -> Option<Self> {
        let CommandNote { action, reason } = entry.command.clone()?;
        Some(Self { at: entry.at, by: entry.author.clone(), action, reason })
    }

    /// The argument of a `$push` that keeps the newest records.
    pub(crate) fn push(&self) -> Result<Document, StoreError> {
        Ok(doc! { "audit": { "$each": [self.to_bson()?], "$slice": -AUDIT_RECORDS } })
    }

    fn to_bson(&self) -> Result<Bson, StoreError> {
        serialize_to_bson(self).map_err(|error| StoreError::answer("append an audit record", error))
    }
}

/// Ids are letters, digits, `_` and `-`: safe as part of a key.
fn name_field(user: &UserId) -> String {
    format!("names.{user}")
}
