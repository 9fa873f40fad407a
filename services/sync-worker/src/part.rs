//! What of a large plan one transaction takes. What is left is planned again from what is stored by then, under the same guards:
//! what a part has written is unchanged to the next, so each part brings the end nearer.

use store::Change;

/// How many of `changes` fit. At least one, if there are any.
pub(crate) fn fitting(changes: &[Change<'_>], documents: usize, bytes: usize) -> usize {
    let mut total = 0_usize;
    let fit = changes.iter().take(documents).take_while(|change| {
        total = total.saturating_add(size(change));
        total <= bytes
    });
    fit.count().max(1).min(changes.len())
}

fn size(change: &Change<'_>) -> usize {
    match change {
        Change::Put { entity, .. } => entity.to_json().len(),
        Change::PluginData(value) => value.to_json().len(),
        Change::Mark { .. } | Change::Delete { .. } => 0,
    }
}

#[cfg(test)]
mod tests {
    use game_state::{Limits, Value};
    use store::{Kind, entity_hash};

    use super::*;

    #[test]
    fn a_part_holds_what_fits_and_always_something() {
        let value = Value::parse(r#"{"id":"a"}"#, &Limits::default()).unwrap();
        let change = Change::Put { kind: Kind::Item, id: "a", entity: &value, hash: entity_hash(&value) };
        let changes = vec![change; 5];
        assert_eq!(fitting(&changes, 100, 1_000), 5);
        assert_eq!(fitting(&changes, 3, 1_000), 3);
        assert_eq!(fitting(&changes, 100, 25), 2);
        assert_eq!(fitting(&changes, 100, 1), 1);
        assert_eq!(fitting(&[], 100, 1), 0);
    }
}
