//! Going over the old sessions, one in memory at a time with its campaign.

use protocol::{Epoch, SessionId};
use service_kit::{Clock, random_id};
use store::{CampaignSource, OldSession, Replaced, Store, StoreError};

use crate::{
    decide::{self, Converted, Refusal},
    guards,
    progress::Progress,
    report::{Conversion, Failure},
    retry::patiently,
};

/// Sessions put off at once, because another transaction holds what they need. The next waits for it where it is.
const MOST_PUT_OFF: usize = 16;
/// MongoDB's code of a write that met another transaction's.
const WRITE_CONFLICT: i32 = 112;
/// Codes of refusals that are a document's own fault: it, or what was kept of it, passes what MongoDB stores.
const UNSTORABLE: [i32; 3] = [10334, 17419, 17420];

pub(crate) async fn plan(store: &Store, clock: &Clock, reset_versions: bool) -> Result<Conversion, StoreError> {
    run(Job { store, clock, apply: false, reset_versions, last: None }).await
}

pub(crate) async fn apply(store: &Store, clock: &Clock, reset_versions: bool) -> Result<Conversion, StoreError> {
    // First: the rule of one open session per campaign is an index.
    store.ensure_indexes().await?;
    store.ensure_migration_indexes().await?;
    run(Job { store, clock, apply: true, reset_versions, last: None }).await
}

struct Job<'a> {
    store: &'a Store,
    clock: &'a Clock,
    apply: bool,
    reset_versions: bool,
    /// Of a dry run: the campaign of the session before. Nothing is written, so there is no index to find its documents by, and
    /// each reading goes over all there are.
    last: Option<Campaign>,
}

/// What the sessions of one campaign are decided by.
struct Campaign {
    source: CampaignSource,
    /// Asked for once.
    open_session: Option<Option<SessionId>>,
}

async fn run(mut job: Job<'_>) -> Result<Conversion, StoreError> {
    let store = job.store;
    let mut report = Conversion {
        applied: job.apply,
        already_new: store.count_new_sessions().await?,
        open_skipped: store.open_new_sessions().await?,
        ..Conversion::default()
    };
    let mut put_off = Vec::new();
    let mut progress = Progress::begin(job.clock, store.count_old_sessions().await?);
    let mut sessions = if job.apply { store.old_sessions().await? } else { store.old_sessions_by_campaign().await? };
    while let Some(session) = sessions.next().await? {
        report.found += 1;
        match session {
            Err(unreadable) => {
                report.failed.push(Failure { session: unreadable.id, field: "document".to_owned(), reason: unreadable.fault });
            }
            Ok(session) => match job.unless_held(&session, &put_off).await? {
                Some(done) => count(&mut report, session, done),
                None => put_off.push(session),
            },
        }
        progress.at(report.found, report.failed.len());
    }
    for session in put_off {
        let done = patiently(store, async || job.convert(&session).await).await?;
        count(&mut report, session, done);
    }
    report.failed.sort_by(|a, b| a.session.cmp(&b.session));
    Ok(report)
}

fn count(report: &mut Conversion, session: OldSession, done: Result<bool, Refusal>) {
    match done {
        Ok(true) => report.converted += 1,
        Ok(false) => report.already_converted += 1,
        Err(Refusal { field, reason }) => report.failed.push(Failure { session: session.id, field, reason }),
    }
}

impl Job<'_> {
    /// Converts a session, or not yet: a killed run may have left a transaction open that holds what it needs, and there is other work
    /// until that is over. Sessions of one campaign keep their order.
    async fn unless_held(&mut self, session: &OldSession, put_off: &[OldSession]) -> Result<Option<Result<bool, Refusal>>, StoreError> {
        if put_off.len() < MOST_PUT_OFF && guards::holds(guards::PUT_OFF) {
            let campaign = decide::campaign_id(session).ok();
            if campaign.is_some() && put_off.iter().any(|earlier| decide::campaign_id(earlier).ok() == campaign) {
                return Ok(None);
            }
            match self.convert(session).await {
                Err(StoreError::Transient { code: Some(WRITE_CONFLICT), .. }) => return Ok(None),
                Err(error) if error.is_transient() => {}
                done => return done.map(Some),
            }
        }
        patiently(self.store, async || self.convert(session).await).await.map(Some)
    }

    /// True: converted, or in a dry run could be. False: somebody else has converted it.
    async fn convert(&mut self, session: &OldSession) -> Result<Result<bool, Refusal>, StoreError> {
        let store = self.store;
        let id = match decide::campaign_id(session) {
            Ok(id) => id,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let known = self.last.take().filter(|last| !self.apply && last.source.id == id);
        let mut campaign = match known {
            Some(campaign) => campaign,
            None => match store.campaign_source(&id).await {
                Ok(source) => Campaign { source, open_session: None },
                Err(StoreError::Corrupt(corruption)) => return Ok(Err(Refusal::new("campaignId", corruption.to_string()))),
                Err(error) => return Err(error),
            },
        };
        let result = self.convert_of(session, &mut campaign).await;
        self.last = Some(campaign);
        result
    }

    async fn convert_of(&self, session: &OldSession, of: &mut Campaign) -> Result<Result<bool, Refusal>, StoreError> {
        let (store, clock, source) = (self.store, self.clock, &of.source);
        let shared = match named_state(store, session).await? {
            Ok(shared) => shared,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let epoch = Epoch::from(random_id().as_str());
        let converted = decide::decide(session, shared.as_ref(), source, epoch, clock.now_ms(), self.reset_versions);
        let Converted { document, mut state, campaign } = match converted {
            Ok(converted) => converted,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if !self.apply {
            // What the index would refuse.
            let Some(campaign) = &document.open_for else { return Ok(Ok(true)) };
            if of.open_session.is_none() {
                of.open_session = Some(store.open_session_of_campaign(campaign).await?);
            }
            let open = of.open_session.iter().flatten().next();
            return Ok(open.map_or(Ok(true), |other| Err(open_elsewhere(other.as_str()))));
        }
        match store.replace_old_session(session, &document, &state.canonical(), &campaign, source, clock.now_ms()).await {
            Ok(Replaced::Replaced) => Ok(Ok(true)),
            Ok(Replaced::Already) => Ok(Ok(false)),
            Ok(Replaced::KeyTaken) => Ok(Err(match store.open_session_of_campaign(&document.campaign_id).await? {
                Some(other) if document.open_for.is_some() => open_elsewhere(other.as_str()),
                _ => Refusal::new("_id", "a session or a document of the same id exists already"),
            })),
            Err(StoreError::Driver { code, message, .. }) if code.is_none_or(|code| UNSTORABLE.contains(&code)) => {
                Ok(Err(Refusal::new("document", message)))
            }
            Err(error) => Err(error),
        }
    }
}

/// The state that a session names instead of holding it.
pub(crate) async fn named_state(store: &Store, session: &OldSession) -> Result<Result<Option<game_state::Value>, Refusal>, StoreError> {
    let Some(id) = decide::state_id(session) else { return Ok(Ok(None)) };
    Ok(match store.old_state(id).await? {
        Some(Ok(state)) => Ok(Some(state)),
        Some(Err(fault)) => Err(Refusal::new("gameStateId", fault)),
        None => Err(Refusal::new("gameStateId", format!("there is no state {id}"))),
    })
}

fn open_elsewhere(other: &str) -> Refusal {
    Refusal::new("status", format!("the campaign has an open session already: {other}"))
}
