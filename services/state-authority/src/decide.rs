//! What becomes of an update, judged from data alone: the head of its session, and the entry that has its place.

use std::sync::Arc;

use game_state::{StateHash, Version};
use protocol::{
    Epoch, ErrorBody, Outcome, SessionId, SessionStatus, UpdateId, UserId,
    update::{EntryKind, UpdateAccepted},
};
use store::{JournalEntry, SessionDocument};

use crate::{guards, request::Caller};

/// Where a session stands.
#[derive(Debug, Clone)]
pub struct Head {
    pub epoch: Epoch,
    pub version: Version,
    /// The true hash of the state at `version`, unless nobody has made it since an update without one.
    pub hash: Option<StateHash>,
    pub status: SessionStatus,
    /// Why the session takes no updates until it is repaired.
    pub frozen: Option<Arc<str>>,
    pub game_master: UserId,
    /// For everyone it is as if there were no such session.
    pub deleted: bool,
    /// Server time of `version`, milliseconds since the epoch.
    pub at: u64,
}

impl Head {
    /// Where the session's document says that it stands. The journal may be ahead.
    pub fn shown_by(document: &SessionDocument) -> Self {
        Self {
            epoch: document.epoch.clone(),
            version: document.game_state_version,
            hash: Some(document.game_state_hash),
            status: document.status,
            frozen: document.frozen.as_deref().map(Into::into),
            game_master: document.game_master_id.clone(),
            deleted: false,
            at: document.last_state_update,
        }
    }

    /// Whether an entry is the next link of the chain. Where hashes are skipped, nothing is compared.
    pub fn is_followed_by(&self, entry: &JournalEntry) -> bool {
        let by_hash = || entry.hash_before.is_none_or(|before| self.hash.is_none_or(|held| held == before));
        entry.epoch == self.epoch && self.version.is_valid_next(entry.version) && by_hash()
    }

    /// What an entry that follows this head makes of it.
    pub fn follow(&mut self, entry: &JournalEntry) {
        self.version = entry.version;
        self.epoch = entry.epoch.clone();
        let stays = if entry.kind == EntryKind::Update { None } else { self.hash };
        self.hash = entry.hash_after.or(stays);
        self.at = entry.at;
        if let Some(status) = entry.status {
            self.status = status;
        }
        if let Some(user) = &entry.game_master_id {
            self.game_master = user.clone();
        }
        match entry.kind {
            EntryKind::Freeze => self.frozen = Some(self.frozen.take().unwrap_or_else(|| "a fault was found in what is stored".into())),
            EntryKind::Repair => self.frozen = None,
            EntryKind::Deleted => self.deleted = true,
            _ => {}
        }
    }
}

/// What an update claims, beside its operations.
#[derive(Debug, Clone)]
pub struct Claim<'a> {
    pub id: &'a UpdateId,
    pub base: Version,
    pub epoch: Option<&'a Epoch>,
    pub digest: String,
    pub caller: &'a Caller,
}

/// What the entry at an update's place says about the update.
#[derive(Debug, PartialEq)]
pub enum Place {
    /// It is this very update: its first result is the answer.
    SameUpdate(UpdateAccepted),
    /// The id was used for other operations.
    IdReused(ErrorBody),
    /// Another entry came first.
    Taken,
}

/// Judges an update by the entry at the version after its base.
pub fn judge_place(claim: &Claim<'_>, entry: &JournalEntry) -> Place {
    let same_name = entry.kind == EntryKind::Update && entry.update_id == *claim.id && entry.author == claim.caller.user;
    if !same_name {
        return Place::Taken;
    }
    if entry.digest != claim.digest {
        let mut refusal = ErrorBody::validation("ID_REUSED", format!("update {} was sent before with other operations", claim.id));
        refusal.outcome = Some(Outcome::NotApplied);
        return Place::IdReused(refusal);
    }
    Place::SameUpdate(accepted(entry))
}

/// The successful answer that an entry stands for, the same at every delivery.
pub fn accepted(entry: &JournalEntry) -> UpdateAccepted {
    UpdateAccepted {
        new_version: entry.version,
        new_hash: entry.hash_after,
        epoch: entry.epoch.clone(),
        timestamp: entry.at,
        trace_id: None,
    }
}

/// Of a deleted session nobody hears any more.
pub fn exists(session: &SessionId, head: &Head) -> Result<(), ErrorBody> {
    if head.deleted { Err(not_applied(ErrorBody::session_not_found(session))) } else { Ok(()) }
}

/// Whether the head takes the update: permission, frozen or status, epoch, base, in this order.
///
/// Who may not update learns nothing of version or hash.
pub fn admit(head: &Head, claim: &Claim<'_>) -> Result<(), ErrorBody> {
    if !claim.caller.leads(&head.game_master) && guards::holds(guards::GAME_MASTER) {
        return Err(not_applied(ErrorBody::permission("NOT_GAME_MASTER", "only the game master may change the state")));
    }
    takes_updates(head)?;
    if claim.epoch.is_some_and(|epoch| *epoch != head.epoch) || claim.base != head.version {
        return Err(ErrorBody::version_conflict(head.version, head.hash));
    }
    Ok(())
}

/// The answer where the entry at an update's place is no longer kept: whether it was this update cannot be told any more.
pub fn pruned(head: &Head, claim: &Claim<'_>) -> ErrorBody {
    let mut refusal = match admit(head, claim) {
        Err(refusal) => refusal,
        Ok(()) => ErrorBody::version_conflict(head.version, head.hash),
    };
    refusal.outcome = Some(Outcome::Unknown);
    refusal
}

fn takes_updates(head: &Head) -> Result<(), ErrorBody> {
    if let Some(reason) = &head.frozen {
        return Err(not_applied(frozen(reason)));
    }
    let reason = match head.status {
        SessionStatus::Active => return Ok(()),
        _ if !guards::holds(guards::STATUS) => return Ok(()),
        SessionStatus::Scheduled => "SESSION_SCHEDULED",
        SessionStatus::Paused => "SESSION_PAUSED",
        SessionStatus::Ending => "SESSION_ENDING",
        SessionStatus::Ended => "SESSION_ENDED",
    };
    Err(not_applied(ErrorBody::permission(reason, format!("the session is {}", head.status.as_str()))))
}

/// The refusal of a session whose stored state is at fault.
pub fn frozen(reason: &str) -> ErrorBody {
    ErrorBody::validation("STATE_CORRUPT", format!("the session is frozen until it is repaired: {reason}"))
}

fn not_applied(mut refusal: ErrorBody) -> ErrorBody {
    refusal.outcome = Some(Outcome::NotApplied);
    refusal
}

#[cfg(test)]
mod tests;
