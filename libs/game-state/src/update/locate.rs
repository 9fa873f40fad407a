//! Walking a path down a state.

use crate::{
    path::{self, Path, Segment},
    rejection::{Reason, Rejection},
    tree::Place,
    value::Value,
};

pub(super) enum Located {
    Found(Place),
    /// Just past the last element of an array, where the path's last segment points.
    End {
        place: Place,
        length: usize,
    },
    /// An object lacks the key of this segment. The place is where its member would stand.
    Missing {
        place: Place,
        level: usize,
    },
}

/// Finds what the path names, and replaces its selectors by the indexes that they stand for.
/// `compare` may refuse to look through so many elements.
pub(super) fn locate(root: &Value, path: &mut Path, compare: &mut dyn FnMut(usize) -> Result<(), Rejection>) -> Result<Located, Rejection> {
    let mut place = Place::with_capacity(path.len());
    let mut value = root;
    for level in 0..path.len() {
        let is_last = level + 1 == path.len();
        let position = match (value, &path.segments()[level]) {
            (Value::Object(object), Segment::Name(name)) => match object.position(name) {
                Ok(position) => position,
                Err(position) => {
                    place.push(position);
                    return Ok(Located::Missing { place, level });
                }
            },
            (Value::Array(elements), Segment::Name(name)) => {
                let index =
                    path::index(name).ok_or_else(|| Rejection::new(Reason::BadIndex, "an array is indexed by `0|[1-9][0-9]{0,6}`"))?;
                if index == elements.len() && is_last {
                    place.push(index);
                    return Ok(Located::End { place, length: elements.len() });
                }
                index
            }
            (Value::Array(elements), Segment::Id(id)) => {
                compare(elements.len())?;
                let index = select(elements, id)?;
                path.resolve(level, index);
                index
            }
            (Value::Object(_), Segment::Id(_)) => return Err(Rejection::new(Reason::NotAnArray, "a selector needs an array")),
            _ => return Err(Rejection::new(Reason::NotAContainer, "a level of the path is null or a scalar")),
        };
        value = value.child(position).ok_or_else(super::past_the_end)?;
        place.push(position);
    }
    Ok(Located::Found(place))
}

/// The index of the only element with this id.
fn select(elements: &[Value], id: &str) -> Result<usize, Rejection> {
    let mut matching = elements.iter().enumerate().filter(|(_, element)| element.get("id").and_then(Value::as_str) == Some(id));
    match (matching.next(), matching.next()) {
        (Some((index, _)), None) => Ok(index),
        (Some(_), Some(_)) => Err(Rejection::new(Reason::AmbiguousMatch, "several elements have this id")),
        _ => Err(Rejection::new(Reason::NoMatch, "no element has this id")),
    }
}
