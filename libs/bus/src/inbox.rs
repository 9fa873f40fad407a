//! One inbox for all replies to this process: `<prefix>.<random>.<request>.<delivery>`.

use std::{
    collections::{HashMap, VecDeque},
    fmt::Write as _,
    future::poll_fn,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Poll, Waker},
};

use async_nats::{Subject, Subscriber};
use futures_util::StreamExt;

use crate::{Message, RequestError};

/// Requests that may wait for replies at once. The next is refused as busy: its sender slows down.
const MAX_WAITING: usize = 65_536;

/// Registers requests and hands replies to them. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Inbox(Arc<Inner>);

struct Inner {
    base: String,
    next_id: AtomicU64,
    waiting: Mutex<HashMap<u64, Replies>>,
}

/// What has come for one request and is not read yet. Most requests get one reply, so nothing is set up for more.
struct Replies {
    arrived: VecDeque<Message>,
    room: usize,
    /// No more will come.
    is_cut: bool,
    reader: Option<Waker>,
}

impl Inbox {
    /// `base` must not be guessable, so that nobody can answer in another's place.
    pub(crate) fn new(base: String) -> Self {
        Self(Arc::new(Inner { base, next_id: AtomicU64::new(0), waiting: Mutex::default() }))
    }

    /// What to subscribe to.
    pub(crate) fn wildcard(&self) -> String {
        format!("{}.>", self.0.base)
    }

    /// Makes room for the replies to one request: at most `replies` that wait to be read. More would mean that the reader
    /// lags behind an answer that it asked for: the request then fails as cut off.
    pub(crate) fn register(&self, replies: usize) -> Result<Waiting, RequestError> {
        let id = self.0.next_id.fetch_add(1, Ordering::Relaxed);
        let mut waiting = self.waiting();
        if waiting.len() >= MAX_WAITING {
            return Err(RequestError::Busy { what: format!("{MAX_WAITING} requests wait for their answers") });
        }
        waiting.insert(id, Replies { arrived: VecDeque::new(), room: replies, is_cut: false, reader: None });
        Ok(Waiting { id, inbox: self.clone() })
    }

    /// Hands on what arrives until the subscription ends.
    pub(crate) async fn dispatch(self, mut arriving: Subscriber) {
        while let Some(message) = arriving.next().await {
            let Some(id) = self.request_of(&message.subject) else { continue };
            let mut waiting = self.waiting();
            // Nobody waits any more: the request has timed out, or was answered by another.
            let Some(replies) = waiting.get_mut(&id).filter(|replies| !replies.is_cut) else { continue };
            if replies.arrived.len() < replies.room {
                replies.arrived.push_back(message.into());
            } else {
                replies.is_cut = true;
            }
            let reader = replies.reader.take();
            drop(waiting);
            reader.into_iter().for_each(Waker::wake);
        }
        self.fail_all();
    }

    /// Ends the wait of all requests: replies to this connection do not come any more.
    pub(crate) fn fail_all(&self) {
        let cut = |replies: &mut Replies| {
            replies.is_cut = true;
            replies.reader.take()
        };
        let readers: Vec<Waker> = self.waiting().values_mut().filter_map(cut).collect();
        readers.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn waiting_requests(&self) -> usize {
        self.waiting().len()
    }

    fn request_of(&self, subject: &str) -> Option<u64> {
        subject.strip_prefix(&self.0.base)?.strip_prefix('.')?.split('.').next()?.parse().ok()
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Replies>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request that waits. Dropping it ends the wait.
pub(crate) struct Waiting {
    id: u64,
    inbox: Inbox,
}

impl Waiting {
    /// Where the replies to one delivery of this request go.
    pub(crate) fn subject(&self, delivery: usize) -> Subject {
        // Room for it once: the number of a request and of a delivery, each with its dot.
        let mut subject = String::with_capacity(self.inbox.0.base.len() + 32);
        // Text takes whatever is written to it.
        let _ = write!(subject, "{}.{}.{delivery}", self.inbox.0.base, self.id);
        Subject::from(subject)
    }

    /// Which delivery a reply answers.
    pub(crate) fn delivery_of(message: &Message) -> Option<usize> {
        message.subject.rsplit('.').next()?.parse().ok()
    }

    /// The next reply.
    pub(crate) async fn next(&mut self) -> Result<Message, RequestError> {
        poll_fn(|context| {
            let mut waiting = self.inbox.waiting();
            let Some(replies) = waiting.get_mut(&self.id) else { return Poll::Ready(Err(RequestError::ConnectionLost)) };
            match replies.arrived.pop_front() {
                Some(message) => Poll::Ready(Ok(message)),
                None if replies.is_cut => Poll::Ready(Err(RequestError::ConnectionLost)),
                None => {
                    replies.reader = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.inbox.waiting().remove(&self.id);
    }
}
