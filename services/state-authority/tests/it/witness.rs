//! Who watches a session while something breaks, and brings what was sent, answered, published and stored before the one judge.

use std::time::Duration;

use protocol::{ErrorBody, Outcome as Said, update::UpdateAccepted};
use serde_json::{Value, json};
use testkit::{
    History, eventually,
    game_master::{Outcome, Sent},
    history::{self, Backing, Bound, Evidence, Published, Reader, seat_at_stream},
    nats,
    platform::Stored,
};

use crate::support::{Instance, PATIENCE, World};

/// Whether the stream has all that was ever on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Whole,
    /// It lost its past on the way.
    Lost,
}

pub(crate) struct Witness {
    /// The answer of the state at the beginning.
    first: Value,
    mongods: Vec<u16>,
    reader: Reader,
    sent: Vec<Sent>,
    bounds: Vec<Bound>,
}

impl Witness {
    /// Of a session that is at version 0 still.
    pub(crate) async fn of(world: &World) -> Self {
        Self::among(world, vec![world.mongo_port]).await
    }

    /// MongoDB is whichever of these mongods is primary.
    pub(crate) async fn among(world: &World, mongods: Vec<u16>) -> Self {
        let first = world.full_state(json!({})).await.unwrap();
        assert_eq!(first["gameStateVersion"], json!("0"), "the witness comes too late");
        let reader = Reader::start(mongods.clone(), world.database.clone(), world.session.to_string());
        Self { first, mongods, reader, sent: Vec::new(), bounds: Vec::new() }
    }

    /// Sends an update of hit points, and notes what is answered.
    pub(crate) async fn hit(&mut self, world: &World, id: &str, base: u64, points: i64) -> Result<UpdateAccepted, ErrorBody> {
        let begun = std::time::Instant::now();
        let answer = world.hit(id, base, points).await;
        self.note(id, base, &answer, begun.elapsed());
        answer
    }

    /// As [`Witness::hit`], at one instance.
    pub(crate) async fn hit_at(
        &mut self,
        world: &World,
        instance: &Instance,
        id: &str,
        base: u64,
        points: i64,
    ) -> Result<UpdateAccepted, ErrorBody> {
        let begun = std::time::Instant::now();
        let answer = world.update_at(instance, id, base, points).await;
        self.note(id, base, &answer, begun.elapsed());
        answer
    }

    /// As [`Witness::hit`], again and again until it is accepted.
    pub(crate) async fn hit_until_accepted(&mut self, world: &World, id: &str, base: u64, points: i64) -> UpdateAccepted {
        let begun = std::time::Instant::now();
        let accepted =
            eventually("the update to be accepted", PATIENCE * 2, async || world.hit(id, base, points).await.ok()).await.unwrap();
        self.note(id, base, &Ok(accepted.clone()), begun.elapsed());
        accepted
    }

    /// What an update was answered. A later delivery of one id stands for all of them.
    pub(crate) fn note(&mut self, id: &str, base: u64, answer: &Result<UpdateAccepted, ErrorBody>, took: Duration) {
        let outcome = match answer {
            Ok(accepted) => Outcome::Accepted { version: accepted.new_version.get(), hash: accepted.new_hash.map(|hash| hash.to_string()) },
            Err(refusal) if refusal.outcome == Some(Said::Unknown) => Outcome::Unknown,
            Err(refusal) => Outcome::Refused(serde_json::to_value(refusal).unwrap()),
        };
        let tries = self.sent.iter().find(|sent| sent.id == id).map_or(1, |sent| sent.tries + 1);
        self.sent.retain(|sent| sent.id != id);
        self.sent.push(Sent { id: id.to_owned(), base, operations: Value::Null, outcome, tries, took });
    }

    pub(crate) fn bound(&mut self, what: &str, seen: f64, limit: f64) {
        self.bounds.push(Bound { what: what.to_owned(), seen, limit });
    }

    /// Waits until document and stream have all `versions`, then judges.
    pub(crate) async fn judge(self, world: &World, versions: u64, stream: Stream) {
        let session = world.session.as_str();
        let stored = eventually("the document to be up to date", PATIENCE, async || {
            let stored = Stored::read(&mut history::primary(&self.mongods).await.ok()?, &world.database, session).await.ok()?;
            (stored.document["gameStateVersion"] == json!(versions.to_string())).then_some(stored)
        })
        .await
        .unwrap();
        assert_eq!(stored.journal.len() as u64, versions, "as many entries as versions");
        let name = world.bus.subjects().resource(protocol::subject::STREAM_UPDATES);
        let subject = world.bus.subjects().session_updated(&world.session);
        let address = world.nats.servers[0].trim_start_matches("nats://");
        let messages = eventually("the stream to have the last version", PATIENCE, async || {
            let messages = nats::wire::Connection::open(address).await.ok()?.stored(&name, &subject).await.ok()?;
            let has = |wanted: u64| Published::of(&messages, false).messages.iter().any(|(version, _)| *version == wanted);
            (versions == 0 || has(versions)).then_some(messages)
        })
        .await
        .unwrap();
        let last = json!({
            "success": true, "sessionId": session, "epoch": stored.document["epoch"], "gameState": stored.document["gameState"],
            "gameStateVersion": stored.document["gameStateVersion"], "gameStateHash": stored.document["gameStateHash"],
        });
        let last = (stream == Stream::Lost).then_some(&last);
        let seats = vec![seat_at_stream(session, &self.first, &messages, last).unwrap()];
        // A look at the end of what it reads: it has seen the last version, or it was not looking.
        let documents = eventually("the reader to see the last version", PATIENCE, async || {
            let seen = self.reader.seen();
            seen.last().is_some_and(|document| document.version == versions).then_some(seen)
        })
        .await
        .unwrap();
        let backing = Backing::read(&mut history::primary(&self.mongods).await.unwrap(), &world.database).await.unwrap();
        let evidence = Evidence {
            published: Some(Published::of(&messages, stream == Stream::Whole)),
            reads: Vec::new(),
            documents,
            backing: Some(backing),
            bounds: self.bounds,
        };
        let first_state = self.first["gameState"].clone();
        History { first_state, game_master: "gm".to_owned(), sent: self.sent, seats, stored, evidence }.assert_holds();
    }
}
