//! What waits for a socket.

use std::{collections::VecDeque, io, io::IoSlice};

use bytes::{BufMut, Bytes, BytesMut};
use tokio::net::TcpStream;

use crate::edge::SendError;

/// The kernel takes up to 1,024 slices at once; 64 small frames already make the cost of the call disappear.
const SLICES: usize = 64;

/// Bounded in bytes, broadcasts and answers each by the same limit. When full, broadcasts are refused, and the caller
/// drops those that wait; answers are refused, and the connection is closed. The limit is checked before a frame is added to others,
/// so that one frame alone may be larger than it.
pub(super) struct Queue {
    items: VecDeque<Item>,
    /// Bytes of the first item that are already on the wire.
    written: usize,
    broadcast_bytes: usize,
    answer_bytes: usize,
    limit: usize,
}

struct Item {
    bytes: Bytes,
    droppable: bool,
}

/// Whether the socket took everything.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Written {
    All,
    Some,
}

impl Queue {
    pub(super) fn new(limit: usize) -> Self {
        Self { items: VecDeque::new(), written: 0, broadcast_bytes: 0, answer_bytes: 0, limit }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        self.broadcast_bytes + self.answer_bytes - self.written
    }

    /// `written` is what the socket already took of it; only possible when nothing waits.
    pub(super) fn push(&mut self, bytes: Bytes, written: usize, droppable: bool) -> Result<(), SendError> {
        let waiting = if droppable { self.broadcast_bytes } else { self.answer_bytes };
        if waiting > 0 && (if droppable { waiting + bytes.len() } else { waiting }) > self.limit {
            return Err(SendError::Overflow);
        }
        if written > 0 {
            self.written = written;
        }
        *self.count(droppable) += bytes.len();
        self.items.push_back(Item { bytes, droppable });
        Ok(())
    }

    pub(super) fn lift_limit(&mut self) {
        self.limit = usize::MAX;
    }

    fn count(&mut self, droppable: bool) -> &mut usize {
        if droppable { &mut self.broadcast_bytes } else { &mut self.answer_bytes }
    }

    /// Drops waiting broadcasts. A frame that is partly on the wire must be finished, or the stream would be garbage.
    pub(super) fn drop_broadcasts(&mut self) -> usize {
        self.retain(|item| !item.droppable)
    }

    pub(super) fn clear_unwritten(&mut self) {
        self.retain(|_| false);
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new(self.limit);
    }

    fn retain(&mut self, keep: impl Fn(&Item) -> bool) -> usize {
        let before = self.bytes();
        let mut started = self.written > 0;
        self.items.retain(|item| std::mem::take(&mut started) || keep(item));
        self.count_again();
        before - self.bytes()
    }

    fn count_again(&mut self) {
        self.broadcast_bytes = self.items.iter().filter(|item| item.droppable).map(|item| item.bytes.len()).sum();
        self.answer_bytes = self.items.iter().filter(|item| !item.droppable).map(|item| item.bytes.len()).sum();
    }

    pub(super) fn write_to(&mut self, stream: &TcpStream) -> io::Result<Written> {
        while !self.items.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = self.items.len().min(SLICES);
            for (slice, item) in slices.iter_mut().zip(&self.items) {
                *slice = IoSlice::new(&item.bytes);
            }
            slices[0] = IoSlice::new(&self.items[0].bytes[self.written..]);
            match stream.try_write_vectored(&slices[..count]) {
                Ok(written) => self.advance(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Written::Some),
                Err(error) => return Err(error),
            }
        }
        // An idle connection holds no memory for a queue.
        self.items = VecDeque::new();
        Ok(Written::All)
    }

    fn advance(&mut self, written: usize) {
        self.written += written;
        while let Some(item) = self.items.front()
            && self.written >= item.bytes.len()
        {
            self.written -= item.bytes.len();
            let (length, droppable) = (item.bytes.len(), item.droppable);
            self.items.pop_front();
            *self.count(droppable) -= length;
        }
    }

    /// Takes everything, with `separator` between the items.
    pub(super) fn take_joined(&mut self, separator: u8) -> Bytes {
        let mut joined = BytesMut::with_capacity(self.bytes() + self.items.len());
        for (index, item) in self.items.iter().enumerate() {
            if index > 0 {
                joined.put_u8(separator);
            }
            joined.put_slice(&item.bytes);
        }
        self.clear();
        joined.freeze()
    }

    pub(super) fn map_each(&mut self, encode: impl Fn(&Bytes) -> Bytes) {
        for item in &mut self.items {
            item.bytes = encode(&item.bytes);
        }
        self.count_again();
    }
}
