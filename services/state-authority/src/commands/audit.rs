//! Who did what to a session, when and why. What becomes an entry is audited by that entry: it says so itself, and is committed
//! as a whole. The newest commands stand in the session's document as well, for a look at it.

use protocol::{Command, SessionId, command::CommandDone};
use store::{AuditRecord, CommandNote, StoreError};

use crate::{context::Authority, request::Caller};

/// A longer reason is cut.
const LONGEST_REASON: usize = 500;

/// How a command is noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audited {
    /// It is of nobody's concern.
    Not,
    /// By what it writes itself, in the same write: a creation, a change of who takes part, a repair.
    Within,
    /// By its entry, if it becomes one, and in the document.
    ByEntry,
    /// In the document only: it changes nothing of the session.
    AsLook,
}

pub(super) fn audited(command: &Command) -> Audited {
    match command {
        Command::Read | Command::Join | Command::Leave => Audited::Not,
        Command::Create(_) | Command::AddParticipants { .. } | Command::RemoveParticipants { .. } => Audited::Within,
        Command::Rehash { .. } | Command::Reinitialise { .. } | Command::Restore { .. } | Command::NewEpoch { .. } => Audited::Within,
        Command::Verify { .. } | Command::Diff { .. } | Command::Sync { .. } | Command::PreviewSync { .. } => Audited::AsLook,
        _ => Audited::ByEntry,
    }
}

pub(super) fn note(command: &Command) -> CommandNote {
    let action = match command {
        Command::End { force: true, .. } => "end by force",
        Command::Delete { force: true, .. } => "delete by force",
        command => command.as_str(),
    };
    let reason = command.reason().map(|reason| reason.chars().take(LONGEST_REASON).collect());
    CommandNote { action: action.to_owned(), reason }
}

/// What stands in the document of a caller's command that was carried out at a time.
pub(super) fn record(caller: &Caller, at: u64) -> Option<AuditRecord> {
    let CommandNote { action, reason } = caller.command.clone()?;
    Some(AuditRecord { at, by: caller.user.clone(), action, reason })
}

impl Authority {
    /// The command is done, whatever becomes of its note in the document.
    pub(super) async fn audit(&self, id: &SessionId, caller: &Caller, audited: Audited, done: &CommandDone) {
        match audited {
            Audited::AsLook => self.audit_look(id, caller, done.timestamp).await,
            Audited::ByEntry if done.new_version.is_some() => {
                let Some(record) = record(caller, done.timestamp) else { return };
                let noted =
                    self.retried("append an audit record", caller.deadline, || Box::pin(self.store.append_audit(id, &record))).await;
                warn_of_loss(id, &record, noted);
            }
            Audited::ByEntry | Audited::Within | Audited::Not => {}
        }
    }

    /// Also of a look that is refused what it asked for, because it found a fault.
    pub(super) async fn audit_look(&self, id: &SessionId, caller: &Caller, at: u64) {
        let Some(record) = record(caller, at) else { return };
        let noted = self.retried("note a look", caller.deadline, || Box::pin(self.store.note_look(id, &record))).await;
        warn_of_loss(id, &record, noted);
    }
}

fn warn_of_loss(id: &SessionId, record: &AuditRecord, noted: Result<(), StoreError>) {
    if let Err(error) = noted {
        tracing::warn!(session = %id, by = %record.by, action = record.action, %error, "a command is not noted in the session's document");
    }
}
