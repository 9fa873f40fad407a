//! The messages between the services, by subject.

use super::{book::Book, messages::Nothing};
use crate::{
    campaign::{Campaign, CampaignCommand, CampaignImport},
    command::{Command, Reported},
    event::{RelayedEvent, workflow::WorkflowRequest},
    heads::{Heads, HeadsRequest},
    history::{History, HistoryRequest},
    presence::{GatewayAlive, InstanceAlive, UserPresent},
    rest::{ListSessions, SessionPage},
    state::StateRequest,
    sync::{Preview, PreviewRequest, SnapshotDone, SnapshotRequest, SyncRequested, Synced},
    update::{StateUpdate, StateUpdateBroadcast, UpdateAccepted},
};

pub(super) struct Subject {
    /// With its parameters in braces.
    pub(super) address: &'static str,
    pub(super) from: &'static str,
    pub(super) to: &'static str,
    pub(super) summary: &'static str,
    pub(super) payload: String,
    pub(super) reply: Option<String>,
}

pub(super) fn all(book: &mut Book) -> Vec<Subject> {
    let mut all = Vec::new();
    let mut add = |address, from, to, summary, payload, reply| all.push(Subject { address, from, to, summary, payload, reply });
    let update = book.reads::<StateUpdate<'_>>();
    let accepted = Some(book.replies::<UpdateAccepted>());
    add(
        "session.{sessionId}.update",
        "gateway",
        "state-authority",
        "An update as the client wrote it; who sent it stands in the header `Stateward`, as `user=u1;user-name=Mira;connection=c1;`. Queue group `state-authority`. With `answer=broadcast` there its broadcast may stand for the reply of a success.",
        update.clone(),
        accepted.clone(),
    );
    add(
        "authority.{instance}.update",
        "gateway",
        "state-authority",
        "The same, to the instance that has the session in its cache. Where the answer takes long, a receipt comes first, told by `receipt=1` in its header `Stateward`.",
        update,
        accepted,
    );
    add(
        "session.{sessionId}.updated",
        "state-authority",
        "gateway",
        "A committed entry of the journal. Kept in the stream `SESSION_UPDATES`; its header `Stateward` carries the hash that it follows, the digest of its operations, and which connection sent it when: `hash-before`, `digest`, `connection`, `received`.",
        book.writes::<StateUpdateBroadcast<'_>>(),
        None,
    );
    let state = book.replies::<super::messages::StateAnswer>();
    add(
        "session.{sessionId}.state",
        "gateway",
        "state-authority",
        "The full state, or that the caller has it. The reply comes in parts where it is large.",
        book.reads::<StateRequest>(),
        Some(state),
    );
    add(
        "session.{sessionId}.history",
        "gateway",
        "state-authority",
        "Entries of the journal since a version.",
        book.reads::<HistoryRequest>(),
        Some(book.replies::<History>()),
    );
    add(
        "session.{sessionId}.command",
        "gateway",
        "state-authority",
        "Everything that changes a session other than an update.",
        book.reads::<Command>(),
        Some(book.replies::<Reported>()),
    );
    add(
        "sessions.heads",
        "gateway",
        "state-authority",
        "Which of many sessions have moved on.",
        book.reads::<HeadsRequest>(),
        Some(book.replies::<Heads>()),
    );
    add(
        "sessions.list",
        "gateway",
        "state-authority",
        "The sessions that the caller may see, a page at a time.",
        book.reads::<ListSessions>(),
        Some(book.replies::<SessionPage>()),
    );
    add(
        "campaign.{campaignId}.command",
        "gateway",
        "state-authority",
        "Campaigns.",
        book.reads::<CampaignCommand>(),
        Some(book.replies::<Campaign>()),
    );
    add(
        "campaign.{campaignId}.import",
        "gateway",
        "state-authority",
        "Documents of a campaign, inserted or replaced in one transaction.",
        book.reads::<CampaignImport<'_>>(),
        Some(book.replies::<Campaign>()),
    );
    let relayed = book.writes::<RelayedEvent<'_>>();
    add(
        "session.{sessionId}.event",
        "gateway, state-authority",
        "gateway",
        "An event for the connections of a session. Chat and public rolls are kept in the stream `SESSION_EVENTS`.",
        relayed.clone(),
        None,
    );
    add("user.{userId}.event", "gateway", "gateway", "An event for the connections of one user.", relayed, None);
    add(
        "workflow.{userId}.request",
        "gateway",
        "workers",
        "A request of a user to whichever worker listens. Any answer says that it is taken.",
        book.writes::<WorkflowRequest<'_>>(),
        Some(book.replies::<Nothing>()),
    );
    add(
        "session.{sessionId}.sync",
        "state-authority, gateway",
        "sync-worker",
        "Marks work, in the work queue `SESSION_SYNC`.",
        book.writes::<SyncRequested>(),
        None,
    );
    add(
        "session.{sessionId}.synced",
        "sync-worker",
        "state-authority",
        "The backing documents hold the state of a version.",
        book.reads::<Synced>(),
        Some(book.replies::<Reported>()),
    );
    add(
        "session.{sessionId}.snapshot",
        "sync-worker",
        "state-authority",
        "Brings the session's document up to its head.",
        book.reads::<SnapshotRequest>(),
        Some(book.replies::<SnapshotDone>()),
    );
    add(
        "session.{sessionId}.preview",
        "state-authority",
        "sync-worker",
        "What a write-back of the session would do now; nothing of it is done. Queue group `sync-worker`. The reply comes in parts where it is large.",
        book.reads::<PreviewRequest>(),
        Some(book.replies::<Preview>()),
    );
    add("$KV.presence.gateway.{instance}", "gateway", "gateway, sync-worker", "A gateway is alive.", book.writes::<GatewayAlive>(), None);
    add(
        "$KV.presence.session.{sessionId}.{userId}.{instance}",
        "gateway",
        "gateway, sync-worker",
        "A user is connected to a session at a gateway.",
        book.writes::<UserPresent>(),
        None,
    );
    add(
        "$KV.instances.{instance}",
        "state-authority",
        "gateway, state-authority",
        "An authority is alive.",
        book.writes::<InstanceAlive>(),
        None,
    );
    all
}
