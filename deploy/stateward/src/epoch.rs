//! New epochs: the same states, in histories that nobody can mistake for the old ones.
//!
//! After a restore of the database its versions are given out again with other contents, while clients and streams remember the first
//! ones. So every session that goes on gets a new epoch before the authorities start. They are down at that time, so it is done here, in the
//! form in which an authority does it: a `freeze` entry, then one transaction of entry, document and backup. Stopped in the middle it is
//! run again.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bus::Bus;
use protocol::{Command, Epoch, SessionId, SessionStatus, UpdateId, UserId, update::EntryKind, update::UpdateSource};
use serde_json::json;
use service_kit::{Clock, random_id};
use store::{CommandNote, EntryResult, JournalEntry, Repair, RepairResult, Replayed, SessionHead, Store};

use crate::{
    cli::{NewEpoch, Why},
    connect::Config,
    doctor,
    exit::Exit,
    output::Output,
};

const PAGE: u32 = 200;
/// How long NATS is looked for: it may well be down.
const LOOK_FOR_NATS: Duration = Duration::from_secs(3);
const APPEND_DEADLINE: Duration = Duration::from_secs(5);

pub async fn new(config: &Config, what: NewEpoch, out: &Output) -> anyhow::Result<Exit> {
    ensure!(what.why.yes, "every client of such a session loads the whole state again; add --yes to do it");
    let running = authorities(config).await;
    if let Some(session) = &what.session
        && let Some((bus, _)) = &running
    {
        let command = Command::NewEpoch { reason: Some(what.why.reason.clone()) };
        let answer = config.ask(bus, session, &command).await?;
        out.result(&json!({"session": session, "epoch": answer.done.epoch}), || {
            format!("session {session} has epoch {}", answer.done.epoch)
        });
        return Ok(Exit::Well);
    }
    if let Some((_, instances)) = running {
        bail!("stop the state-authorities first, they hold sessions of the old history in memory: {}", instances.join(", "));
    }
    let store = config.store().await?;
    let sessions = match what.session {
        Some(session) => vec![session],
        None => going_on(&store).await?,
    };
    let by = config.user()?;
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for (number, session) in sessions.iter().enumerate() {
        out.progress(&format!("{}/{} {session}", number + 1, sessions.len()));
        match begin_anew(&store, session, &by, &what.why).await {
            Ok(epoch) => done.push(json!({"session": session, "epoch": epoch})),
            Err(error) => {
                out.progress(&format!("session {session}: {error:#}"));
                failed.push(json!({"session": session, "error": format!("{error:#}")}));
            }
        }
    }
    let (well, bad) = (done.len(), failed.len());
    out.result(&json!({"done": done, "failed": failed}), || format!("{well} sessions have a new epoch, {bad} could not be given one"));
    Ok(if bad == 0 { Exit::Well } else { Exit::Found })
}

/// The authorities that run, if NATS is there to tell.
async fn authorities(config: &Config) -> Option<(Bus, Vec<String>)> {
    let bus = tokio::time::timeout(LOOK_FOR_NATS, config.bus()).await.ok()?.ok()?;
    let (authorities, _) = doctor::alive(&bus).await;
    authorities.ok().filter(|instances| !instances.is_empty()).map(|instances| (bus, instances))
}

async fn going_on(store: &Store) -> anyhow::Result<Vec<SessionId>> {
    let (mut sessions, mut above) = (Vec::new(), None);
    loop {
        let page = store.sessions_above(above.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(sessions) };
        above = Some(last.id.clone());
        sessions.extend(page.into_iter().filter(|session| session.status != SessionStatus::Ended).map(|session| session.id));
    }
}

async fn begin_anew(store: &Store, id: &SessionId, by: &UserId, why: &Why) -> anyhow::Result<Epoch> {
    let loaded = store.load(id).await?.with_context(|| format!("there is no session {id}"))?;
    let Replayed { head, mut state } = loaded.replay()?;
    let freeze = entry(id, &head, EntryKind::Freeze, by);
    append(store, &freeze).await?;
    store.set_frozen(id, "under repair: new-epoch").await?;
    let at_freeze = SessionHead { version: freeze.version, last_state_update: freeze.at, ..head.clone() };
    let repair = JournalEntry {
        epoch: Epoch::from(random_id().as_str()),
        status: Some(head.status),
        command: Some(CommandNote { action: "new-epoch".to_owned(), reason: Some(why.reason.clone()) }),
        ..entry(id, &at_freeze, EntryKind::Repair, by)
    };
    let canonical = state.canonical();
    let written = Repair {
        id,
        entry: &repair,
        hash: head.hash,
        status: head.status,
        game_master_id: &head.game_master_id,
        state: &canonical,
        from_campaign: false,
        replaced: Some((head.version, &canonical)),
    };
    let outcome = store.repair(&written, &repair.encode()).await.map_err(|error| match error {
        store::BatchError::Refused(error) => anyhow::Error::from(error),
        store::BatchError::Unknown(error) => anyhow::Error::from(error).context("whether it was written is not known; run it again"),
    })?;
    match outcome {
        RepairResult::Repaired => Ok(repair.epoch),
        RepairResult::Duplicate => bail!("somebody else writes to this session"),
        RepairResult::NoSuchSession => bail!("there is no session {id}"),
    }
}

async fn append(store: &Store, entry: &JournalEntry) -> anyhow::Result<()> {
    let results = match store.append(&[entry.encode()], APPEND_DEADLINE).await {
        Ok(results) => results,
        Err(store::BatchError::Refused(error) | store::BatchError::Unknown(error)) => return Err(error.into()),
    };
    match results.first() {
        Some(EntryResult::Inserted) => Ok(()),
        _ => bail!("somebody else writes to this session"),
    }
}

/// An entry after a head that keeps its state.
fn entry(id: &SessionId, head: &SessionHead, kind: EntryKind, by: &UserId) -> JournalEntry {
    let update_id: UpdateId = random_id().parse().expect("a random id is 22 characters of base64url");
    JournalEntry {
        session: id.clone(),
        version: head.version.next(),
        epoch: head.epoch.clone(),
        kind,
        status: None,
        update_id,
        digest: String::new(),
        operations: "[]".to_owned(),
        previous: None,
        hash_before: Some(head.hash),
        hash_after: Some(head.hash),
        author: by.clone(),
        source: UpdateSource::System,
        by: "stateward".parse().expect("letters are an id"),
        at: Clock::system().now_ms().max(head.last_state_update),
        game_master_id: None,
        trace: None,
        command: None,
    }
}
