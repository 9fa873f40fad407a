//! Going over the old sessions, one in memory at a time.

use std::time::Duration;

use protocol::Epoch;
use service_kit::{Clock, random_id};
use store::{OldSession, Replaced, Store, StoreError};

use crate::{
    decide::{self, Refusal},
    report::{Failure, Report},
};

/// How often a conversion is tried when others are in its way or the database is away.
const TRIES: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Between two lines of progress.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);

pub(crate) async fn run(store: &Store, apply: bool, say: impl Fn(&str)) -> anyhow::Result<Report> {
    let clock = Clock::system();
    let start = clock.instant();
    let mut report = Report { applied: apply, already_new: store.count_new_sessions().await?, ..Report::default() };
    let total = store.count_old_sessions().await?;
    if apply {
        // First: the rule of one open session per campaign is an index.
        store.ensure_indexes().await?;
    }
    let mut sessions = store.old_sessions().await?;
    let mut told = start;
    while let Some(session) = sessions.next().await? {
        report.found += 1;
        match session {
            Err(unreadable) => {
                report.failed.push(Failure { session: unreadable.id, field: "document".to_owned(), reason: unreadable.fault });
            }
            Ok(session) => match convert(store, &session, apply, &clock).await? {
                Ok(true) => report.converted += 1,
                Ok(false) => report.already_converted += 1,
                Err(Refusal { field, reason }) => report.failed.push(Failure { session: session.id, field, reason }),
            },
        }
        if told.elapsed() >= PROGRESS_EVERY {
            told = clock.instant();
            let rate = report.found as f64 / start.elapsed().as_secs_f64();
            say(&format!("{} of {total} sessions, {rate:.0} per second, {} failed", report.found, report.failed.len()));
        }
    }
    report.elapsed_ms = start.elapsed().as_millis() as u64;
    Ok(report)
}

/// True: converted, or in a dry run could be. False: somebody else has converted it.
async fn convert(store: &Store, session: &OldSession, apply: bool, clock: &Clock) -> Result<Result<bool, Refusal>, StoreError> {
    let mut pause = FIRST_PAUSE;
    for attempt in 1.. {
        match try_convert(store, session, apply, clock).await {
            Err(error) if error.is_transient() && attempt < TRIES => tokio::time::sleep(pause).await,
            result => return result,
        }
        pause *= 2;
    }
    unreachable!("the last try returns")
}

async fn try_convert(store: &Store, session: &OldSession, apply: bool, clock: &Clock) -> Result<Result<bool, Refusal>, StoreError> {
    let campaign = match decide::campaign_id(session) {
        Ok(campaign) => campaign,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let source = match store.campaign_source(&campaign).await {
        Ok(source) => source,
        Err(StoreError::Corrupt(corruption)) => return Ok(Err(Refusal::new("campaignId", corruption.to_string()))),
        Err(error) => return Err(error),
    };
    let epoch = Epoch::from(random_id().as_str());
    let mut new = match decide::decide(session, &source, epoch, clock.now_ms()) {
        Ok(new) => new,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if !apply {
        // What the index would refuse.
        let Some(of) = &new.document.open_for else { return Ok(Ok(true)) };
        let open = store.open_session_of_campaign(of).await?;
        return Ok(open.map_or(Ok(true), |other| Err(open_elsewhere(other.as_str()))));
    }
    let canonical = new.state.canonical();
    match store.replace_old_session(session, &new.document, &canonical, &new.campaign, &source, clock.now_ms()).await? {
        Replaced::Replaced => Ok(Ok(true)),
        Replaced::Already => Ok(Ok(false)),
        Replaced::KeyTaken => Ok(Err(match store.open_session_of_campaign(&new.document.campaign_id).await? {
            Some(other) => open_elsewhere(other.as_str()),
            None => Refusal::new("_id", "a session or a document of the same id exists already"),
        })),
    }
}

fn open_elsewhere(other: &str) -> Refusal {
    Refusal::new("status", format!("the campaign has an open session already: {other}"))
}
