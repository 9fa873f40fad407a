//! The table of REST: every operation with its handler and with what the OpenAPI document says of it.

use std::sync::Arc;

use axum::{
    extract::DefaultBodyLimit,
    routing::{MethodRouter, delete, get, post},
};

use super::{campaigns, commands, sessions};
use crate::service::Gateway;

pub(super) struct Operation {
    pub(super) id: &'static str,
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) handler: MethodRouter<Arc<Gateway>>,
    pub(super) summary: &'static str,
    /// Who may.
    pub(super) role: &'static str,
    pub(super) query: &'static [Param],
    /// The schema of the request's body, and an example of one.
    pub(super) body: Option<(&'static str, &'static str)>,
    pub(super) status: u16,
    pub(super) answer: &'static str,
}

/// A name, the JSON of its schema, and what it is for.
pub(super) type Param = (&'static str, &'static str, &'static str);

const ADMIN: &str = "Admins";
const GM: &str = "The game master, admins";
const ALL: &str = "Everyone in the session, admins";

const LIMIT: Param = ("limit", r#"{"type":"integer","minimum":1,"maximum":100,"default":100}"#, "Elements of the page.");
const AFTER: Param = ("after", r#"{"type":"string"}"#, "Where the page before ended: its `next`.");
const REASON: Param = ("reason", r#"{"type":"string"}"#, "Why, for the audit.");
const FORCE: Param = ("force", r#"{"type":"boolean","default":false}"#, "Admins only: although the session is not ready for it.");

const PAGE: &[Param] = &[AFTER, LIMIT];
const SESSIONS: &[Param] = &[
    ("campaignId", r##"{"$ref":"#/components/schemas/CampaignId"}"##, "Sessions of this campaign alone."),
    ("status", r##"{"$ref":"#/components/schemas/SessionStatus"}"##, "Sessions of this status alone."),
    AFTER,
    LIMIT,
];
const HISTORY: &[Param] = &[
    ("since", r##"{"$ref":"#/components/schemas/Version"}"##, "Entries above this version."),
    ("withPrevious", r#"{"type":"boolean","default":false}"#, "What each operation replaced: for the game master and admins."),
    LIMIT,
];
const WITH_STATE: &[Param] = &[("state", r#"{"type":"boolean","default":false}"#, "Whether the state comes too, as `gameState`.")];
const AT: &[Param] = &[("at", r##"{"$ref":"#/components/schemas/Version"}"##, "The state as it was at this version.")];
const DELETE: &[Param] = &[REASON, FORCE];
const WHY: &[Param] = &[REASON];

impl Operation {
    fn new(id: &'static str, method: &'static str, path: &'static str, handler: MethodRouter<Arc<Gateway>>) -> Self {
        Self { id, method, path, handler, summary: "", role: ALL, query: &[], body: None, status: 200, answer: "Commanded" }
    }

    fn get(id: &'static str, path: &'static str, handler: MethodRouter<Arc<Gateway>>) -> Self {
        Self::new(id, "get", path, handler)
    }

    fn post(id: &'static str, path: &'static str, handler: MethodRouter<Arc<Gateway>>) -> Self {
        Self::new(id, "post", path, handler)
    }

    fn role(self, role: &'static str) -> Self {
        Self { role, ..self }
    }

    fn does(self, summary: &'static str) -> Self {
        Self { summary, ..self }
    }

    fn query(self, query: &'static [Param]) -> Self {
        Self { query, ..self }
    }

    fn body(self, schema: &'static str, example: &'static str) -> Self {
        Self { body: Some((schema, example)), ..self }
    }

    fn answers(self, status: u16, answer: &'static str) -> Self {
        Self { status, answer, ..self }
    }
}

#[rustfmt::skip]
pub(super) fn operations(import_bytes: usize) -> Vec<Operation> {
    let why = r#"{"reason":"asked by the table"}"#;
    vec![
        Operation::post("createCampaign", "/campaigns", post(campaigns::create)).role(ADMIN).does("Creates a campaign.")
            .body("NewCampaign", r#"{"name":"The Drowned Bell","gameMasterId":"gm"}"#).answers(201, "Campaign"),
        Operation::get("readCampaign", "/campaigns/{id}", get(campaigns::read)).role(GM).does("A campaign, and how many documents it has.").answers(200, "Campaign"),
        Operation::post("importDocuments", "/campaigns/{id}/import", post(campaigns::import_documents).layer(DefaultBodyLimit::max(import_bytes))).role(ADMIN)
            .does("Inserts or replaces documents of a campaign. What fits into one message of NATS (`max_payload`, 1 MiB) is stored whole or not at all; more is stored in parts, in the order of the request. Where a later part fails, `details.stored` says how many documents are stored, and the same request may be sent again.")
            .body("CampaignImport", r#"{"characters":[{"id":"aria","name":"Aria"}],"items":[{"id":"rope","name":"Rope"}]}"#).answers(200, "Campaign"),
        Operation::get("listDocuments", "/campaigns/{id}/documents/{kind}", get(campaigns::documents)).role(GM).query(PAGE)
            .does("Documents of one kind, in the order of their ids.").answers(200, "DocumentPage"),

        Operation::post("createSession", "/sessions", post(sessions::create)).role("The campaign's game master, admins")
            .does("Opens a session of a campaign. A campaign has one open session at most.")
            .body("NewSession", r#"{"campaignId":"c1","name":"Evening one","participantIds":["p1"],"participantNames":{"p1":"Ada"},"reason":"the first evening"}"#).answers(201, "SessionSummary"),
        Operation::get("listSessions", "/sessions", get(sessions::list)).role("Everyone: their own sessions; admins: all").query(SESSIONS)
            .does("Sessions that the caller leads or takes part in, the newest first, as far as they are written to the database.").answers(200, "SessionPage"),
        Operation::get("readSession", "/sessions/{id}", get(sessions::read)).query(WITH_STATE).does("A session.").answers(200, "SessionSummary"),
        Operation::new("deleteSession", "delete", "/sessions/{id}", delete(commands::delete)).role(GM).query(DELETE).does("Deletes a session that has ended or was never started."),
        Operation::get("readState", "/sessions/{id}/state", get(sessions::state)).query(AT)
            .does("The state, with an ETag: a request whose If-None-Match names it is answered 304.").answers(200, "FullState"),
        Operation::get("readHistory", "/sessions/{id}/history", get(sessions::history)).query(HISTORY).does("Entries of the session's history since a version.").answers(200, "History"),

        Operation::post("addParticipants", "/sessions/{id}/participants", post(commands::add_participants)).role(GM).does("Lets users take part.")
            .body("Participants", r#"{"participants":["p2"]}"#),
        Operation::new("removeParticipant", "delete", "/sessions/{id}/participants/{user}", delete(commands::remove_participant)).role(GM).query(WHY)
            .does("Takes a user out. Connections of the user get nothing more within five seconds."),
        Operation::post("handOver", "/sessions/{id}/hand-over", post(commands::hand_over)).role(GM).does("Makes another user the game master.").body("HandOver", r#"{"gameMasterId":"p1"}"#),
        Operation::post("startSession", "/sessions/{id}/start", post(commands::start)).role(GM).does("Starts a scheduled session.").body("Why", why),
        Operation::post("pauseSession", "/sessions/{id}/pause", post(commands::pause)).role(GM).does("Pauses: no updates until it is resumed.").body("Why", why),
        Operation::post("resumeSession", "/sessions/{id}/resume", post(commands::resume)).role(GM).does("Resumes a paused session, or one that is ending.").body("Why", why),
        Operation::post("endSession", "/sessions/{id}/end", post(commands::end)).role(GM)
            .does("Ends: the campaign's documents are written, then the status is `ended`. Answered with `ending` where that takes long; asked again it is tried again.").body("WhyAndForce", why),
        Operation::post("addDocument", "/sessions/{id}/documents", post(commands::add_document)).role(GM)
            .does("A document of the campaign joins the state as a normal update. One that is there already stays as it is.").body("AddDocument", r#"{"kind":"characters","id":"aria","reason":"her player comes later"}"#),
        Operation::post("undo", "/sessions/{id}/undo", post(commands::undo)).role(GM).does("Goes back to the state at a version, by a normal update.").body("Undo", r#"{"version":"0"}"#),
        Operation::post("sync", "/sessions/{id}/sync", post(commands::sync)).role(GM)
            .does("Has the campaign's documents written now. `session.sync` of the answer says what they show, and why not more. With `dryRun` nothing is written: `report` says of each document what would become of it, and what stands in the way.")
            .body("SyncOptions", r#"{"dryRun":true,"reason":"before the break"}"#),
        Operation::post("verify", "/sessions/{id}/verify", post(commands::verify)).role(GM).does("Recomputes every hash of what is stored. A fault freezes the session.").body("Why", why),
        Operation::post("diff", "/sessions/{id}/diff", post(commands::diff)).does("Where a client's state differs from the session's.")
            .body("TheirState", r#"{"state":{"characters":[],"actors":[],"items":[],"currentEncounter":null,"pluginData":{}},"reason":"my page looks wrong"}"#),

        Operation::post("setMode", "/sessions/{id}/mode", post(commands::mode)).role(ADMIN).does("How the session is kept.").body("ModeChange", r#"{"direct":true}"#),
        Operation::post("rehash", "/sessions/{id}/rehash", post(commands::rehash)).role(ADMIN).does("Repair: takes the stored state for right.").body("Why", why),
        Operation::post("reinitialise", "/sessions/{id}/reinitialise", post(commands::reinitialise)).role(ADMIN).does("Repair: begins again with the campaign's documents.").body("Why", why),
        Operation::post("restore", "/sessions/{id}/restore", post(commands::restore)).role(ADMIN).does("Repair: goes back to a backup, or to the state at a version.").body("Restore", r#"{"version":"0"}"#),
        Operation::post("newEpoch", "/sessions/{id}/new-epoch", post(commands::new_epoch)).role(ADMIN).does("The same state in a new epoch, after the database was restored.").body("Why", why),
    ]
}
