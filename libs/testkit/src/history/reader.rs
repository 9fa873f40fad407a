//! Somebody who looks at a session's document in MongoDB all the time, whatever happens to it meanwhile.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context;
use serde_json::json;
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::Document;
use crate::mongo::wire::Connection;

const LOOK_EVERY: Duration = Duration::from_millis(20);
const SERVER_AGAIN: Duration = Duration::from_millis(100);
/// A mongod that does not say by then whether it is primary is passed over.
const HELLO_DEADLINE: Duration = Duration::from_secs(10);

/// Stops on drop.
pub struct Reader {
    seen: Arc<Mutex<Vec<Document>>>,
    task: JoinHandle<()>,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Reader {
    /// Reads from the one of these mongods that is primary.
    pub fn start(mongods: Vec<u16>, database: String, session: String) -> Self {
        let seen = Arc::<Mutex<Vec<Document>>>::default();
        #[expect(clippy::disallowed_methods, reason = "ends with the reader; testkit has no lifecycle")]
        let task = tokio::spawn({
            let seen = Arc::clone(&seen);
            async move {
                loop {
                    let look = async {
                        let mut connection = primary(&mongods).await?;
                        loop {
                            let found = connection.find_one(&database, "gameSessions", json!({"_id": session})).await?;
                            note(&seen, Document::of(&found.context("the session has a document")?)?);
                            sleep(LOOK_EVERY).await;
                        }
                    };
                    // A server that is gone is looked for again.
                    let _: anyhow::Result<()> = look.await;
                    sleep(SERVER_AGAIN).await;
                }
            }
        });
        Self { seen, task }
    }

    /// What was seen, each state once.
    pub fn seen(&self) -> Vec<Document> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A connection to the one of these mongods that is primary.
pub async fn primary(mongods: &[u16]) -> anyhow::Result<Connection> {
    for port in mongods {
        let Ok(Ok(mut connection)) = timeout(HELLO_DEADLINE, Connection::open(*port)).await else { continue };
        let hello = timeout(HELLO_DEADLINE, connection.command("admin", "hello", json!(1), json!({}))).await;
        if hello.is_ok_and(|hello| hello.is_ok_and(|hello| hello["isWritablePrimary"] == true)) {
            return Ok(connection);
        }
    }
    None.context("no mongod is primary")
}

fn note(seen: &Mutex<Vec<Document>>, found: Document) {
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    if seen.last() != Some(&found) {
        seen.push(found);
    }
}
