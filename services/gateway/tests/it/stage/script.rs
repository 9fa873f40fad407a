//! The scripted authority: one session, whose updates the test takes one by one.

use std::sync::{
    Arc, Mutex, MutexGuard,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use bus::{Bus, Headers, Request};
use game_state::{GameState, Limits, Operations, StateHash, Version};
use protocol::{
    Ack, Epoch, ErrorBody, SessionStatus, UserId, headers as name,
    history::HistoryEntry,
    update::{EntryKind, StateUpdateBroadcast, UpdateAccepted, UpdateSource},
};
use serde::Serialize;
use serde_json::{Value, value::RawValue};
use service_kit::Lifecycle;
use tokio::sync::{Mutex as AsyncMutex, mpsc, watch};

use super::{GM, SESSION, SOON};

mod history;
mod preferred;
mod serve;

pub(crate) struct Script {
    bus: Bus,
    tasks: Lifecycle,
    session: Mutex<Session>,
    participants: Mutex<Vec<UserId>>,
    game_master: Mutex<UserId>,
    updates: AsyncMutex<mpsc::UnboundedReceiver<Request>>,
    /// Full states answered.
    pub(crate) state_reads: AtomicUsize,
    state_gate: watch::Sender<bool>,
    pub(crate) history_reads: AtomicUsize,
    time: AtomicU64,
}

struct Session {
    epoch: Epoch,
    state: GameState,
    version: Version,
    hash: StateHash,
    status: SessionStatus,
    entries: Vec<Committed>,
}

/// An entry of the session's history.
#[derive(Clone)]
pub(crate) struct Committed {
    entry: HistoryEntry,
}

/// An update that has reached the authority and waits for what the test makes of it.
pub(crate) struct Wanted {
    request: Request,
    pub(crate) id: String,
    operations: Operations,
    pub(crate) author: String,
    pub(crate) payload: Value,
}

impl Script {
    pub(crate) async fn start(bus: Bus) -> Arc<Self> {
        let (taken, updates) = mpsc::unbounded_channel();
        let mut state = GameState::empty();
        let hash = state.hash();
        let session =
            Session { epoch: "e1".into(), state, version: Version::ZERO, hash, status: SessionStatus::Active, entries: Vec::new() };
        let script = Arc::new(Self {
            bus: bus.clone(),
            tasks: Lifecycle::new(),
            session: Mutex::new(session),
            participants: Mutex::new(players()),
            game_master: Mutex::new(GM.parse().unwrap()),
            updates: AsyncMutex::new(updates),
            state_reads: AtomicUsize::new(0),
            state_gate: watch::Sender::new(true),
            history_reads: AtomicUsize::new(0),
            time: AtomicU64::new(testkit::tokens::now_seconds() * 1000),
        });
        for noun in ["update", "command", "state", "history"] {
            let mut requests = bus.serve(bus.subjects().every_session(noun), Some("state-authority")).await.unwrap();
            let (script, taken) = (Arc::clone(&script), taken.clone());
            script.clone().tasks.spawn_brief("script", async move {
                while let Some(request) = requests.next().await {
                    let script = Arc::clone(&script);
                    match noun {
                        "update" => drop(taken.send(request)),
                        "command" => script.command(request).await,
                        "state" => script.clone().tasks.spawn_brief("state", async move { script.state(request).await }),
                        _ => script.history(request).await,
                    }
                }
            });
        }
        let mut requests = bus.serve(bus.subjects().heads(), Some("state-authority")).await.unwrap();
        let answering = Arc::clone(&script);
        script.tasks.spawn_brief("heads", async move {
            while let Some(request) = requests.next().await {
                answering.heads(request).await;
            }
        });
        script
    }

    fn participants(&self) -> MutexGuard<'_, Vec<UserId>> {
        self.participants.lock().unwrap()
    }

    fn takes_part(&self, user: &UserId) -> bool {
        *user == self.game_master() || self.participants().contains(user)
    }

    fn game_master(&self) -> UserId {
        self.game_master.lock().unwrap().clone()
    }

    /// Takes a player out of the session.
    pub(crate) fn remove_participant(&self, user: &str) {
        self.participants().retain(|other| other.as_str() != user);
    }

    /// What else a test wants to publish or hear.
    pub(crate) fn bus(&self) -> &Bus {
        &self.bus
    }

    fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap()
    }

    /// Answers every update as a real authority would, until the test ends: commit, reply, publish.
    pub(crate) fn answer_all(self: &Arc<Self>) {
        let script = Arc::clone(self);
        self.tasks.spawn_brief("answer-all", async move {
            while let Some(wanted) = script.taken().await {
                match script.commit(&wanted) {
                    Ok(committed) => {
                        script.accept(wanted, &committed).await;
                        script.publish(&committed).await;
                    }
                    Err(error) => wanted.refuse(error).await,
                }
            }
        });
    }

    /// The next update, or the test has failed.
    pub(crate) async fn update(&self) -> Wanted {
        tokio::time::timeout(SOON, self.taken()).await.ok().flatten().expect("an update reaches the authority")
    }

    async fn taken(&self) -> Option<Wanted> {
        self.updates.lock().await.recv().await.map(Wanted::from)
    }

    /// Whether no update reaches the authority for a while.
    pub(crate) async fn is_quiet(&self) -> bool {
        tokio::time::timeout(std::time::Duration::from_millis(150), self.taken()).await.is_err()
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of an entry")]
    fn append(
        &self,
        session: &mut Session,
        kind: EntryKind,
        id: &str,
        author: &str,
        digest: String,
        operations: Box<RawValue>,
        hash: StateHash,
    ) -> Committed {
        let entry = HistoryEntry {
            version: session.version.next(),
            epoch: session.epoch.clone(),
            kind,
            status: (kind != EntryKind::Update).then_some(session.status),
            update_id: id.parse().unwrap(),
            digest,
            operations,
            hash_before: Some(session.hash),
            hash_after: Some(hash),
            author: author.parse().unwrap(),
            source: UpdateSource::Gm,
            at: self.time.fetch_add(1, Ordering::Relaxed),
            game_master_id: None,
            previous: None,
            action: None,
            reason: None,
        };
        session.version = entry.version;
        session.hash = hash;
        let committed = Committed { entry };
        session.entries.push(committed.clone());
        committed
    }

    pub(crate) fn version(&self) -> u64 {
        self.session().version.get()
    }

    pub(crate) fn hash(&self) -> String {
        self.session().hash.to_string()
    }

    /// On the subject and into the stream, as the authority does.
    pub(crate) async fn publish(&self, committed: &Committed) {
        let Message { subject, headers, payload } = self.message(committed);
        let id = format!("{}:{}", committed.entry.epoch, committed.entry.version);
        self.bus.publish_stream(subject, &id, headers, payload).await.unwrap();
    }

    /// Once more, or out of its turn, to whoever listens: the stream does not order or repeat messages of itself.
    pub(crate) async fn publish_again(&self, committed: &Committed) {
        let Message { subject, headers, payload } = self.message(committed);
        self.bus.publish(subject, headers, payload).await.unwrap();
    }

    /// Holds back full states, which are read all the same, until the gate is opened.
    pub(crate) fn close_state_gate(&self) -> Gate<'_> {
        self.state_gate.send_replace(false);
        Gate(self)
    }

    pub(crate) async fn commit_and_publish_others(&self, count: usize) {
        for _ in 0..count {
            let committed = self.commit_other();
            self.publish(&committed).await;
        }
    }

    fn message(&self, committed: &Committed) -> Message {
        let entry = &committed.entry;
        let broadcast = StateUpdateBroadcast {
            session_id: SESSION.parse().unwrap(),
            operations: &entry.operations,
            new_version: entry.version,
            expected_hash: entry.hash_after,
            epoch: entry.epoch.clone(),
            timestamp: entry.at,
            source: entry.source,
            update_id: entry.update_id.clone(),
            kind: entry.kind,
            status: entry.status,
            by: (entry.kind != EntryKind::Update).then(|| entry.author.clone()),
            game_master_id: entry.game_master_id.clone(),
        };
        let mut headers = Headers::new().with(name::DIGEST, &entry.digest);
        headers.set_hash_before(&entry.hash_before.unwrap());
        Message {
            subject: self.bus.subjects().session_updated(&SESSION.parse().unwrap()),
            headers,
            payload: serde_json::to_vec(&broadcast).unwrap(),
        }
    }

    pub(crate) async fn accept(&self, wanted: Wanted, committed: &Committed) {
        let entry = &committed.entry;
        let accepted = UpdateAccepted {
            new_version: entry.version,
            new_hash: entry.hash_after,
            epoch: entry.epoch.clone(),
            timestamp: entry.at,
            trace_id: None,
        };
        wanted.request.reply(Headers::new(), to_json(&Ack::Ok(accepted))).await.unwrap();
    }
}

/// Full states are held back.
pub(crate) struct Gate<'a>(&'a Script);

impl Gate<'_> {
    pub(crate) fn open(self) {
        self.0.state_gate.send_replace(true);
    }
}

struct Message {
    subject: String,
    headers: Headers,
    payload: Vec<u8>,
}

impl Committed {
    pub(crate) fn version(&self) -> u64 {
        self.entry.version.get()
    }
}

impl From<Request> for Wanted {
    fn from(request: Request) -> Self {
        let payload: Value = serde_json::from_slice(&request.message.payload).unwrap();
        Self {
            id: payload["id"].as_str().unwrap().to_owned(),
            operations: Operations::parse(&payload["operations"].to_string(), &Limits::default()).unwrap(),
            author: request.message.headers.identity().unwrap().user.to_string(),
            payload,
            request,
        }
    }
}

impl Wanted {
    /// Which delivery of it this says it is: 1 where another instance may have it too.
    pub(crate) fn delivery(&self) -> u32 {
        self.request.message.headers.delivery()
    }

    pub(crate) async fn refuse(self, error: ErrorBody) {
        self.request.reply(Headers::new(), to_json(&Ack::<()>::Refused(error))).await.unwrap();
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.tasks.stop();
    }
}

fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}

/// Those who may join beside the game master.
fn players() -> Vec<UserId> {
    let numbered = (0..100).map(|number| format!("p{number}"));
    numbered.chain(["mark", "mark2", "probe"].map(str::to_owned)).map(|player| player.parse().unwrap()).collect()
}
