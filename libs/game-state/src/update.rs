//! Applying one operation: find its place, decide, change. Nothing is changed before all that can refuse it has been asked.

mod locate;

use self::locate::{Located, locate};
use crate::{
    limits::Limits,
    measure::measure,
    operation::{Kind, Operation, array_too_long, check_value},
    path::{Path, Segment},
    previous::Previous,
    rejection::{Reason, Rejection},
    structure,
    tree::{Place, Step, Tree},
    value::{Object, Value},
};

/// What applying one operation gives: itself with its selectors resolved, what was there before, and its opposite.
pub(crate) type Done = (Operation, Previous, Option<Step>);

/// Applies operations to a tree, and counts what they may still compare.
pub(crate) struct Update<'a> {
    pub(crate) tree: &'a mut Tree,
    pub(crate) limits: &'a Limits,
    pub(crate) compared: usize,
}

impl Update<'_> {
    pub(crate) fn apply(&mut self, operation: &Operation) -> Result<Done, Rejection> {
        let mut path = operation.path.clone();
        let mut selected = 0;
        let located = locate(self.tree.root(), &mut path, &mut |elements| {
            selected += elements;
            check_comparisons(self.compared.saturating_add(selected), self.limits)
        })?;
        self.compared = self.compared.saturating_add(selected);
        let (previous, step) = match &operation.kind {
            Kind::Set(value) => self.set(located, &path, value)?,
            Kind::Unset => self.unset(located, &path)?,
            Kind::Inc(by) => self.inc(located, &path, *by)?,
            Kind::Push { value, index } => self.push(located, &path, value, *index)?,
            Kind::Pull { value, limit } => self.pull(located, value, *limit)?,
        };
        Ok((Operation { path, kind: operation.kind.clone() }, previous, step))
    }

    fn set(&mut self, located: Located, path: &Path, value: &Value) -> Result<(Previous, Option<Step>), Rejection> {
        match located {
            Located::Found(place) => {
                check_value(value, path.len(), self.limits)?;
                structure::check_member(path, Some(value))?;
                Ok(self.replace(place, value.clone()))
            }
            Located::End { place, length } => {
                check_value(value, path.len(), self.limits)?;
                self.check_growth(length)?;
                Ok((Previous::Absent(path.len()), Some(self.tree.insert(place, None, value.clone()))))
            }
            Located::Missing { place, level } => self.create(place, level, path, value.clone()),
        }
    }

    fn unset(&mut self, located: Located, path: &Path) -> Result<(Previous, Option<Step>), Rejection> {
        match located {
            Located::Found(place) => {
                structure::check_member(path, None)?;
                let element = self.in_array(&place);
                let step = self.tree.remove(place);
                let Step::Insert { value, .. } = &step else {
                    unreachable!("the opposite of a removal");
                };
                let value = value.clone();
                let previous = match element {
                    Some(index) => Previous::Element { index, value },
                    None => Previous::Value(value),
                };
                Ok((previous, Some(step)))
            }
            Located::End { .. } => Err(past_the_end()),
            Located::Missing { level, .. } => Ok((Previous::Absent(level + 1), None)),
        }
    }

    fn inc(&mut self, located: Located, path: &Path, by: f64) -> Result<(Previous, Option<Step>), Rejection> {
        match located {
            Located::Found(place) => {
                let Some(Value::Number(number)) = self.value_at(&place) else {
                    return Err(Rejection::new(Reason::NotANumber, "`inc` needs a number there"));
                };
                // Never -0: neither of the two is.
                let sum = number + by;
                if !sum.is_finite() {
                    return Err(Rejection::new(Reason::NotANumber, "the sum is not finite"));
                }
                Ok(self.replace(place, Value::Number(sum)))
            }
            Located::End { .. } => Err(past_the_end()),
            Located::Missing { place, level } => self.create(place, level, path, Value::Number(by)),
        }
    }

    fn push(&mut self, located: Located, path: &Path, value: &Value, index: Option<usize>) -> Result<(Previous, Option<Step>), Rejection> {
        match located {
            Located::Found(mut place) => {
                let length = self.array_at(&place)?.len();
                let index = index.unwrap_or(length);
                if index > length {
                    return Err(past_the_end());
                }
                check_value(value, path.len() + 1, self.limits)?;
                self.check_growth(length)?;
                place.push(index);
                Ok((Previous::Length(length), Some(self.tree.insert(place, None, value.clone()))))
            }
            Located::End { .. } => Err(past_the_end()),
            Located::Missing { .. } if index.is_some_and(|index| index > 0) => Err(past_the_end()),
            Located::Missing { place, level } => {
                self.check_growth(0)?;
                self.create(place, level, path, Value::Array(vec![value.clone()]))
            }
        }
    }

    fn pull(&mut self, located: Located, value: &Value, limit: Option<usize>) -> Result<(Previous, Option<Step>), Rejection> {
        let place = match located {
            Located::Found(place) => place,
            Located::End { .. } => return Err(past_the_end()),
            Located::Missing { .. } => return Ok((Previous::Removed(Vec::new()), None)),
        };
        let elements = self.array_at(&place)?;
        let compared = self.compared.saturating_add(elements.len().saturating_mul(measure(value).nodes));
        check_comparisons(compared, self.limits)?;
        let found = elements.iter().enumerate().filter(|(_, element)| matches(element, value)).map(|(index, _)| index);
        let indexes: Vec<usize> = found.take(limit.unwrap_or(usize::MAX)).collect();
        self.compared = compared;
        let step = self.tree.remove_many(place, &indexes);
        let Step::InsertMany { elements, .. } = &step else {
            unreachable!("the opposite of a removal");
        };
        Ok((Previous::Removed(elements.clone()), Some(step)))
    }

    fn replace(&mut self, place: Place, value: Value) -> (Previous, Option<Step>) {
        let step = self.tree.replace(place, value);
        let Step::Replace { value: old, .. } = &step else {
            unreachable!("the opposite of a replacement");
        };
        (Previous::Value(old.clone()), Some(step))
    }

    /// Creates the member that is missing at `level` of the path, and the objects below it down to the value.
    fn create(&mut self, place: Place, level: usize, path: &Path, value: Value) -> Result<(Previous, Option<Step>), Rejection> {
        let is_key = |segment: &Segment| matches!(segment, Segment::Name(name) if !crate::path::is_digits(name));
        let (Some(Segment::Name(key)), below) = (path.segments().get(level), &path.segments()[level + 1..]) else {
            unreachable!("only keys can be missing");
        };
        if level == 0 {
            return Err(structure::unknown_member());
        }
        if !below.iter().all(is_key) {
            return Err(Rejection::new(Reason::MissingLevel, "a level above an index or a selector is missing"));
        }
        check_value(&value, path.len(), self.limits)?;
        let value = below.iter().rev().try_fold(value, |value, segment| match segment {
            Segment::Name(name) => Object::from_entries(vec![(name.clone(), value)]).map(Value::Object),
            Segment::Id(_) => Ok(value),
        })?;
        let step = self.tree.insert(place, Some(key.clone()), value);
        Ok((Previous::Absent(level + 1), Some(step)))
    }

    fn check_growth(&self, length: usize) -> Result<(), Rejection> {
        if length >= self.limits.array_elements { Err(array_too_long(self.limits, length + 1)) } else { Ok(()) }
    }

    fn value_at(&self, place: &[usize]) -> Option<&Value> {
        place.iter().try_fold(self.tree.root(), |value, &position| value.child(position))
    }

    fn array_at(&self, place: &[usize]) -> Result<&[Value], Rejection> {
        let array = self.value_at(place).and_then(Value::as_array);
        array.ok_or_else(|| Rejection::new(Reason::NotAnArray, "`push` and `pull` need an array there"))
    }

    /// The index of an element, or nothing for a member of an object.
    fn in_array(&self, place: &[usize]) -> Option<usize> {
        let (&index, container) = place.split_last()?;
        self.value_at(container)?.as_array().map(|_| index)
    }
}

/// Whether `pull` takes the element: an object is matched by the fields that are given, anything else by deep equality.
fn matches(element: &Value, wanted: &Value) -> bool {
    match (element, wanted) {
        (Value::Object(element), Value::Object(fields)) => fields.iter().all(|(key, field)| element.get(key) == Some(field)),
        _ => element == wanted,
    }
}

fn check_comparisons(compared: usize, limits: &Limits) -> Result<(), Rejection> {
    if compared > limits.comparisons {
        let message = "the update's `pull`s and selectors compare too much";
        return Err(Rejection::new(Reason::TooExpensive, message).limited(limits.comparisons, compared));
    }
    Ok(())
}

fn past_the_end() -> Rejection {
    Rejection::new(Reason::IndexOutOfRange, "the index lies past the end of the array")
}
