//! A state's tree with what is kept up to date beside it: canonical form, BSON size, number of values.
//!
//! All changes go through four primitives, each with its exact opposite, so that none of the three can be forgotten.

use crate::{
    form::{Form, OldHash},
    measure::{digits, element_overhead, measure},
    value::Value,
};

#[derive(Debug)]
pub(crate) struct Tree {
    root: Value,
    pub(crate) form: Form,
    pub(crate) bson: usize,
    pub(crate) nodes: usize,
}

/// Positions of children from the root down: where a value stands.
pub(crate) type Place = Vec<usize>;

/// The opposite of one change.
#[derive(Debug)]
pub(crate) enum Step {
    Replace { place: Place, value: Value },
    Insert { place: Place, key: Option<String>, value: Value },
    Remove { place: Place },
    InsertMany { container: Place, elements: Vec<(usize, Value)> },
}

impl Tree {
    pub(crate) fn new(root: Value) -> Self {
        let size = measure(&root);
        Self { form: Form::of(&root), bson: size.bson, nodes: size.nodes, root }
    }

    pub(crate) fn root(&self) -> &Value {
        &self.root
    }

    pub(crate) fn refresh(&mut self) -> OldHash {
        self.form.refresh(&self.root)
    }

    pub(crate) fn refresh_back(&mut self, old: OldHash) {
        self.form.refresh_back(&self.root, old);
    }

    /// Undoes steps, the last one first.
    pub(crate) fn undo(&mut self, steps: Vec<Step>) {
        for step in steps.into_iter().rev() {
            match step {
                Step::Replace { place, value } => drop(self.replace(place, value)),
                Step::Insert { place, key, value } => drop(self.insert(place, key, value)),
                Step::Remove { place } => drop(self.remove(place)),
                Step::InsertMany { container, elements } => self.insert_many(&container, elements),
            }
        }
    }

    pub(crate) fn replace(&mut self, place: Place, value: Value) -> Step {
        let (old, new) = (measure(self.at(&place)), measure(&value));
        self.bson = self.bson + new.bson - old.bson;
        self.nodes = self.nodes + new.nodes - old.nodes;
        self.form.replaced(&place);
        let value = std::mem::replace(self.at(&place), value);
        Step::Replace { place, value }
    }

    /// Puts a child in before the one that stands there; with its key if the container is an object.
    pub(crate) fn insert(&mut self, place: Place, key: Option<String>, value: Value) -> Step {
        let size = measure(&value);
        self.form.inserted(&place);
        let (position, container) = self.container(&place);
        let key_bytes = match (container, key) {
            (Value::Array(elements), _) => {
                elements.insert(position, value);
                digits(elements.len() - 1)
            }
            (Value::Object(object), Some(key)) => {
                let bytes = key.len();
                object.insert_at(position, key, value);
                bytes
            }
            _ => unreachable!("a place is below a container, and members have keys"),
        };
        self.bson += element_overhead(key_bytes) + size.bson;
        self.nodes += size.nodes;
        Step::Remove { place }
    }

    pub(crate) fn remove(&mut self, place: Place) -> Step {
        self.form.removed(&place);
        let (position, container) = self.container(&place);
        let (key_bytes, key, value) = match container {
            // The indexes behind it move down: the last one is what goes.
            Value::Array(elements) => (digits(elements.len() - 1), None, elements.remove(position)),
            Value::Object(object) => {
                let (key, value) = object.remove_at(position);
                (key.len(), Some(key), value)
            }
            _ => unreachable!("a place is below a container"),
        };
        let size = measure(&value);
        self.bson -= element_overhead(key_bytes) + size.bson;
        self.nodes -= size.nodes;
        Step::Insert { place, key, value }
    }

    /// Takes elements out of an array, in one pass. The indexes ascend.
    pub(crate) fn remove_many(&mut self, container: Place, indexes: &[usize]) -> Step {
        let Some(&first) = indexes.first() else {
            return Step::InsertMany { container, elements: Vec::new() };
        };
        let Value::Array(array) = self.at(&container) else {
            unreachable!("elements are taken out of an array");
        };
        let before = array.len();
        let mut removed = Vec::with_capacity(indexes.len());
        let mut kept = Vec::with_capacity(before - indexes.len());
        let mut next = indexes.iter().peekable();
        for (index, element) in std::mem::take(array).into_iter().enumerate() {
            if next.next_if_eq(&&index).is_some() {
                removed.push((index, element));
            } else {
                kept.push(element);
            }
        }
        let after = kept.len();
        *array = kept;
        let (bson, nodes) = sizes(&removed, after..before);
        self.bson -= bson;
        self.nodes -= nodes;
        self.form.reshaped(&container, first, after);
        Step::InsertMany { container, elements: removed }
    }

    /// Puts elements back at the indexes that they had.
    fn insert_many(&mut self, container: &[usize], elements: Vec<(usize, Value)>) {
        let Some(&(first, _)) = elements.first() else {
            return;
        };
        let Value::Array(array) = self.at(container) else {
            unreachable!("elements are put back into an array");
        };
        let before = array.len();
        let after = before + elements.len();
        let (bson, nodes) = sizes(&elements, before..after);
        let mut rest = std::mem::take(array).into_iter();
        let mut whole = Vec::with_capacity(after);
        for (index, element) in elements {
            whole.extend(rest.by_ref().take(index - whole.len()));
            whole.push(element);
        }
        whole.extend(rest);
        *array = whole;
        self.bson += bson;
        self.nodes += nodes;
        self.form.reshaped(container, first, after);
    }

    fn at(&mut self, place: &[usize]) -> &mut Value {
        descend(&mut self.root, place)
    }

    fn container(&mut self, place: &[usize]) -> (usize, &mut Value) {
        match place.split_last() {
            Some((&position, container)) => (position, descend(&mut self.root, container)),
            None => unreachable!("the root has no container"),
        }
    }
}

fn descend<'a>(root: &'a mut Value, place: &[usize]) -> &'a mut Value {
    place.iter().fold(root, |value, &position| match value.child_mut(position) {
        Some(child) => child,
        None => unreachable!("a place names a value that is there"),
    })
}

/// BSON bytes and values of elements, whose going or coming takes or makes these indexes of the array.
fn sizes(elements: &[(usize, Value)], indexes: std::ops::Range<usize>) -> (usize, usize) {
    let keys: usize = indexes.map(|index| element_overhead(digits(index))).sum();
    let sizes = elements.iter().map(|(_, element)| measure(element));
    sizes.fold((keys, 0), |(bson, nodes), size| (bson + size.bson, nodes + size.nodes))
}
