//! The places of a state that changed since the session document was written, for sessions whose snapshots write only these.
//!
//! Paths come from entries, in which selectors are resolved already, and what is written is what the state has there now. A
//! place inside another is covered by it, and whatever moves elements of an array touches the array as a whole: so no place
//! means anything else in the document than in the state.

use std::collections::BTreeMap;

use game_state::{Limits, Operations, Segment, Value, Version};
use protocol::update::EntryKind;
use store::{JournalEntry, PlaceChange};

type Place = Vec<String>;

/// With more of them the whole state is written.
const MOST_PLACES: usize = 500;

/// All places touched after a version, each with the last version that did.
#[derive(Debug, Clone)]
pub struct Touched {
    since: Version,
    places: BTreeMap<Place, Version>,
}

impl Touched {
    pub fn since(version: Version) -> Self {
        Self { since: version, places: BTreeMap::new() }
    }

    pub fn note(&mut self, entry: &JournalEntry) {
        if entry.kind != EntryKind::Update {
            return;
        }
        let operations = Operations::parse(&entry.operations, &Limits::unbounded());
        let places = operations.ok().and_then(|operations| operations.iter().map(place).collect::<Option<Vec<_>>>());
        self.places.extend(places.iter().flatten().map(|place| (place.clone(), entry.version)));
        if places.is_none() || self.places.len() > MOST_PLACES {
            *self = Self::since(entry.version);
        }
    }

    /// The document shows everything up to a version.
    pub fn forget(&mut self, version: Version) {
        self.places.retain(|_, touched| *touched > version);
    }

    /// What brings a document of a version up to the state. Nothing where not every place since then is known.
    pub fn places(&self, document: Version, root: &Value) -> Option<Vec<PlaceChange>> {
        if document < self.since {
            return None;
        }
        let changes: BTreeMap<Place, Option<Value>> = self.places.keys().map(|place| resolve(root, place)).collect();
        let mut written: Vec<PlaceChange> = Vec::new();
        for (path, value) in changes {
            // In order, what lies inside a place comes right after it.
            if written.last().is_none_or(|last| !path.starts_with(&last.path)) {
                written.push(PlaceChange { path, value });
            }
        }
        Some(written)
    }
}

pub fn bytes(places: &[PlaceChange]) -> usize {
    places.iter().map(|place| place.value.as_ref().map_or(0, |value| value.to_json().len())).sum()
}

fn place(operation: &game_state::Operation) -> Option<Place> {
    let names = operation.path().segments().iter().map(|segment| match segment {
        Segment::Name(name) => Some(name.clone()),
        Segment::Id(_) => None,
    });
    let mut place: Place = names.collect::<Option<_>>()?;
    let of_array = place.last().is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    if of_array && matches!(operation.kind(), game_state::Kind::Unset | game_state::Kind::Set(_)) {
        // An element may go, or come at the end.
        place.pop();
    }
    Some(place)
}

/// The place and what stands there. A key with a dot has no path in MongoDB: what it is in is written whole. So is whatever a
/// place does not lead through any more.
fn resolve(root: &Value, place: &Place) -> (Place, Option<Value>) {
    let (mut value, mut path) = (root, Place::new());
    for name in place {
        let child = match value {
            Value::Object(object) if !name.contains('.') => match object.get(name) {
                Some(child) => child,
                None => {
                    path.push(name.clone());
                    return (path, None);
                }
            },
            Value::Array(elements) => match name.parse::<usize>().ok().and_then(|index| elements.get(index)) {
                Some(child) => child,
                None => break,
            },
            _ => break,
        };
        path.push(name.clone());
        value = child;
    }
    (path, Some(value.clone()))
}
