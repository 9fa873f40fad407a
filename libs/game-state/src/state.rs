//! A game state: applied to in place, put back exactly, hashed by what changed.

use crate::{
    form::{CanonicalState, OldHash},
    hash::StateHash,
    limits::Limits,
    operation::{Operation, Operations, check_value, too_many},
    parse,
    previous::Previous,
    rejection::{Reason, Rejection},
    structure,
    tree::{Step, Tree},
    update::Update,
    value::{Object, Value},
};

/// The state of one session: an object with exactly the keys `characters`, `actors`, `items`, `currentEncounter` and `pluginData`.
#[derive(Debug)]
pub struct GameState {
    tree: Tree,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateSize {
    /// Bytes of the RFC 8785 form.
    pub canonical_bytes: usize,
    /// Bytes as a BSON document.
    pub bson_bytes: usize,
    /// Values: containers and scalars, the root included.
    pub nodes: usize,
}

/// What an update did.
#[derive(Debug)]
pub struct Applied {
    /// The operations with their selectors resolved to indexes: what is broadcast and replayed.
    pub resolved: Operations,
    /// What each operation found.
    pub previous: Vec<Previous>,
    /// Of the new state.
    pub hash: StateHash,
    pub undo: Undo,
}

/// What an update did to the state, whose hash is still to be made.
#[derive(Debug)]
pub struct Changed {
    pub resolved: Operations,
    pub previous: Vec<Previous>,
    pub undo: Undo,
}

/// Takes the state back to what it was before the update that gave this. It fits no other state.
#[derive(Debug)]
#[must_use = "drop it only once the update is final"]
pub struct Undo {
    steps: Vec<Step>,
    hash: OldHash,
}

impl GameState {
    pub fn empty() -> Self {
        let array = || Value::Array(Vec::new());
        let members = [
            ("actors", array()),
            ("characters", array()),
            ("currentEncounter", Value::Null),
            ("items", array()),
            ("pluginData", Value::Object(Object::default())),
        ];
        let entries = members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let root = Object::from_entries(entries).unwrap_or_else(|_| unreachable!("five keys, each once"));
        Self { tree: Tree::new(Value::Object(root)) }
    }

    /// Reads a state strictly: see [`Value::parse`].
    pub fn parse(json: &str, limits: &Limits) -> Result<Self, Rejection> {
        // Escapes and white space go, so the canonical form may be shorter: but a text so much longer is not worth reading.
        let most = limits.state_bytes.saturating_mul(8);
        if json.len() > most {
            return Err(too_large("bytes of canonical form").limited(most, json.len()));
        }
        let value = parse::parse(json, limits.levels()).map_err(|refused| refused.rejection)?;
        Self::from_value(value, limits)
    }

    pub fn from_value(mut value: Value, limits: &Limits) -> Result<Self, Rejection> {
        normalise(&mut value, limits.levels())?;
        structure::check(&value)?;
        check_value(&value, 0, limits)?;
        let state = Self { tree: Tree::new(value) };
        check_size(state.size(), None, limits)?;
        Ok(state)
    }

    pub fn root(&self) -> &Value {
        self.tree.root()
    }

    /// SHA-256 of the RFC 8785 form.
    pub fn hash(&mut self) -> StateHash {
        self.tree.form.hash()
    }

    /// The whole canonical form, sharing its bytes with this state.
    pub fn canonical(&mut self) -> CanonicalState {
        self.tree.form.capture()
    }

    pub fn size(&self) -> StateSize {
        StateSize { canonical_bytes: self.tree.form.len(), bson_bytes: self.tree.bson, nodes: self.tree.nodes }
    }

    /// Bytes that went into hashes of this state until now: what hashing it has cost.
    pub fn hashed_bytes(&self) -> u64 {
        self.tree.form.hashed()
    }

    /// Applies all operations, one after another, or none.
    pub fn apply(&mut self, operations: &Operations, limits: &Limits) -> Result<Applied, Rejection> {
        // So that what is put back has its hash again.
        let _before = self.hash();
        let Changed { resolved, previous, undo } = self.change(operations, limits)?;
        Ok(Applied { resolved, previous, hash: self.hash(), undo })
    }

    /// As [`GameState::apply`], and leaves the hash to whoever asks for it: until then nothing is hashed.
    pub fn change(&mut self, operations: &Operations, limits: &Limits) -> Result<Changed, Rejection> {
        if operations.len() > limits.operations {
            return Err(too_many(limits, operations.len()));
        }
        let size = self.size();
        let mut resolved: Vec<Operation> = Vec::with_capacity(operations.len());
        let mut previous = Vec::with_capacity(operations.len());
        let mut steps = Vec::with_capacity(operations.len());
        let mut refused = None;
        let mut update = Update { tree: &mut self.tree, limits, compared: 0 };
        for (index, operation) in operations.iter().enumerate() {
            match update.apply(operation) {
                Ok((operation, found, step)) => {
                    resolved.push(operation);
                    previous.push(found);
                    steps.extend(step);
                }
                Err(rejection) => {
                    refused = Some(rejection.in_operation(index).on_path(&operation.path.describe()));
                    break;
                }
            }
        }
        let undo = Undo { steps, hash: self.tree.refresh() };
        let refused = refused.or_else(|| check_size(self.size(), Some(size), limits).err());
        if let Some(rejection) = refused {
            self.put_back(undo);
            return Err(rejection);
        }
        Ok(Changed { resolved: resolved.into_iter().collect(), previous, undo })
    }

    /// Undoes the last update that is not undone yet.
    pub fn put_back(&mut self, undo: Undo) {
        self.tree.undo(undo.steps);
        self.tree.refresh_back(undo.hash);
    }
}

impl Default for GameState {
    fn default() -> Self {
        Self::empty()
    }
}

/// Refuses a state over a limit, unless an update made it smaller: a state over a lowered limit can still shrink.
fn check_size(size: StateSize, before: Option<StateSize>, limits: &Limits) -> Result<(), Rejection> {
    let rows = [
        ("bytes of canonical form", size.canonical_bytes, before.map(|before| before.canonical_bytes), limits.state_bytes),
        ("bytes of BSON", size.bson_bytes, before.map(|before| before.bson_bytes), limits.state_bson_bytes),
        ("values", size.nodes, before.map(|before| before.nodes), limits.nodes),
    ];
    let passed = rows.into_iter().find(|(_, actual, before, limit)| actual > limit && before.is_none_or(|before| *actual > before));
    passed.map_or(Ok(()), |(what, actual, _, limit)| Err(too_large(what).limited(limit, actual)))
}

fn too_large(what: &str) -> Rejection {
    Rejection::new(Reason::StateTooLarge, format!("the state has too many {what}"))
}

/// Makes a value that was built in memory what the parser would have given: finite numbers, one zero, not too deep.
fn normalise(value: &mut Value, levels: usize) -> Result<(), Rejection> {
    let below = |levels: usize| levels.checked_sub(1).ok_or_else(|| Rejection::new(Reason::TooDeep, "too many levels"));
    match value {
        Value::Number(number) if !number.is_finite() => return Err(Rejection::new(Reason::NotANumber, "a number is finite")),
        Value::Number(number) => *number += 0.0,
        Value::Array(elements) => {
            let levels = below(levels)?;
            elements.iter_mut().try_for_each(|element| normalise(element, levels))?;
        }
        Value::Object(object) => {
            let levels = below(levels)?;
            object.values_mut().try_for_each(|member| normalise(member, levels))?;
        }
        _ => {}
    }
    Ok(())
}
