use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::room::step::Step;

fn version(number: u64) -> Version {
    Version::new(number).unwrap()
}

fn departed(number: u64) -> Departed {
    Departed::new(Arc::new(Step::blank("e", number)), None)
}

fn versions<'a>(steps: impl IntoIterator<Item = &'a Departed>) -> Vec<u64> {
    steps.into_iter().map(|departed| departed.step.version.get()).collect()
}

/// A table where everyone is where the last step that was written to them led.
#[derive(Default)]
struct Table {
    outgoing: Outgoing,
    positions: Vec<Version>,
    head: u64,
    arrived: Vec<u64>,
}

impl Table {
    fn commit(&mut self) {
        self.head += 1;
        self.outgoing.push(departed(self.head));
    }

    fn turn(&mut self) {
        if self.outgoing.is_empty() {
            return;
        }
        match self.positions.get_mut(self.outgoing.turn()) {
            Some(position) => {
                if let Some((to, _)) = self.outgoing.after(*position) {
                    assert!(to > *position);
                    *position = to;
                }
            }
            None => {
                let arrived = versions(&self.outgoing.end_round().collect::<Vec<_>>());
                let everyone = self.positions.iter().map(|position| position.get()).min().unwrap_or(u64::MAX);
                assert!(arrived.iter().all(|version| *version <= everyone), "{arrived:?} have not come to {everyone}");
                self.arrived.extend(arrived);
            }
        }
    }

    fn leave(&mut self, place: usize) {
        let vacated = self.outgoing.vacate(place);
        self.positions.swap(place, vacated);
        self.positions.swap_remove(vacated);
    }
}

#[derive(Debug, Clone)]
enum Act {
    Commit,
    Turn,
    Join,
    Leave(prop::sample::Index),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        2 => Just(Act::Commit),
        6 => Just(Act::Turn),
        1 => Just(Act::Join),
        1 => any::<prop::sample::Index>().prop_map(Act::Leave),
    ];
    prop::collection::vec(act, 0..200)
}

proptest! {
    #[test]
    fn everyone_has_a_turn_whoever_comes_and_goes_and_no_step_has_arrived_before(seats in 0_usize..12, acts in acts()) {
        let mut table = Table { positions: vec![Version::ZERO; seats], ..Table::default() };
        for act in acts {
            match act {
                Act::Commit => table.commit(),
                Act::Turn => table.turn(),
                Act::Join => table.positions.push(version(table.head)),
                Act::Leave(which) if !table.positions.is_empty() => table.leave(which.index(table.positions.len())),
                Act::Leave(_) => {}
            }
        }
        // Two rounds are enough: the first may have begun before the last step.
        for _ in 0..2 * (table.positions.len() + 1) {
            table.turn();
        }
        prop_assert!(table.outgoing.is_empty());
        prop_assert_eq!(table.outgoing.bytes, 0);
        prop_assert!(table.positions.iter().all(|position| position.get() == table.head), "{:?} of {}", table.positions, table.head);
        prop_assert_eq!(table.arrived, (1..=table.head).collect::<Vec<_>>());
    }
}

#[test]
fn who_is_behind_gets_all_that_is_missing_in_one_frame_and_nothing_twice() {
    let mut outgoing = Outgoing::default();
    (1..=3).for_each(|number| outgoing.push(departed(number)));
    let parts = |outgoing: &mut Outgoing, position| outgoing.after(version(position)).map(|(to, frame)| (to.get(), frame.len()));
    assert_eq!(parts(&mut outgoing, 0), Some((3, 3)));
    assert_eq!(parts(&mut outgoing, 0), Some((3, 3)));
    assert_eq!(parts(&mut outgoing, 1), Some((3, 2)));
    outgoing.push(departed(4));
    assert_eq!(parts(&mut outgoing, 1), Some((4, 3)));
    assert_eq!(parts(&mut outgoing, 3), Some((4, 1)));
    assert_eq!(parts(&mut outgoing, 4), None);
}
