//! Sessions that could not be written back again and again. They wait until somebody has mended the cause and asks for them.

use anyhow::ensure;
use serde_json::json;

use crate::{
    cli::DeadLetters,
    connect::Config,
    exit::Exit,
    output::{Output, table},
    session::ask,
};

const MOST: u32 = 1_000;

pub async fn run(config: &Config, command: DeadLetters, out: &Output) -> anyhow::Result<Exit> {
    let store = config.store().await?;
    let dead = store.sessions_given_up(MOST).await?;
    let error = |session: &store::SessionDocument| session.sync.as_ref().and_then(|mark| mark.error.clone()).unwrap_or_default();
    match command {
        DeadLetters::Ls => {
            let listed: Vec<_> = dead.iter().map(|session| json!({"session": session.id, "error": error(session)})).collect();
            out.result(&json!({"deadLetters": listed}), || {
                let rows: Vec<_> = dead.iter().map(|session| vec![session.id.to_string(), error(session)]).collect();
                table(&["SESSION", "WHY"], &rows)
            });
            Ok(if dead.is_empty() { Exit::Well } else { Exit::Found })
        }
        DeadLetters::Replay { session, all } => {
            let asked: Vec<_> = dead.iter().map(|session| session.id.clone()).filter(|id| all || session.as_ref() == Some(id)).collect();
            if let Some(session) = &session {
                ensure!(!asked.is_empty(), "session {session} is not among those that were given up");
            }
            let bus = config.bus().await?;
            for (number, session) in asked.iter().enumerate() {
                out.progress(&format!("{}/{} {session}", number + 1, asked.len()));
                ask::mark(&bus, session).await?;
            }
            out.result(&json!({"replayed": asked}), || format!("{} sessions are marked for write-back", asked.len()));
            Ok(Exit::Well)
        }
    }
}
