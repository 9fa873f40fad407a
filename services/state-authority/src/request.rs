//! Who asks, as the headers of a request say. They are trusted because only the gateway's NATS user may publish where they are read.

use std::sync::OnceLock;

use bus::Headers;
use protocol::{ConnectionId, ErrorBody, Identity, UpdateId, UserId};
use service_kit::{Span, TraceContext, random_id};
use store::CommandNote;
use tokio::time::Instant;

use crate::publish::Origin;

#[derive(Debug, Clone)]
pub struct Caller {
    pub user: UserId,
    pub name: String,
    pub admin: bool,
    pub system: bool,
    /// What the deployment's own service of memberships says of the user and the session. None: `participantIds` decides.
    pub takes_part: Option<bool>,
    /// The connection that the request came from: its answer and its broadcast meet there.
    pub connection: Option<ConnectionId>,
    /// How often this request was handed to an authority before.
    pub delivery: u32,
    pub trace: TraceContext,
    /// Of the work on this request.
    pub span: Span,
    /// When the gateway read it, in microseconds since the Unix epoch.
    pub received_us: Option<u64>,
    /// Made when it is first asked for.
    pub command_id: OnceLock<UpdateId>,
    /// What a command of this caller is, for the audit.
    pub command: Option<CommandNote>,
    /// When the request must be answered, whatever it goes through until then.
    pub deadline: Instant,
}

impl Caller {
    pub fn from_headers(headers: &Headers, deadline: Instant) -> Result<Self, ErrorBody> {
        let identity = headers
            .identity()
            .ok_or_else(|| ErrorBody::permission("NO_IDENTITY", "the request does not say on whose behalf it is made"))?;
        Ok(Self { takes_part: headers.takes_part(), ..Self::on_behalf_of(identity, headers, deadline) })
    }

    /// The platform itself, on nobody's behalf: what the sync-worker asks.
    pub fn platform(headers: &Headers, deadline: Instant) -> Self {
        let identity = Identity { user: platform(), name: String::new(), admin: false, system: true };
        Self::on_behalf_of(identity, headers, deadline)
    }

    fn on_behalf_of(identity: Identity, headers: &Headers, deadline: Instant) -> Self {
        let Identity { user, name, admin, system } = identity;
        let trace = TraceContext::parse_or_new(headers.trace_parent());
        Self {
            user,
            name,
            admin,
            system,
            takes_part: None,
            connection: headers.connection(),
            delivery: headers.delivery(),
            trace,
            span: Span::none(trace),
            received_us: headers.received(),
            command_id: OnceLock::new(),
            command: None,
            deadline,
        }
    }

    /// The request runs in this span.
    #[must_use]
    pub fn within(self, span: &Span) -> Self {
        Self { trace: span.context(), span: span.clone(), ..self }
    }

    /// The id of the entry that a command of this caller becomes.
    pub fn command_id(&self) -> &UpdateId {
        self.command_id.get_or_init(fresh_id)
    }

    pub fn origin(&self) -> Origin {
        Origin { connection: self.connection.clone(), received_us: self.received_us }
    }

    /// Whether the caller may do what the game master may.
    pub fn leads(&self, game_master: &UserId) -> bool {
        self.admin || self.system || self.user == *game_master
    }
}

/// The author of entries that nobody asked for.
pub fn platform() -> UserId {
    "platform".parse().expect("letters are an id")
}

pub fn fresh_id() -> UpdateId {
    random_id().parse().expect("a random id is 22 characters of base64url")
}
