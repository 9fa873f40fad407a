use game_state::StateHash;
use proptest::prelude::*;
use protocol::{Epoch, Position};

use super::*;

fn hash(version: u64, branch: u8) -> StateHash {
    let mut bytes = [branch; 32];
    bytes[..8].copy_from_slice(&version.to_be_bytes());
    StateHash::from_bytes(bytes)
}

fn version(number: u64) -> Version {
    Version::new(number).unwrap()
}

fn head(epoch: &str, number: u64) -> Head {
    Head { position: Position { epoch: Epoch::from(epoch), version: version(number) }, hash: Some(hash(number, 0)) }
}

fn step(epoch: &str, number: u64) -> Step {
    Step { hash_before: Some(hash(number - 1, 0)), hash_after: Some(hash(number, 0)), ..Step::blank(epoch, number) }
}

fn at(number: u64) -> Track {
    let mut track = Track::new(1 << 20);
    assert!(track.restart(head("e", number), 0).is_empty());
    track
}

fn versions(steps: &[SharedStep]) -> Vec<u64> {
    steps.iter().map(|step| step.version.get()).collect()
}

fn forwarded(taken: Taken) -> Vec<u64> {
    match taken {
        Taken::Forward(steps) => versions(&steps),
        _ => Vec::new(),
    }
}

#[test]
fn what_comes_early_waits_for_what_is_missing() {
    let mut track = at(3);
    assert!(matches!(track.take(step("e", 5)), Taken::Held));
    assert!(track.is_missing_some());
    assert_eq!(forwarded(track.take(step("e", 4))), [4, 5]);
    assert!(!track.is_missing_some());
    assert!(matches!(track.take(step("e", 4)), Taken::Known));
}

#[test]
fn another_past_or_epoch_is_never_forwarded() {
    let mut track = at(3);
    let fork = Step { hash_before: Some(hash(3, 9)), ..step("e", 4) };
    assert!(matches!(track.take(fork), Taken::Unlinked));
    assert!(matches!(track.take(step("f", 4)), Taken::Unlinked));
    assert_eq!(track.head(), Some(&head("e", 3)));
}

#[test]
fn a_held_step_with_another_past_stays_missing() {
    let mut track = at(3);
    track.take(Step { hash_before: Some(hash(4, 9)), ..step("e", 5) });
    assert_eq!(forwarded(track.take(step("e", 4))), [4]);
    assert!(track.is_missing_some());
    assert_eq!(forwarded(track.take(step("e", 5))), [5]);
}

#[test]
fn sessions_that_skip_hashes_are_ordered_by_version_alone() {
    let mut track = at(3);
    assert_eq!(forwarded(track.take(Step { hash_before: None, hash_after: None, ..step("e", 4) })), [4]);
    assert_eq!(forwarded(track.take(step("e", 5))), [5]);
}

#[test]
fn before_the_head_is_known_everything_is_held_and_then_only_what_is_newer_goes_out() {
    let mut track = Track::new(1 << 20);
    for number in [4, 6, 5, 7] {
        assert!(matches!(track.take(step("e", number)), Taken::Held));
    }
    assert_eq!(versions(&track.restart(head("e", 5), 0)), [6, 7]);
}

#[test]
fn a_newer_head_is_a_gap_and_another_hash_is_a_restart() {
    let mut track = at(3);
    assert!(track.hear_of(&head("e", 3)));
    assert!(!track.is_missing_some());
    assert!(track.hear_of(&head("e", 5)));
    assert!(track.is_missing_some());
    assert!(!track.hear_of(&Head { hash: Some(hash(3, 9)), ..head("e", 3) }));
    assert!(!track.hear_of(&head("f", 9)));
}

#[test]
fn the_ring_answers_only_what_it_holds_without_a_gap() {
    let mut track = at(3);
    for number in 4..=9 {
        track.take(step("e", number));
    }
    let ring = track.ring();
    let after = |number: u64, hash| ring.after(None, version(number), hash).map(|steps| versions(&steps));
    assert_eq!(after(6, Some(hash(6, 0))), Some(vec![7, 8, 9]));
    assert_eq!(after(3, None), Some(vec![4, 5, 6, 7, 8, 9]));
    assert_eq!(after(6, Some(hash(6, 9))), None, "another past");
    assert_eq!(after(2, None), None, "too old");
    assert_eq!(after(9, None), None, "nothing is newer");
    assert!(ring.after(Some(&Epoch::from("f")), version(6), None).is_none(), "another epoch");
}

#[test]
fn the_ring_is_bounded_in_bytes_and_keeps_the_newest() {
    let cost = step("e", 1).cost();
    let mut ring = Ring::new(3 * cost + cost / 2);
    for number in 1..=10 {
        ring.push(Arc::new(step("e", number)));
    }
    assert_eq!(ring.oldest().unwrap().version, version(8));
    assert!(ring.after(None, version(6), None).is_none());
}

#[test]
fn a_ring_reaches_back_only_with_steps_that_join_it() {
    let mut ring = Ring::new(1 << 20);
    ring.push(Arc::new(step("e", 9)));
    ring.reach_back(&[Arc::new(step("e", 6)), Arc::new(step("e", 7)), Arc::new(step("e", 8))]);
    assert_eq!(ring.oldest().unwrap().version, version(6));
    ring.reach_back(&[Arc::new(step("e", 3))]);
    ring.reach_back(&[Arc::new(Step { hash_after: Some(hash(5, 9)), ..step("e", 5) })]);
    assert_eq!(ring.oldest().unwrap().version, version(6));
}

proptest! {
    /// However messages are reordered, repeated and lost: what goes out is contiguous, and once the lost ones are fetched it is complete.
    #[test]
    fn what_goes_out_is_contiguous_whatever_comes_in(order in prop::collection::vec(1_u64..40, 0..120), begin in 0_u64..5) {
        let mut track = at(begin);
        let mut out = Vec::new();
        for number in order.iter().copied().chain(1..40) {
            out.extend(forwarded(track.take(step("e", number))));
        }
        prop_assert_eq!(out, (begin + 1..40).collect::<Vec<_>>());
        prop_assert!(!track.is_missing_some());
    }
}

/// What was missing arrived while the journal was read, and more was heard of: the answer is of the past.
#[test]
fn a_journal_that_was_read_too_early_refutes_nothing() {
    let mut track = at(3);
    assert!(track.hear_of(&head("e", 5)));
    assert_eq!(forwarded(track.take(step("e", 4))), [4]);
    assert_eq!(forwarded(track.take(step("e", 5))), [5]);
    assert!(track.hear_of(&head("e", 6)) && track.is_missing_some());
    assert!(!track.is_refuted_by(&head("e", 4)));
    assert!(!track.is_refuted_by(&head("e", 5)));
    assert!(track.is_refuted_by(&head("e", 6)), "it has what follows ours, and that does not fit");
    assert!(track.is_refuted_by(&head("other", 4)), "another history");
    let mut fork = head("e", 5);
    fork.hash = Some(hash(5, 1));
    assert!(track.is_refuted_by(&fork), "another past");
}
