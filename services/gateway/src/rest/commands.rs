//! What changes a session, or looks into it, by command. Each handler is one command; the authority judges who may.

use std::sync::Arc;

use axum::{Json, extract::State};
use protocol::{
    Command, SessionId, UserId,
    command::Commanded,
    rest::{AddDocument, HandOver, ModeChange, Participants, Restore, SyncOptions, TheirState, Undo, Why, WhyAndForce},
};

use super::{
    Problem, Who,
    who::{Body, Id, Ids, Params},
};
use crate::service::Gateway;

type Shared = State<Arc<Gateway>>;
type Session = Id<SessionId>;
type Answer = Result<Json<Commanded>, Problem>;

pub(super) async fn add_participants(
    gateway: Shared,
    who: Who,
    id: Session,
    Body(Participants { participants, reason }): Body<Participants>,
) -> Answer {
    command(&gateway, who, &id.0, Command::AddParticipants { participants, reason }).await
}

/// The reason stands in the query, as with every DELETE.
pub(super) async fn remove_participant(
    gateway: Shared,
    who: Who,
    Ids(id, user): Ids<SessionId, UserId>,
    Params(Why { reason }): Params<Why>,
) -> Answer {
    command(&gateway, who, &id, Command::RemoveParticipants { participants: vec![user], reason }).await
}

pub(super) async fn hand_over(gateway: Shared, who: Who, id: Session, Body(HandOver { game_master_id, reason }): Body<HandOver>) -> Answer {
    command(&gateway, who, &id.0, Command::HandOver { game_master_id, reason }).await
}

pub(super) async fn start(gateway: Shared, who: Who, id: Session, Body(Why { reason }): Body<Why>) -> Answer {
    command(&gateway, who, &id.0, Command::Start { reason }).await
}

pub(super) async fn pause(gateway: Shared, who: Who, id: Session, Body(Why { reason }): Body<Why>) -> Answer {
    command(&gateway, who, &id.0, Command::Pause { reason }).await
}

pub(super) async fn resume(gateway: Shared, who: Who, id: Session, Body(Why { reason }): Body<Why>) -> Answer {
    command(&gateway, who, &id.0, Command::Resume { reason }).await
}

pub(super) async fn end(gateway: Shared, who: Who, id: Session, Body(WhyAndForce { reason, force }): Body<WhyAndForce>) -> Answer {
    command(&gateway, who, &id.0, Command::End { reason, force }).await
}

/// A body of DELETE is lost on some ways: what it would say stands in the query.
pub(super) async fn delete(gateway: Shared, who: Who, id: Session, Params(WhyAndForce { reason, force }): Params<WhyAndForce>) -> Answer {
    command(&gateway, who, &id.0, Command::Delete { reason, force }).await
}

pub(super) async fn add_document(gateway: Shared, who: Who, id: Session, Body(add): Body<AddDocument>) -> Answer {
    command(&gateway, who, &id.0, Command::AddDocument(add)).await
}

pub(super) async fn undo(gateway: Shared, who: Who, id: Session, Body(Undo { version, reason }): Body<Undo>) -> Answer {
    command(&gateway, who, &id.0, Command::Undo { version, reason }).await
}

pub(super) async fn sync(gateway: Shared, who: Who, id: Session, Body(SyncOptions { dry_run, reason }): Body<SyncOptions>) -> Answer {
    command(&gateway, who, &id.0, if dry_run { Command::PreviewSync { reason } } else { Command::Sync { reason } }).await
}

pub(super) async fn verify(gateway: Shared, who: Who, id: Session, Body(Why { reason }): Body<Why>) -> Answer {
    command(&gateway, who, &id.0, Command::Verify { reason }).await
}

pub(super) async fn diff(gateway: Shared, who: Who, id: Session, Body(TheirState { state, reason }): Body<TheirState>) -> Answer {
    command(&gateway, who, &id.0, Command::Diff { state, reason }).await
}

pub(super) async fn mode(gateway: Shared, who: Who, id: Session, Body(mode): Body<ModeChange>) -> Answer {
    let ModeChange { direct, skip_hashes, reason } = mode;
    command(&gateway, who, &id.0, Command::Mode { direct, skip_hashes, reason }).await
}

pub(super) async fn rehash(gateway: Shared, who: Who, id: Session, Body(Why { reason }): Body<Why>) -> Answer {
    command(&gateway, who, &id.0, Command::Rehash { reason }).await
}

pub(super) async fn reinitialise(gateway: Shared, who: Who, id: Session, Body(Why { reason }): Body<Why>) -> Answer {
    command(&gateway, who, &id.0, Command::Reinitialise { reason }).await
}

pub(super) async fn restore(gateway: Shared, who: Who, id: Session, Body(restore): Body<Restore>) -> Answer {
    let Restore { backup, version, reason } = restore;
    command(&gateway, who, &id.0, Command::Restore { backup, version, reason }).await
}

pub(super) async fn new_epoch(gateway: Shared, who: Who, id: Session, Body(Why { reason }): Body<Why>) -> Answer {
    command(&gateway, who, &id.0, Command::NewEpoch { reason }).await
}

async fn command(gateway: &Gateway, who: Who, id: &SessionId, command: Command) -> Answer {
    let who = who.of(gateway, id).await?;
    gateway.authority.reported(id, &who.0, &command).await.map(|done| Json(done.into())).map_err(|error| who.problem(error))
}
