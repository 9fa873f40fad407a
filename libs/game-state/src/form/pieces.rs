//! A whole canonical form, sharing its bytes with the state that it was taken from.

use std::sync::Arc;

use crate::hash::StateHash;

/// The canonical bytes of a state at one version. Cheap to take, to clone and to send elsewhere; it never changes.
#[derive(Debug, Clone)]
pub struct CanonicalState {
    chunks: Arc<[Chunk]>,
    length: usize,
    hash: StateHash,
}

/// A stretch of the form.
#[derive(Debug, Clone)]
pub(crate) enum Chunk {
    Fixed(&'static [u8]),
    /// All of the bytes.
    Whole(Arc<[u8]>),
    /// Without the first byte: a run starts with a comma, which the first one of a container does not have.
    Tail(Arc<[u8]>),
}

impl Chunk {
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Fixed(bytes) => bytes,
            Self::Whole(bytes) => bytes,
            Self::Tail(bytes) => &bytes[1..],
        }
    }
}

impl CanonicalState {
    pub(crate) fn new(chunks: Vec<Chunk>, length: usize, hash: StateHash) -> Self {
        Self { chunks: chunks.into(), length, hash }
    }

    /// The form in order, in pieces of about half a KiB. The ends of pieces mean nothing, and may lie within a token.
    pub fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        self.chunks.iter().map(Chunk::bytes)
    }

    #[expect(clippy::len_without_is_empty, reason = "no state is without bytes")]
    pub fn len(&self) -> usize {
        self.length
    }

    pub fn hash(&self) -> StateHash {
        self.hash
    }

    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.length);
        self.chunks().for_each(|chunk| bytes.extend_from_slice(chunk));
        bytes
    }
}
