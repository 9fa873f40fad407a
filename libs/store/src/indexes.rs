//! Indexes. Ensured at start by the services that own the collections; making one that exists does nothing.

use mongodb::bson::{Document, doc};

use crate::{
    Store, StoreError,
    connect::{collection, within},
};

impl Store {
    /// Every index of Stateward. Safe to run beside a live platform and by several instances at once.
    pub async fn ensure_indexes(&self) -> Result<(), StoreError> {
        for (name, indexes) in all() {
            let command = doc! { "createIndexes": name, "indexes": indexes, "commitQuorum": "majority" };
            within("create indexes", self.inner.config.load_timeout(), self.inner.database.run_command(command)).await?;
        }
        Ok(())
    }
}

fn all() -> Vec<(&'static str, Vec<Document>)> {
    let mut indexes = vec![
        (
            collection::SESSIONS,
            vec![
                index("gameStateVersion", doc! { "gameStateVersion": 1 }),
                index("lastStateUpdate", doc! { "lastStateUpdate": 1 }),
                index("campaignId", doc! { "campaignId": 1 }),
                index("participantIds", doc! { "participantIds": 1 }),
                index("gameMasterId", doc! { "gameMasterId": 1 }),
                // One open session per campaign: `openFor` is the campaign's id, and absent once the session has ended.
                with(index("openFor", doc! { "openFor": 1 }), doc! { "unique": true, "sparse": true }),
                // Sessions whose write-back is due: a handful among all, so that looking for them costs nothing.
                with(index("ending", doc! { "status": 1 }), doc! { "partialFilterExpression": { "status": "ending" } }),
            ],
        ),
        (collection::JOURNAL, vec![index("by_at", doc! { "by": 1, "at": 1 })]),
    ];
    indexes.extend(collection::BACKING.map(|name| (name, vec![index("campaignId", doc! { "campaignId": 1 })])));
    indexes
}

fn index(name: &str, key: Document) -> Document {
    doc! { "name": name, "key": key }
}

fn with(mut index: Document, options: Document) -> Document {
    index.extend(options);
    index
}
