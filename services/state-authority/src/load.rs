//! A session comes into the cache: its document, then the journal above it. And it is kept at the journal's end.

use std::sync::Arc;

use protocol::{ErrorBody, update::EntryKind};
use store::StoreError;
use tokio::time::Instant;

use crate::{
    append::Failure,
    config::millis,
    context::Authority,
    decide::{self, Head},
    rates::Rate,
    session::{Document, Live, Session, Turn},
    touched::Touched,
};

/// Entries read from the journal at once.
const PAGE: u32 = 256;

/// Why there is nothing to work with.
#[derive(Debug)]
pub(crate) enum Fault {
    NoSuchSession(protocol::SessionId),
    /// What is stored breaks a rule. The session is frozen.
    Corrupt(String),
    Store(StoreError),
}

impl From<Fault> for ErrorBody {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::NoSuchSession(session) => ErrorBody::session_not_found(&session),
            Fault::Corrupt(reason) => decide::frozen(&reason),
            Fault::Store(error) => {
                tracing::warn!(%error, "MongoDB does not answer as it should");
                ErrorBody::unavailable("STORE_UNAVAILABLE", "the session cannot be read at the moment").retry_after_ms(500)
            }
        }
    }
}

impl Authority {
    /// Runs `work` in the session's turn, on what is cached of it or loaded now. While it works, the cache has nothing: a
    /// failure or a panic in the middle leaves no half-done state behind.
    pub(crate) async fn in_turn<T>(
        self: &Arc<Self>,
        session: &Arc<Session>,
        deadline: Instant,
        work: impl AsyncFnOnce(&mut Live) -> Result<T, Failure>,
    ) -> Result<T, ErrorBody> {
        let mut turn = session.turn(deadline).await?;
        let mut live = match self.live(session, &mut turn, deadline).await {
            Ok(live) => live,
            Err(fault) => {
                self.cache.note_size(session, 0);
                if matches!(fault, Fault::NoSuchSession(_)) {
                    drop(turn);
                    self.cache.forget(session);
                }
                return Err(fault.into());
            }
        };
        let result = work(&mut live).await;
        if let Err(Failure::Evict(refusal)) = result {
            self.cache.note_size(session, 0);
            return Err(refusal);
        }
        let over = self.cache.note_size(session, live.state.size().canonical_bytes);
        *turn = Some(live);
        drop(turn);
        if over {
            self.cache.trim(self.clock.now_ms());
        }
        result.map_err(|failure| match failure {
            Failure::Refused(refusal) | Failure::Evict(refusal) => refusal,
        })
    }

    /// What is cached, caught up if nothing confirmed it for long; else loaded.
    async fn live(self: &Arc<Self>, session: &Arc<Session>, turn: &mut Turn<'_>, deadline: Instant) -> Result<Box<Live>, Fault> {
        // What is rare stands apart: a request has room for the usual way alone.
        let Some(mut live) = turn.take() else { return Box::pin(self.load(session, deadline)).await.map(Box::new) };
        self.metrics.cache_hits.inc();
        if !live.is_confirmed(millis(self.config.cache.unconfirmed_ms)) {
            Box::pin(self.catch_up(session, &mut live, deadline)).await?;
        }
        Ok(live)
    }

    /// Reads what the journal has after the cached head. Where it does not follow, the session is loaded again.
    pub(crate) async fn catch_up(self: &Arc<Self>, session: &Arc<Session>, live: &mut Live, deadline: Instant) -> Result<(), Fault> {
        loop {
            let after = live.head.version;
            let page = self.retried("catch up", deadline, || Box::pin(self.store.entries_after(&session.id, after, PAGE)));
            let page = page.await.map_err(Fault::Store)?;
            let last = page.len() < PAGE as usize;
            self.metrics.caught_up.inc_by(page.len() as u64);
            for entry in &page {
                if entry.kind == EntryKind::Mode {
                    // What it changed stands in the document.
                    *live = self.load(session, deadline).await?;
                    return Ok(());
                }
                if entry.hash_before.is_some() {
                    live.known_hash();
                }
                let follows = live.head.is_followed_by(entry) && store::replay_entry(&mut live.state, entry).is_ok();
                if !follows {
                    *live = self.load(session, deadline).await?;
                    return Ok(());
                }
                live.advance(entry, self.clock.instant());
            }
            live.confirmed_at = self.clock.instant();
            if last {
                self.snapshot_becomes_due(session, live);
                return Ok(());
            }
        }
    }

    /// Document and later entries, checked link by link. What the stream lacks goes out, and the document is brought up to date.
    pub(crate) async fn load(self: &Arc<Self>, session: &Arc<Session>, deadline: Instant) -> Result<Live, Fault> {
        self.metrics.loads.inc();
        let loaded = match self.retried("load a session", deadline, || Box::pin(self.store.load(&session.id))).await {
            Ok(Some(loaded)) => loaded,
            Ok(None) => return Err(Fault::NoSuchSession(session.id.clone())),
            Err(error) => return Err(self.judge(session, error, deadline).await),
        };
        let document = loaded.document.head();
        let marked_deleted = loaded.deleted;
        let mut head = Head {
            epoch: document.epoch,
            version: document.version,
            hash: Some(document.hash),
            status: document.status,
            frozen: document.frozen.map(Into::into),
            game_master: document.game_master_id,
            deleted: loaded.deleted,
            at: document.last_state_update,
        };
        let (modes, mut touched) = (loaded.modes, Touched::since(document.version));
        for entry in &loaded.entries {
            head.follow(entry);
            if modes.direct {
                touched.note(entry);
            }
        }
        let replayed = match loaded.replay() {
            Ok(replayed) => replayed,
            Err(error) => return Err(self.judge(session, error, deadline).await),
        };
        head.hash = Some(replayed.head.hash);
        if head.deleted && !marked_deleted {
            let noted = self.retried("note a deletion", deadline, || Box::pin(self.store.set_deleted(&session.id, head.at)));
            noted.await.map_err(Fault::Store)?;
        }
        let mut live = Live {
            id: session.id.clone(),
            head,
            state: replayed.state,
            confirmed_at: self.clock.instant(),
            modes,
            rate: Rate::new(self.clock.instant()),
            touched,
            document: Document { version: document.version, hash: document.hash },
            behind_since: None,
        };
        self.publish_what_is_missing(session, live.document.version, live.head.version);
        self.snapshot_becomes_due(session, &mut live);
        Ok(live)
    }

    /// What is stored breaks a rule: the session is frozen. Anything else passes.
    async fn judge(self: &Arc<Self>, session: &Arc<Session>, error: StoreError, deadline: Instant) -> Fault {
        let StoreError::Corrupt(corruption) = error else { return Fault::Store(error) };
        let reason = corruption.to_string();
        self.freeze(session, "load", &reason, deadline).await;
        Fault::Corrupt(reason)
    }

    /// Brings a session up to its journal's end for the sake of what follows from it: the stream and the document.
    pub(crate) async fn take_over(self: &Arc<Self>, session: &Arc<Session>) -> Result<(), ErrorBody> {
        let deadline = self.request_deadline();
        self.in_turn(session, deadline, async |live| {
            self.catch_up(session, live, deadline).await?;
            let floor = live.head.version.get().saturating_sub(TAKEN_OVER).min(live.document.version.get());
            self.publish_what_is_missing(session, game_state::Version::new(floor).unwrap_or_default(), live.head.version);
            Ok(())
        })
        .await
    }
}

/// Where the stream knows nothing of a session that is taken over, so many of its newest entries go out.
const TAKEN_OVER: u64 = 64;
