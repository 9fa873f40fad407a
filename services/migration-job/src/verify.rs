//! Checking what was converted: by its hash, and against what it was made of.

use std::collections::HashSet;

use game_state::Value;
use service_kit::Clock;
use store::{Kind, Loaded, SessionBackup, Store, StoreError, entities_of, entity_hash, entity_id};

use crate::{
    convert::named_state,
    decide::{self, Refusal},
    layout,
    progress::Progress,
    report::{Failure, Verification},
    retry::patiently,
};

enum Verified {
    Intact,
    Played,
}

pub(crate) async fn run(store: &Store, clock: &Clock) -> Result<Verification, StoreError> {
    let mut report = Verification { still_old: store.count_old_sessions().await?, ..Verification::default() };
    let mut progress = Progress::begin(clock, store.count_session_backups().await?);
    let mut backups = store.session_backups().await?;
    while let Some(backup) = backups.next().await? {
        report.found += 1;
        match patiently(store, async || verify(store, &backup).await).await? {
            Ok(Verified::Intact) => report.intact += 1,
            Ok(Verified::Played) => report.played.push(backup.id.to_string()),
            Err(Refusal { field, reason }) => report.failed.push(Failure { session: backup.id.to_string(), field, reason }),
        }
        progress.at(report.found, report.failed.len());
    }
    Ok(report)
}

async fn verify(store: &Store, backup: &SessionBackup) -> Result<Result<Verified, Refusal>, StoreError> {
    // Loading computes the hash of the state, and follows the journal by version and hash.
    let mut loaded = match store.load(&backup.id).await {
        Ok(Some(loaded)) => loaded,
        Ok(None) => return Ok(Err(Refusal::new("_id", "the session is gone"))),
        Err(StoreError::Corrupt(corruption)) => return Ok(Err(Refusal::new("gameState", corruption.to_string()))),
        Err(error) => return Err(error),
    };
    if !is_unplayed(&loaded, backup) {
        return Ok(Ok(Verified::Played));
    }
    if loaded.state.hash() != backup.hash {
        return Ok(Err(Refusal::new("gameStateHash", format!("is {}, not {} as it was made", loaded.state.hash(), backup.hash))));
    }
    let old = match &backup.old {
        Ok(old) => old,
        Err(unreadable) => return Ok(Err(Refusal::new("document", unreadable.fault.clone()))),
    };
    let shared = match named_state(store, old).await? {
        Ok(shared) => shared,
        Err(refusal) => return Ok(Err(refusal)),
    };
    match decide::kept_state(&old.fields, shared.as_ref()) {
        Err(refusal) => return Ok(Err(refusal)),
        Ok(Some(mut kept)) => {
            let same = kept.hash() == backup.hash;
            let differs = || Refusal::new("gameState", "differs from the state that was kept");
            return Ok(same.then_some(Verified::Intact).ok_or_else(differs));
        }
        Ok(None) => {}
    }
    let root = loaded.state.root();
    if let Err(refusal) = holds_what_is_named(&old.fields, root) {
        return Ok(Err(refusal));
    }
    Ok(is_made_of(store, root).await?.map(|()| Verified::Intact))
}

fn is_unplayed(loaded: &Loaded, backup: &SessionBackup) -> bool {
    let document = &loaded.document;
    document.epoch == backup.epoch && document.game_state_version == backup.version && loaded.entries.is_empty()
}

/// The characters of the session are those that the old one names, and no others.
fn holds_what_is_named(old: &Value, state: &Value) -> Result<(), Refusal> {
    let of_kind = |kind: Kind| entities_of(state).filter(move |(of, _)| *of == kind).filter_map(|(_, entity)| entity_id(entity));
    if old.get("characterIds").is_some() {
        let named = layout::ids(old, "characterIds")?;
        let (named, held): (HashSet<_>, HashSet<_>) = (named.iter().map(String::as_str).collect(), of_kind(Kind::Character).collect());
        if named != held {
            return Err(Refusal::new("characterIds", "names other characters than the state has"));
        }
    }
    let named = decide::encounter_id(old)?;
    match of_kind(Kind::Encounter).next() {
        // One that is over is named, and has no place in a state.
        None => Ok(()),
        held if held == named => Ok(()),
        Some(held) => Err(Refusal::new("currentEncounterId", format!("names another encounter than {held}"))),
    }
}

/// Each entity is as its document was or is.
async fn is_made_of(store: &Store, state: &Value) -> Result<Result<(), Refusal>, StoreError> {
    for kind in Kind::ALL {
        let held: Vec<_> = entities_of(state)
            .filter(|(of, _)| *of == kind)
            .filter_map(|(_, entity)| Some((entity_id(entity)?, entity_hash(entity))))
            .collect();
        if held.is_empty() {
            continue;
        }
        let ids: Vec<_> = held.iter().map(|(id, _)| *id).collect();
        let known = store.entity_hashes(kind, &ids).await?;
        for (id, hash) in held {
            if !known.get(id).is_some_and(|hashes| hashes.contains(&hash)) {
                return Ok(Err(Refusal::new(format!("{} {id}", kind.collection()), "differs from the document that it was made of")));
            }
        }
    }
    Ok(Ok(()))
}
