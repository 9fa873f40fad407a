//! What an old session becomes. Pure: the session and its campaign give a new session, or a refusal that names the field.

use std::{
    collections::{BTreeMap, HashMap},
    str::FromStr,
};

use game_state::{GameState, Limits, Object, Value, Version};
use protocol::{CampaignId, Epoch, SessionStatus};
use store::{CampaignDocument, CampaignSource, Kind, OldSession, SessionDocument, SourceEntity, SyncMark};

use crate::layout;

/// An old session in our form, with the campaign that it belongs to.
#[derive(Debug)]
pub struct Converted {
    pub document: SessionDocument,
    pub state: GameState,
    pub campaign: CampaignDocument,
}

/// Why a session cannot be converted. It is left as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub field: String,
    pub reason: String,
}

impl Refusal {
    pub fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }
}

/// The campaign that a session names.
pub fn campaign_id(session: &OldSession) -> Result<String, Refusal> {
    id::<CampaignId>(&session.fields, "campaignId").map(|id| id.to_string())
}

/// The state that a session names, if it holds none itself.
pub fn state_id(session: &OldSession) -> Option<&str> {
    if held_state(&session.fields).is_some() { None } else { text(&session.fields, "gameStateId") }
}

/// `shared`: the state that the session names by its [`state_id`]. `reset`: begin at version 0, whatever version there is.
pub fn decide(
    session: &OldSession,
    shared: Option<&Value>,
    source: &CampaignSource,
    epoch: Epoch,
    now: u64,
    reset: bool,
) -> Result<Converted, Refusal> {
    let fields = &session.fields;
    let campaign = campaign(source, fields)?;
    if let Some((entity, fault)) = source.entities.iter().find_map(|entity| Some((entity, entity.entity.as_ref().err()?))) {
        return Err(Refusal::new(format!("{} {}", entity.kind.collection(), entity.id), fault.clone()));
    }
    let kept = kept_state(fields, shared)?;
    let made = kept.is_none();
    let mut state = match kept {
        Some(state) => state,
        None => checked(state(fields, source, &campaign)?)?,
    };
    let version = if reset { Version::ZERO } else { version(fields, shared)? };
    let status = status(fields)?;
    let document = SessionDocument {
        id: session.id.parse().map_err(|error| Refusal::new("_id", format!("{error}")))?,
        name: text(fields, "name").unwrap_or(&session.id).to_owned(),
        campaign_id: campaign.id.clone(),
        game_master_id: id(fields, "gameMasterId")?,
        participant_ids: layout::ids(fields, "participantIds")?
            .into_iter()
            .map(|text| parse("participantIds", &text))
            .collect::<Result<_, _>>()?,
        names: BTreeMap::new(),
        status,
        frozen: None,
        epoch: epoch.clone(),
        epoch_version: version,
        game_state_version: version,
        game_state_hash: state.hash(),
        last_state_update: milliseconds(fields, "lastStateUpdate")
            .or(shared.and_then(|state| milliseconds(state, "lastUpdate")))
            .unwrap_or(now),
        scheduled_for: None,
        created_at: now,
        open_for: (status != SessionStatus::Ended).then(|| campaign.id.clone()),
        // The state was made of the campaign's documents; one that was kept may differ from them.
        sync: made.then_some(SyncMark { epoch, version, at: now, error: None }),
        audit: Vec::new(),
    };
    Ok(Converted { document, state, campaign })
}

fn campaign(source: &CampaignSource, session: &Value) -> Result<CampaignDocument, Refusal> {
    let Some(fields) = &source.fields else {
        return Err(Refusal::new("campaignId", format!("there is no campaign {}", source.id)));
    };
    let game_master_id = if fields.get("gameMasterId").is_some() { id(fields, "gameMasterId")? } else { id(session, "gameMasterId")? };
    Ok(CampaignDocument {
        id: parse("campaignId", &source.id)?,
        name: text(fields, "name").unwrap_or(&source.id).to_owned(),
        game_master_id,
        plugin_data: fields
            .get("pluginData")
            .filter(|data| data.as_object().is_some())
            .cloned()
            .unwrap_or(Value::Object(Object::default())),
    })
}

/// A state that the session holds or names already, in our form.
pub fn kept_state(session: &Value, shared: Option<&Value>) -> Result<Option<GameState>, Refusal> {
    let (state, field) = match (held_state(session), shared) {
        (Some(held), _) => (held, "gameState"),
        (None, Some(shared)) => {
            let state = ["state", "gameState"].iter().find_map(|key| shared.get(key)).filter(|state| state.as_object().is_some());
            (state.ok_or_else(|| Refusal::new("gameStateId", "names a document without a state"))?, "gameStateId")
        }
        (None, None) => return Ok(None),
    };
    checked(layout::state(state, field)?).map(Some)
}

fn held_state(session: &Value) -> Option<&Value> {
    session.get("gameState").filter(|state| state.as_object().is_some())
}

fn checked(state: Value) -> Result<GameState, Refusal> {
    GameState::from_value(state, &Limits::default()).map_err(|rejection| Refusal::new("gameState", rejection.to_string()))
}

/// The version that there is already, of the session or of the state that it names; else 0.
fn version(session: &Value, shared: Option<&Value>) -> Result<Version, Refusal> {
    let shared = shared.and_then(|state| text(state, "version").or(text(state, "gameStateVersion")));
    match text(session, "gameStateVersion").or(shared) {
        None => Ok(Version::ZERO),
        Some(text) => parse("gameStateVersion", text),
    }
}

/// The state of what the session and its campaign name.
fn state(session: &Value, source: &CampaignSource, campaign: &CampaignDocument) -> Result<Value, Refusal> {
    let known: HashMap<_, _> = source.entities.iter().map(|entity| ((entity.kind, entity.id.as_str()), entity)).collect();
    let named = |kind: Kind, field: &str, id: &str| {
        let found = known.get(&(kind, id)).and_then(|entity| entity.value());
        found.cloned().ok_or_else(|| Refusal::new(field, format!("the campaign has no {kind} {id}")))
    };
    let all = |kind: Kind| source.entities.iter().filter(|entity| entity.kind == kind).filter_map(SourceEntity::value).cloned().collect();
    let characters = if session.get("characterIds").is_some() {
        let mut ids = layout::ids(session, "characterIds")?;
        ids.sort_unstable();
        ids.dedup();
        ids.iter().map(|id| named(Kind::Character, "characterIds", id)).collect::<Result<_, _>>()?
    } else {
        all(Kind::Character)
    };
    let encounter = match encounter_id(session)? {
        None => Value::Null,
        Some(id) => {
            let encounter = named(Kind::Encounter, "currentEncounterId", id)?;
            // A state has the encounter that is played, and no history.
            if is_over(&encounter) { Value::Null } else { encounter }
        }
    };
    let members = vec![
        ("characters".to_owned(), Value::Array(characters)),
        ("actors".to_owned(), Value::Array(all(Kind::Actor))),
        ("items".to_owned(), Value::Array(all(Kind::Item))),
        ("currentEncounter".to_owned(), encounter),
        ("pluginData".to_owned(), campaign.plugin_data.clone()),
    ];
    Object::from_entries(members).map(Value::Object).map_err(|rejection| Refusal::new("gameState", rejection.to_string()))
}

pub fn encounter_id(session: &Value) -> Result<Option<&str>, Refusal> {
    let id = session.get("currentEncounterId").filter(|id| !id.is_null());
    id.map(|id| id.as_str().ok_or_else(|| Refusal::new("currentEncounterId", "is not an id"))).transpose()
}

/// An encounter that is over has no place in a state.
pub fn is_over(encounter: &Value) -> bool {
    matches!(text(encounter, "status"), Some("ended" | "completed" | "finished" | "stopped"))
}

fn status(session: &Value) -> Result<SessionStatus, Refusal> {
    match text(session, "status") {
        Some("scheduled" | "planned") => Ok(SessionStatus::Scheduled),
        Some("active") => Ok(SessionStatus::Active),
        Some("paused") => Ok(SessionStatus::Paused),
        Some("ended" | "completed" | "finished" | "cancelled") => Ok(SessionStatus::Ended),
        Some(other) => Err(Refusal::new("status", format!("{other:?} is no status that is known here"))),
        None => Err(Refusal::new("status", "is missing")),
    }
}

fn id<T: FromStr<Err: std::fmt::Display>>(fields: &Value, field: &str) -> Result<T, Refusal> {
    parse(field, text(fields, field).ok_or_else(|| Refusal::new(field, "is missing or no id"))?)
}

fn parse<T: FromStr<Err: std::fmt::Display>>(field: &str, text: &str) -> Result<T, Refusal> {
    text.parse().map_err(|error| Refusal::new(field, format!("{error}")))
}

fn text<'a>(fields: &'a Value, field: &str) -> Option<&'a str> {
    fields.get(field).and_then(Value::as_str)
}

fn milliseconds(fields: &Value, field: &str) -> Option<u64> {
    let number = fields.get(field).and_then(Value::as_f64)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be a time of this age")]
    (0.0..1e15).contains(&number).then_some(number as u64)
}
