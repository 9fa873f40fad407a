//! The canonical form of a state, kept up to date in pieces, and its hash.
//!
//! A container larger than a piece is split into runs of neighbouring children; each run holds the bytes of its children, or, for one
//! large child, that child's own split. A change marks the runs that it touched; [`Form::refresh`] writes those alone.
//! While hashing, the digest's state is kept every [`STRIDE`] bytes: the next hash starts at the last one before the first change.

mod pieces;
mod split;
mod write;

use sha2::{Digest as _, Sha256};

pub use pieces::CanonicalState;

use self::{
    pieces::Chunk,
    split::{Split, Touch},
};
use crate::{hash::StateHash, value::Value};

/// Bytes between two kept digest states.
const STRIDE: usize = 2 << 10;

#[derive(Debug)]
pub(crate) struct Form {
    root: Split,
    /// The state of the digest after 1, 2, 3, ... strides.
    midstates: Vec<Sha256>,
    hash: Option<StateHash>,
    /// Bytes that the digest has taken since the form was made.
    hashed: u64,
}

/// What a change made invalid of the hash: enough to have it back without hashing.
#[derive(Debug)]
pub(crate) struct OldHash {
    kept: usize,
    midstates: Vec<Sha256>,
    hash: Option<StateHash>,
}

impl Form {
    pub(crate) fn of(root: &Value) -> Self {
        Self { root: Split::of(root), midstates: Vec::new(), hash: None, hashed: 0 }
    }

    /// The value at these positions was replaced.
    pub(crate) fn replaced(&mut self, at: &[usize]) {
        self.root.touch(at, Touch::Replaced);
    }

    /// A value was put in at these positions, before the one that had them.
    pub(crate) fn inserted(&mut self, at: &[usize]) {
        self.root.touch(at, Touch::Inserted);
    }

    pub(crate) fn removed(&mut self, at: &[usize]) {
        self.root.touch(at, Touch::Removed);
    }

    /// The container's children changed from the position `first` on; it has so many now.
    pub(crate) fn reshaped(&mut self, container: &[usize], first: usize, children: usize) {
        self.root.reshape(container, first, children);
    }

    /// Writes what was touched again. The form is that of `root` then.
    pub(crate) fn refresh(&mut self, root: &Value) -> OldHash {
        let Some(first) = self.root.refresh(root) else {
            return OldHash { kept: self.midstates.len(), midstates: Vec::new(), hash: self.hash };
        };
        let kept = self.midstates.len().min(first / STRIDE);
        OldHash { kept, midstates: self.midstates.split_off(kept), hash: self.hash.take() }
    }

    /// Like [`Form::refresh`], after the change that made `old` was undone.
    pub(crate) fn refresh_back(&mut self, root: &Value, old: OldHash) {
        let _changed = self.root.refresh(root);
        self.midstates.truncate(old.kept);
        self.midstates.extend(old.midstates);
        self.hash = old.hash;
    }

    /// Bytes, as of the last refresh.
    pub(crate) fn len(&self) -> usize {
        self.root.len()
    }

    /// As of the last refresh.
    pub(crate) fn hash(&mut self) -> StateHash {
        if let Some(hash) = self.hash {
            return hash;
        }
        let mut digest = self.midstates.last().cloned().unwrap_or_default();
        let mut at = self.midstates.len() * STRIDE;
        let midstates = &mut self.midstates;
        let (mut skip, from) = (at, at);
        self.root.visit(&mut skip, &mut |mut bytes| {
            while at % STRIDE + bytes.len() >= STRIDE {
                let (before, after) = bytes.split_at(STRIDE - at % STRIDE);
                digest.update(before);
                midstates.push(digest.clone());
                at += before.len();
                bytes = after;
            }
            digest.update(bytes);
            at += bytes.len();
        });
        let hash = StateHash::from_bytes(digest.finalize().into());
        self.hash = Some(hash);
        self.hashed += (at - from) as u64;
        hash
    }

    pub(crate) fn hashed(&self) -> u64 {
        self.hashed
    }

    /// Shares the pieces: later changes make new ones.
    pub(crate) fn capture(&mut self) -> CanonicalState {
        let hash = self.hash();
        let mut chunks: Vec<Chunk> = Vec::new();
        self.root.collect(&mut chunks);
        CanonicalState::new(chunks, self.len(), hash)
    }
}
