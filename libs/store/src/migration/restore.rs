//! Putting back what was replaced, as far as nobody touched what took its place. Each session is one transaction, and so are
//! the documents of each campaign; a backup goes with its restoration, so that whatever is kept is still to be put back.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use mongodb::{
    bson::{Document, RawDocument, RawDocumentBuf, doc},
    options::FindOptions,
};
use protocol::SessionStatus;

use super::{
    SessionBackup,
    backups::kept,
    replace::{deletion, fingerprint, raw},
    source,
};
use crate::{
    Kind, SessionDocument, Store, StoreError,
    batches::{Batches, Verb},
    connect::collection,
    raw::Fields,
    transaction::{Transaction, is_duplicate_key},
};

const OPERATION: &str = "put back what was replaced";

/// What became of a session that should be old again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RolledBack {
    Done,
    /// Somebody else has put it back meanwhile.
    Already,
    /// It is not over: a live platform could commit an update at any moment. Left as it is.
    Open,
    /// It is not as it was made: played, changed or deleted. Left as it is.
    Changed(String),
}

/// What became of a campaign's documents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restored {
    pub documents: u64,
    /// Documents that somebody changed or deleted since, as `collection id`.
    pub changed: Vec<String>,
    /// A session of ours that needs the documents as they are.
    pub needed_by: Option<String>,
}

impl Store {
    /// Puts an old session in the place of ours, unless somebody touched ours. `open` allows it for sessions that are not
    /// over: only while no platform runs.
    pub async fn roll_back_session(&self, backup: &SessionBackup, open: bool) -> Result<RolledBack, StoreError> {
        let mut transaction = Transaction::begin(self).await?;
        let result = match self.put_session_back(&mut transaction, backup, open).await {
            Ok(RolledBack::Done) => return transaction.commit().await.map(|()| RolledBack::Done).map_err(StoreError::from),
            Err(error) if is_duplicate_key(&error) => Ok(RolledBack::Changed("another document has its old key".to_owned())),
            result => result,
        };
        transaction.abort().await;
        result
    }

    async fn put_session_back(&self, transaction: &mut Transaction, backup: &SessionBackup, open: bool) -> Result<RolledBack, StoreError> {
        let id = backup.id.as_str();
        let key = backup.raw.get_str("_id").unwrap_or_default();
        let backups = self.collection(collection::BACKUPS);
        if transaction.find(OPERATION, &backups, doc! { "_id": key }, one()).await?.first() != Some(&backup.raw) {
            return Ok(RolledBack::Already);
        }
        let found = transaction.find(OPERATION, self.sessions(), doc! { "_id": id }, one()).await?;
        let Some(current) = found.first() else { return Ok(RolledBack::Changed("it was deleted since".to_owned())) };
        let entries = doc! { "_id": { "$gte": format!("{id}:"), "$lt": format!("{id};") } };
        if !transaction.find(OPERATION, self.journal(), entries, one()).await?.is_empty() {
            return Ok(RolledBack::Changed("it was played since".to_owned()));
        }
        if !is_as_written(&backup.raw, current) {
            return Ok(RolledBack::Changed("its document was changed since".to_owned()));
        }
        if !open && SessionDocument::decode(current)?.status != SessionStatus::Ended {
            return Ok(RolledBack::Open);
        }
        let fields = Fields { document: &backup.raw, session: Some(&backup.id), place: key };
        let mut writes = Swap::new(collection::SESSIONS, collection::SESSIONS);
        writes.push(current, kept(&backup.raw, &fields)?)?;
        writes.forget(&backup.raw)?;
        let mut bases = Batches::new(Verb::Delete, collection::BASES);
        bases.push(&raw(doc! { "q": { "_id": id }, "limit": 1 })?);
        writes.write(transaction).await?;
        for command in bases.into_commands() {
            transaction.write(OPERATION, command).await?;
        }
        Ok(RolledBack::Done)
    }

    /// Campaigns of which replaced documents are kept.
    pub async fn campaigns_to_restore(&self) -> Result<Vec<String>, StoreError> {
        let pipeline = [
            doc! { "$match": { "into": { "$ne": collection::SESSIONS } } },
            doc! { "$group": { "_id": "$campaign" } },
            doc! { "$sort": { "_id": 1 } },
        ];
        let backups = self.collection(collection::BACKUPS);
        let found: Vec<Document> = self.within(OPERATION, async { backups.aggregate(pipeline).await?.try_collect().await }).await?;
        Ok(found.iter().filter_map(|campaign| campaign.get_str("_id").ok().map(str::to_owned)).collect())
    }

    /// Puts a campaign's old documents back, unless a session of ours is left that needs them as they are.
    pub async fn roll_back_campaign(&self, campaign: &str) -> Result<Restored, StoreError> {
        let mut transaction = Transaction::begin(self).await?;
        match self.put_documents_back(&mut transaction, campaign).await {
            Ok(restored) if restored.documents > 0 => {
                transaction.commit().await?;
                Ok(restored)
            }
            result => {
                transaction.abort().await;
                result
            }
        }
    }

    async fn put_documents_back(&self, transaction: &mut Transaction, campaign: &str) -> Result<Restored, StoreError> {
        let ours = doc! { "campaignId": campaign, "epoch": { "$exists": true } };
        let found = transaction.find(OPERATION, self.sessions(), ours, one()).await?;
        if let Some(session) = found.first() {
            let needed_by = Some(session.get_str("_id").unwrap_or_default().to_owned());
            return Ok(Restored { needed_by, ..Restored::default() });
        }
        let mut restored = Restored::default();
        for into in Kind::ALL.map(Kind::collection).into_iter().chain([collection::CAMPAIGNS]) {
            let filter = doc! { "campaign": campaign, "into": into };
            let backups = transaction.find(OPERATION, &self.collection(collection::BACKUPS), filter, FindOptions::default()).await?;
            let ids: Vec<_> = backups.iter().map(id_of).collect();
            let current = self.collection(into);
            let current = transaction.find(OPERATION, &current, doc! { "_id": { "$in": ids } }, FindOptions::default()).await?;
            let current: HashMap<_, _> = current.iter().map(|document| (document.get_str("_id").unwrap_or_default(), document)).collect();
            let (mut here, mut documents) = (Swap::new(into, into), Swap::new(into, source::DOCUMENTS));
            for backup in &backups {
                let unchanged = current.get(id_of(backup)).filter(|current| is_as_written(backup, current));
                let Some(current) = unchanged else {
                    restored.changed.push(format!("{into} {}", id_of(backup)));
                    continue;
                };
                let fields = Fields { document: backup, session: None, place: collection::BACKUPS };
                let swap = if fields.text("collection")? == source::DOCUMENTS { &mut documents } else { &mut here };
                swap.push(current, kept(backup, &fields)?)?;
                swap.forget(backup)?;
                restored.documents += 1;
            }
            here.write(transaction).await?;
            documents.write(transaction).await?;
        }
        Ok(restored)
    }
}

/// Documents of ours that go, the old ones that come for them, and the backups that go with that.
struct Swap {
    gone: Batches,
    back: Batches,
    backups: Batches,
}

impl Swap {
    fn new(from: &'static str, to: &'static str) -> Self {
        Self {
            gone: Batches::new(Verb::Delete, from),
            back: Batches::new(Verb::Insert, to),
            backups: Batches::new(Verb::Delete, collection::BACKUPS),
        }
    }

    fn push(&mut self, ours: &RawDocument, old: &RawDocument) -> Result<(), StoreError> {
        self.gone.push(&deletion(ours, doc! {})?);
        self.back.push(&old.to_owned());
        Ok(())
    }

    fn forget(&mut self, backup: &RawDocument) -> Result<(), StoreError> {
        self.backups.push(&deletion(backup, doc! {})?);
        Ok(())
    }

    /// Ours first: both may have the same key.
    async fn write(self, transaction: &mut Transaction) -> Result<(), StoreError> {
        for command in [self.gone, self.back, self.backups].into_iter().flat_map(Batches::into_commands) {
            transaction.write(OPERATION, command).await?;
        }
        Ok(())
    }
}

/// Whether nobody changed what took the place of what was kept.
fn is_as_written(backup: &RawDocument, current: &RawDocument) -> bool {
    backup.get_str("wrote").is_ok_and(|wrote| wrote == fingerprint(current))
}

/// The id of what was kept: a backup's key is `<collection>:<id>`.
fn id_of(backup: &RawDocumentBuf) -> &str {
    backup.get_str("_id").ok().and_then(|key| key.split_once(':')).map_or("", |(_, id)| id)
}

fn one() -> FindOptions {
    FindOptions::builder().limit(1).build()
}
