//! Who did what to a session, when and why: the newest commands that changed something, kept beside it.

use protocol::{Command, SessionId, command::CommandDone};
use store::AuditRecord;

use crate::{context::Authority, request::Caller};

/// A longer reason is cut.
const LONGEST_REASON: usize = 500;

/// Nothing for what only reads. A creation is noted with the session itself.
pub(super) fn record(caller: &Caller, command: &Command) -> Option<AuditRecord> {
    let action = match command {
        Command::Create(_) | Command::Read | Command::Join | Command::Leave | Command::Verify | Command::Diff { .. } | Command::Sync => {
            return None;
        }
        Command::End { force: true, .. } => "end by force",
        Command::Delete { force: true, .. } => "delete by force",
        command => command.as_str(),
    };
    let reason = command.reason().map(|reason| reason.chars().take(LONGEST_REASON).collect());
    Some(AuditRecord { at: 0, by: caller.user.clone(), action: action.to_owned(), reason })
}

impl Authority {
    /// After the command: it is done, whatever becomes of the note. Entries of the journal name their author by themselves.
    pub(super) async fn audit(&self, id: &SessionId, record: AuditRecord, done: &CommandDone) {
        let changed_nothing = done.new_version.is_none() && !record.action.ends_with("-participants");
        if changed_nothing {
            return;
        }
        let record = AuditRecord { at: done.timestamp, ..record };
        if let Err(error) = self.store.append_audit(id, &record).await {
            tracing::warn!(session = %id, by = %record.by, action = record.action, %error, "a command was not noted in the audit");
        }
    }
}
