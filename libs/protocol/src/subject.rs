//! Subject names. All of them are made here, so that a prefix can stand before each and no id is ever pasted in elsewhere.

use crate::{CampaignId, InstanceId, SessionId, UserId};

/// Subjects under a configurable prefix.
#[derive(Debug, Clone, Default)]
pub struct Subjects {
    prefix: String,
}

impl Subjects {
    /// `prefix` is empty or one or more tokens without the trailing dot, as in `stateward.production`.
    pub fn new(prefix: &str) -> Self {
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}.") };
        Self { prefix }
    }

    pub fn session_update(&self, session: &SessionId) -> String {
        self.session(session, "update")
    }

    pub fn session_updated(&self, session: &SessionId) -> String {
        self.session(session, "updated")
    }

    pub fn session_state(&self, session: &SessionId) -> String {
        self.session(session, "state")
    }

    pub fn session_history(&self, session: &SessionId) -> String {
        self.session(session, "history")
    }

    pub fn session_command(&self, session: &SessionId) -> String {
        self.session(session, "command")
    }

    pub fn session_event(&self, session: &SessionId) -> String {
        self.session(session, "event")
    }

    pub fn session_sync(&self, session: &SessionId) -> String {
        self.session(session, "sync")
    }

    pub fn session_synced(&self, session: &SessionId) -> String {
        self.session(session, "synced")
    }

    pub fn session_snapshot(&self, session: &SessionId) -> String {
        self.session(session, "snapshot")
    }

    pub fn session_preview(&self, session: &SessionId) -> String {
        self.session(session, "preview")
    }

    /// The wildcard over all sessions for one of the nouns above, for subscribers.
    pub fn every_session(&self, noun: &str) -> String {
        format!("{}session.*.{noun}", self.prefix)
    }

    pub fn campaign_command(&self, campaign: &CampaignId) -> String {
        format!("{}campaign.{campaign}.command", self.prefix)
    }

    pub fn campaign_import(&self, campaign: &CampaignId) -> String {
        format!("{}campaign.{campaign}.import", self.prefix)
    }

    /// The wildcard over all campaigns for one of the nouns above, for subscribers.
    pub fn every_campaign(&self, noun: &str) -> String {
        format!("{}campaign.*.{noun}", self.prefix)
    }

    /// The campaign that a subject of the form `campaign.<id>.<noun>` names.
    pub fn campaign_of(&self, subject: &str) -> Option<CampaignId> {
        let mut tokens = subject.strip_prefix(self.prefix.as_str())?.split('.');
        if tokens.next()? != "campaign" {
            return None;
        }
        tokens.next()?.parse().ok()
    }

    pub fn list_sessions(&self) -> String {
        format!("{}sessions.list", self.prefix)
    }

    pub fn heads(&self) -> String {
        format!("{}sessions.heads", self.prefix)
    }

    pub fn authority_update(&self, instance: &InstanceId) -> String {
        format!("{}authority.{instance}.update", self.prefix)
    }

    pub fn user_event(&self, user: &UserId) -> String {
        format!("{}user.{user}.event", self.prefix)
    }

    pub fn workflow_request(&self, user: &UserId) -> String {
        format!("{}workflow.{user}.request", self.prefix)
    }

    fn session(&self, session: &SessionId, noun: &str) -> String {
        [self.prefix.as_str(), "session.", session.as_str(), ".", noun].concat()
    }

    /// The session that a subject of the form `session.<id>.<noun>` names.
    pub fn session_of(&self, subject: &str) -> Option<SessionId> {
        let mut tokens = subject.strip_prefix(self.prefix.as_str())?.split('.');
        if tokens.next()? != "session" {
            return None;
        }
        tokens.next()?.parse().ok()
    }

    /// Names of streams and buckets under the same prefix: `SESSION_UPDATES`, or `stateward_production_SESSION_UPDATES`.
    pub fn resource(&self, name: &str) -> String {
        format!("{}{name}", self.prefix.replace('.', "_"))
    }
}

/// Queue group of the authority's instances.
pub const AUTHORITY_QUEUE: &str = "state-authority";
/// Queue group of the sync-workers.
pub const SYNC_QUEUE: &str = "sync-worker";
pub const STREAM_UPDATES: &str = "SESSION_UPDATES";
pub const STREAM_EVENTS: &str = "SESSION_EVENTS";
pub const STREAM_SYNC: &str = "SESSION_SYNC";
/// Key-value buckets: who is connected where, and which authority instances are alive.
pub const BUCKET_PRESENCE: &str = "presence";
pub const BUCKET_INSTANCES: &str = "instances";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_stands_before_every_subject() {
        let id: SessionId = "s1".parse().unwrap();
        let plain = Subjects::default();
        assert_eq!(plain.session_updated(&id), "session.s1.updated");
        let prefixed = Subjects::new("acme.prod");
        assert_eq!(prefixed.session_updated(&id), "acme.prod.session.s1.updated");
        assert_eq!(prefixed.session_of("acme.prod.session.s1.updated"), Some(id));
        assert_eq!(prefixed.session_of("session.s1.updated"), None);
        assert_eq!(prefixed.resource(STREAM_UPDATES), "acme_prod_SESSION_UPDATES");
    }
}
