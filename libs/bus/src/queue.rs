//! A queue bounded by count and by bytes, between the task that drains a NATS subscription and its reader.
//!
//! async-nats bounds a subscription by count alone and drops quietly what does not fit; a task of ours drains it at once,
//! so the bound and the overflow rule are here.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::mpsc;

pub(crate) fn bounded<T>(items: usize, bytes: usize) -> (Writer<T>, Reader<T>) {
    let (sender, receiver) = mpsc::channel(items);
    let held = Arc::new(AtomicUsize::new(0));
    (Writer { sender, held: held.clone(), bytes }, Reader { receiver, held })
}

pub(crate) struct Writer<T> {
    sender: mpsc::Sender<(usize, T)>,
    held: Arc<AtomicUsize>,
    bytes: usize,
}

impl<T> Writer<T> {
    /// Adds an item of `size` bytes, or gives it back when there is no room. An empty queue takes an item of any size.
    pub(crate) fn push(&self, size: usize, item: T) -> Result<(), T> {
        let held = self.held.load(Ordering::Acquire);
        if held > 0 && held + size > self.bytes {
            return Err(item);
        }
        // Counted first: the reader may take it before we go on.
        self.held.fetch_add(size, Ordering::AcqRel);
        self.sender.try_send((size, item)).map_err(|error| {
            self.held.fetch_sub(size, Ordering::AcqRel);
            error.into_inner().1
        })
    }

    /// Adds an item of no size as soon as there is room.
    pub(crate) async fn push_when_room(&self, item: T) {
        // The reader is gone: nobody waits for the item.
        let _ = self.sender.send((0, item)).await;
    }

    /// Returns when the reader is gone.
    pub(crate) async fn closed(&self) {
        self.sender.closed().await;
    }
}

pub(crate) struct Reader<T> {
    receiver: mpsc::Receiver<(usize, T)>,
    held: Arc<AtomicUsize>,
}

impl<T> Reader<T> {
    pub(crate) fn poll_next(&mut self, context: &mut std::task::Context<'_>) -> std::task::Poll<Option<T>> {
        self.receiver.poll_recv(context).map(|next| {
            let (size, item) = next?;
            self.held.fetch_sub(size, Ordering::AcqRel);
            Some(item)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn next<T>(reader: &mut Reader<T>) -> Option<T> {
        std::future::poll_fn(|context| reader.poll_next(context)).await
    }

    #[tokio::test]
    async fn both_bounds_hold_and_taking_makes_room() {
        let (writer, mut reader) = bounded(3, 100);
        assert_eq!(writer.push(500, 'a'), Ok(()), "an empty queue takes anything");
        assert_eq!(writer.push(1, 'b'), Err('b'), "bytes are used up");
        assert_eq!(next(&mut reader).await, Some('a'));
        for item in ['c', 'd', 'e'] {
            assert_eq!(writer.push(10, item), Ok(()));
        }
        assert_eq!(writer.push(10, 'f'), Err('f'), "the count is used up");
        assert_eq!(next(&mut reader).await, Some('c'));
        assert_eq!(writer.push(80, 'g'), Ok(()), "a refused item has not used up bytes");
    }
}
