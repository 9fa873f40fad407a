//! What the scripted authority commits: updates and turns of the session, applied by `game_state`.

use game_state::{Limits, Operations};
use protocol::{ErrorBody, SessionStatus, update::EntryKind};
use serde_json::{Value, json, value::RawValue};

use super::{Committed, Script, Wanted};
use crate::stage::GM;

impl Script {
    /// Applies an update and appends it to the history. Nobody is told.
    pub(crate) fn commit(&self, wanted: &Wanted) -> Result<Committed, ErrorBody> {
        let base = wanted.payload["version"].as_str().unwrap();
        let mut session = self.session();
        if base != session.version.to_string() {
            return Err(ErrorBody::version_conflict(session.version, Some(session.hash)));
        }
        let applied = session.state.apply(&wanted.operations, &Limits::default()).map_err(ErrorBody::from)?;
        let resolved = RawValue::from_string(applied.resolved.to_json()).unwrap();
        let digest = wanted.operations.digest().to_string();
        Ok(self.append(&mut session, EntryKind::Update, &wanted.id, &wanted.author, digest, resolved, applied.hash))
    }

    /// An update of somebody else's.
    pub(crate) fn commit_other(&self) -> Committed {
        let version = self.version();
        self.commit_set(&format!("pluginData.n{version}"), json!(version))
    }

    /// One whose broadcast is large.
    pub(crate) fn commit_large(&self) -> Committed {
        self.commit_set("pluginData.large", json!("x".repeat(50_000)))
    }

    fn commit_set(&self, path: &str, value: Value) -> Committed {
        let version = self.version();
        let operations = json!([{"path": path, "operation": "set", "value": value}]).to_string();
        let operations = Operations::parse(&operations, &Limits::default()).unwrap();
        let mut session = self.session();
        let applied = session.state.apply(&operations, &Limits::default()).unwrap();
        let resolved = RawValue::from_string(applied.resolved.to_json()).unwrap();
        let digest = operations.digest().to_string();
        self.append(&mut session, EntryKind::Update, &format!("other{version}"), "other", digest, resolved, applied.hash)
    }

    /// An entry that changes the status.
    pub(crate) fn turn(&self, kind: EntryKind) -> Committed {
        let mut session = self.session();
        session.status = match kind {
            EntryKind::Pause => SessionStatus::Paused,
            EntryKind::Ended => SessionStatus::Ended,
            _ => SessionStatus::Active,
        };
        let (id, hash) = (format!("turn{}", session.version), session.hash);
        let mut turned = self.append(&mut session, kind, &id, GM, String::new(), RawValue::from_string("[]".into()).unwrap(), hash);
        turned.entry.game_master_id = (kind == EntryKind::HandOver).then(|| self.game_master());
        turned
    }

    /// Who is the game master now.
    pub(crate) fn leader(&self) -> String {
        self.game_master().to_string()
    }

    /// Another game master; the one before is a participant.
    pub(crate) fn hand_over(&self, to: &str) -> Committed {
        let before = std::mem::replace(&mut *self.game_master.lock().unwrap(), to.parse().unwrap());
        self.participants().push(before);
        self.turn(EntryKind::HandOver)
    }

    /// A repair: history starts afresh, the version goes on.
    pub(crate) fn new_epoch(&self) {
        let mut session = self.session();
        session.epoch = "e2".into();
        session.entries.clear();
        session.version = session.version.next();
    }
}
