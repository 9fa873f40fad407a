use protocol::{
    SessionStatus,
    update::{EntryKind, UpdateSource},
};

use super::*;

fn hash(n: u8) -> StateHash {
    StateHash::from_bytes([n; 32])
}

fn version(n: u64) -> Version {
    Version::new(n).unwrap()
}

fn entry(n: u64, epoch: &str, before: Option<StateHash>, after: Option<StateHash>) -> JournalEntry {
    JournalEntry {
        session: "s".parse().unwrap(),
        version: version(n),
        epoch: Epoch::from(epoch),
        kind: EntryKind::Update,
        status: None,
        update_id: "u".parse().unwrap(),
        digest: String::new(),
        operations: "[]".to_owned(),
        previous: None,
        hash_before: before,
        hash_after: after,
        author: "gm".parse().unwrap(),
        source: UpdateSource::Gm,
        by: "i".parse().unwrap(),
        at: 0,
        game_master_id: None,
        trace: None,
        command: None,
    }
}

fn head(n: u64, epoch_version: u64) -> SessionHead {
    SessionHead {
        epoch: Epoch::from("e"),
        epoch_version: version(epoch_version),
        version: version(n),
        hash: hash(1),
        status: SessionStatus::Active,
        game_master_id: "gm".parse().unwrap(),
        frozen: None,
        last_state_update: 0,
    }
}

#[test]
fn a_document_is_on_the_chain_by_its_own_entry_or_the_next() {
    let own = entry(5, "e", Some(hash(0)), Some(hash(1)));
    let next = entry(6, "e", Some(hash(1)), Some(hash(2)));
    assert!(on_chain(&head(5, 0), std::slice::from_ref(&own)));
    assert!(on_chain(&head(5, 0), std::slice::from_ref(&next)));
    assert!(on_chain(&head(5, 0), &[own.clone(), next.clone()]));
    let other = entry(5, "e", Some(hash(0)), Some(hash(9)));
    assert!(!on_chain(&head(5, 0), &[other, next]), "both must fit");
    let other = entry(6, "e", Some(hash(9)), Some(hash(2)));
    assert!(!on_chain(&head(5, 0), &[own, other]), "both must fit");
    let silent = entry(5, "e", None, None);
    assert!(on_chain(&head(5, 0), &[silent]), "an entry without hashes fits anything");
}

#[test]
fn a_document_beyond_the_journal_is_off_the_chain_unless_its_epoch_begins_there() {
    assert!(!on_chain(&head(5, 0), &[]));
    assert!(on_chain(&head(5, 5), &[]));
    assert!(on_chain(&head(0, 0), &[]));
    let foreign = entry(5, "other", Some(hash(0)), Some(hash(1)));
    assert!(!on_chain(&head(5, 0), &[foreign]), "an entry of another epoch proves nothing");
}

#[test]
fn a_link_takes_only_what_follows_by_version_epoch_and_hash() {
    let link = Link::of(&head(5, 0));
    let follows = |entry: JournalEntry| link.clone().follow(&entry).is_ok();
    assert!(follows(entry(6, "e", Some(hash(1)), Some(hash(2)))));
    assert!(follows(entry(6, "e", None, None)));
    assert!(!follows(entry(7, "e", Some(hash(1)), Some(hash(2)))), "a gap");
    assert!(!follows(entry(5, "e", Some(hash(1)), Some(hash(2)))), "again");
    assert!(!follows(entry(6, "f", Some(hash(1)), Some(hash(2)))), "another epoch");
    assert!(!follows(entry(6, "e", Some(hash(3)), Some(hash(2)))), "another hash");
}
