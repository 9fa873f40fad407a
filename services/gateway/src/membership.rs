//! Who takes part, where another service of the deployment decides that and not a session's `participantIds`.
//!
//! It is asked for one session as a whole, so that a room of any size costs one question. The last answer bridges a service that
//! is away, but not for ever: what nobody can tell is not assumed.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex as StdMutex, PoisonError},
    time::Duration,
};

use hyper::header::{HeaderName, HeaderValue};
use protocol::{CampaignId, SessionId, UserId};
use serde::Deserialize;
use tokio::{
    sync::{Mutex, Semaphore},
    time::{Instant, timeout},
};

use crate::outbound;
pub use config::MembershipConfig;

mod config;

/// Bytes of one answer: some ten thousand users.
const MOST_BYTES: usize = 1 << 20;
/// A session is not asked about again within this time, whoever wants to know.
const PAUSE: Duration = Duration::from_millis(500);
/// Questions under way at once; others wait, within their own time.
const AT_ONCE: usize = 64;
/// Sessions kept; past it those go whose answer does not hold any more, and if all hold, all.
const KEPT: usize = 16_384;

/// What is wrong with the configuration, and of which key.
#[derive(Debug, thiserror::Error)]
#[error("{problem}")]
pub struct BadMembership {
    pub key: &'static str,
    problem: String,
}

/// An answer, as old as its question.
#[derive(Debug, Clone)]
pub struct Players {
    pub asked: Instant,
    pub users: Arc<[UserId]>,
}

pub struct Membership {
    url: String,
    header: Option<(HeaderName, HeaderValue)>,
    timeout: Duration,
    cache: Duration,
    places: Semaphore,
    sessions: StdMutex<HashMap<SessionId, Arc<Mutex<Last>>>>,
}

/// Held while it is asked, so that all who wait are served by one question.
#[derive(Default)]
struct Last {
    tried: Option<Instant>,
    players: Option<Players>,
}

impl Membership {
    /// None where `participantIds` decides.
    ///
    /// # Errors
    /// Names the key that cannot be used.
    pub fn new(config: &MembershipConfig) -> Result<Option<Self>, BadMembership> {
        let bad = |key, problem: &str| BadMembership { key, problem: problem.to_owned() };
        if config.url.is_empty() {
            return Ok(None);
        }
        let asked = fill(&config.url, "c", "s");
        if asked == config.url {
            return Err(bad("membership.url", "must name {campaignId} or {sessionId}"));
        }
        outbound::check_url(&asked).map_err(|problem| bad("membership.url", &problem))?;
        let header = if config.secret.is_empty() {
            None
        } else {
            let name = HeaderName::try_from(&config.header).map_err(|_| bad("membership.header", "is no name of a header"))?;
            let mut value = HeaderValue::try_from(config.secret.expose().trim())
                .map_err(|_| bad("membership.secret", "has characters that no header may have"))?;
            value.set_sensitive(true);
            Some((name, value))
        };
        Ok(Some(Self {
            url: config.url.clone(),
            header,
            timeout: Duration::from_millis(config.timeout_ms),
            cache: Duration::from_millis(config.cache_ms),
            places: Semaphore::new(AT_ONCE),
            sessions: StdMutex::default(),
        }))
    }

    /// Who takes part beside the game master, as was said now or last. None: nobody can tell.
    pub async fn players(&self, session: &SessionId, campaign: &CampaignId) -> Option<Players> {
        let place = self.place(session);
        let mut last = place.lock().await;
        if last.tried.is_none_or(|at| at.elapsed() >= PAUSE) {
            let asked = Instant::now();
            match timeout(self.timeout, self.ask(session, campaign)).await {
                Ok(Ok(users)) => last.players = Some(Players { asked, users }),
                Ok(Err(problem)) => tracing::warn!(%session, problem, "nobody says who takes part: the last answer holds while it may"),
                Err(_) => {
                    let problem = format!("no answer within {} ms", self.timeout.as_millis());
                    tracing::warn!(%session, problem, "nobody says who takes part: the last answer holds while it may");
                }
            }
            // From its end: what takes long is not begun again at once.
            last.tried = Some(Instant::now());
            if last.players.as_ref().is_some_and(|players| players.asked != asked && players.asked.elapsed() >= self.cache) {
                last.players = None;
            }
        }
        last.players.clone()
    }

    fn place(&self, session: &SessionId) -> Arc<Mutex<Last>> {
        // The map is consistent between any two statements, so a panic elsewhere does not spoil it.
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() >= KEPT {
            let holds = |last: &Last| last.players.as_ref().is_some_and(|players| players.asked.elapsed() < self.cache);
            sessions.retain(|_, place| place.try_lock().is_ok_and(|last| holds(&last)));
            if sessions.len() >= KEPT {
                sessions.clear();
            }
        }
        Arc::clone(sessions.entry(session.clone()).or_default())
    }

    async fn ask(&self, session: &SessionId, campaign: &CampaignId) -> Result<Arc<[UserId]>, String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            participant_ids: Vec<String>,
        }
        let _place = self.places.acquire().await.map_err(|error| error.to_string())?;
        let url = fill(&self.url, campaign.as_str(), session.as_str());
        let body = outbound::get(&url, self.header.as_ref(), MOST_BYTES).await.map_err(|error| error.to_string())?;
        let Answer { participant_ids } =
            serde_json::from_slice(&body).map_err(|_| "the answer is not {\"participantIds\": [...]}".to_owned())?;
        // Whoever cannot be a user of ours cannot be let in by it either.
        Ok(participant_ids.iter().filter_map(|id| id.parse().ok()).collect())
    }
}

/// Ids need no escaping: they are letters, digits, `-` and `_`.
fn fill(url: &str, campaign: &str, session: &str) -> String {
    url.replace("{campaignId}", campaign).replace("{sessionId}", session)
}

#[cfg(test)]
mod tests {
    use service_kit::Secret;

    use super::*;

    fn refused(config: &MembershipConfig) -> Option<&'static str> {
        Membership::new(config).err().map(|bad| bad.key)
    }

    #[test]
    fn an_address_must_be_one_that_can_be_asked_about_a_session() {
        let with = |url: &str| MembershipConfig { url: url.into(), ..MembershipConfig::default() };
        assert!(Membership::new(&with("")).is_ok_and(|none| none.is_none()));
        assert!(Membership::new(&with("https://members.example/{campaignId}?of={sessionId}")).is_ok_and(|some| some.is_some()));
        for bad in ["https://members.example/", "members/{sessionId}", "ftp://x/{sessionId}", "https://u:p@x/{sessionId}"] {
            assert_eq!(refused(&with(bad)), Some("membership.url"), "{bad}");
        }
    }

    #[test]
    fn a_secret_that_would_break_the_request_is_refused_at_the_start() {
        let url = "http://members.example/{sessionId}".to_owned();
        let with = |header: &str, secret: &str| MembershipConfig {
            url: url.clone(),
            header: header.into(),
            secret: Secret::new(secret),
            ..MembershipConfig::default()
        };
        assert_eq!(refused(&with("authorization", "Bearer abc\n")), None);
        assert_eq!(refused(&with("authorization", "a\r\nb: c")), Some("membership.secret"));
        assert_eq!(refused(&with("no header", "abc")), Some("membership.header"));
    }
}
