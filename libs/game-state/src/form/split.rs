//! A large container's form as runs of children.

use std::sync::Arc;

use super::{pieces::Chunk, write::write_children};
use crate::value::Value;

/// A run is closed when it has so many bytes; a container with fewer is never split.
pub(super) const PIECE: usize = 512;
/// A run with fewer bytes is written together with a touched neighbour.
const SMALL: usize = PIECE / 4;
/// A split that has shrunk below this becomes part of a run again.
const MERGE: usize = PIECE / 2;

#[derive(Debug)]
pub(super) struct Split {
    open: &'static [u8],
    close: &'static [u8],
    runs: Vec<Run>,
    /// Bytes as of the last refresh.
    length: usize,
    /// The first run that was touched since then, and the first of those that was not only touched within its own split.
    touched: Option<usize>,
    cut: Option<usize>,
}

/// Neighbouring children. Their bytes start with a comma, whether or not something stands before them.
/// What is asked of all runs for each change stands here, so that only those are looked into that it concerns.
#[derive(Debug)]
pub(super) struct Run {
    children: usize,
    /// Bytes as of the last refresh; of one to be written, none.
    length: usize,
    /// Something within its own split was touched since then.
    touched: bool,
    body: Body,
}

#[derive(Debug)]
enum Body {
    /// To be written.
    Stale,
    Flat(Arc<[u8]>),
    /// One large child, and what stands before it: the comma and its key.
    Nested(Box<Nested>),
}

#[derive(Debug)]
struct Nested {
    head: Arc<[u8]>,
    split: Split,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Touch {
    Replaced,
    Inserted,
    Removed,
}

impl Split {
    /// The form of a container, split however small it is.
    pub(super) fn of(container: &Value) -> Self {
        let mut runs = Vec::new();
        write_children(container, 0, container.children(), &mut Vec::new(), &mut runs, true);
        Self::new(container, runs)
    }

    pub(super) fn new(container: &Value, runs: Vec<Run>) -> Self {
        let (open, close) = brackets(container);
        let mut split = Self { open, close, runs, length: 0, touched: None, cut: None };
        split.length = split.measure();
        split
    }

    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn touch(&mut self, at: &[usize], touch: Touch) {
        let Some((&child, below)) = at.split_first() else {
            return;
        };
        if below.is_empty() && touch == Touch::Inserted {
            return self.insert(child);
        }
        let Some(index) = self.run_of(child) else {
            return;
        };
        let run = &mut self.runs[index];
        if !below.is_empty()
            && let Body::Nested(nested) = &mut run.body
        {
            nested.split.touch(below, touch);
            return self.mark_within(index);
        }
        run.become_stale();
        if below.is_empty() && touch == Touch::Removed {
            run.children -= 1;
            if run.children == 0 {
                self.runs.remove(index);
            }
        }
        self.mark(index);
    }

    pub(super) fn reshape(&mut self, container: &[usize], first: usize, children: usize) {
        if let Some((&child, below)) = container.split_first() {
            let Some(index) = self.run_of(child) else {
                return;
            };
            if let Body::Nested(nested) = &mut self.runs[index].body {
                nested.split.reshape(below, first, children);
                return self.mark_within(index);
            }
            self.runs[index].become_stale();
            return self.mark(index);
        }
        // Everything from the run of `first` on becomes one run to be written; refresh cuts it up again.
        let index = self.run_of(first).unwrap_or(self.runs.len());
        self.mark(index);
        let before: usize = self.runs[..index].iter().map(|run| run.children).sum();
        self.runs.truncate(index);
        if children > before {
            self.runs.push(Run::stale(children - before));
        }
    }

    fn insert(&mut self, child: usize) {
        let mut start = 0;
        let last = self.runs.len();
        for (index, run) in self.runs.iter_mut().enumerate() {
            let end = start + run.children;
            let nested = matches!(run.body, Body::Nested(_));
            // At a border the child joins the run before it, unless that holds one large child.
            if child < end || child == end && !nested {
                if nested {
                    self.runs.insert(index, Run::stale(1));
                } else {
                    run.children += 1;
                    run.become_stale();
                }
                return self.mark(index);
            }
            start = end;
        }
        self.runs.push(Run::stale(1));
        self.mark(last);
    }

    fn run_of(&self, child: usize) -> Option<usize> {
        let mut end = 0;
        self.runs.iter().position(|run| {
            end += run.children;
            child < end
        })
    }

    /// The run at `index` stays, and its own split is to be refreshed.
    fn mark_within(&mut self, index: usize) {
        self.runs[index].touched = true;
        self.note(index);
    }

    /// The run at `index` is to be written, or is gone.
    fn mark(&mut self, index: usize) {
        self.note(index);
        self.cut = Some(self.cut.map_or(index, |first| first.min(index)));
    }

    fn note(&mut self, index: usize) {
        self.touched = Some(self.touched.map_or(index, |first| first.min(index)));
    }

    /// Writes the touched runs. Gives the first byte that may have changed.
    pub(super) fn refresh(&mut self, container: &Value) -> Option<usize> {
        let touched = self.touched.take()?;
        // If the first touched run itself stands where it stood, only something inside of it has changed.
        let mut inside = self.cut.take() != Some(touched);
        let before = &self.runs[..touched];
        let mut child: usize = before.iter().map(|run| run.children).sum();
        // The first run's comma is not written.
        let comma = usize::from(touched > 0);
        let mut first = self.open.len() + before.iter().map(|run| run.length).sum::<usize>() - usize::from(touched > 0);
        let mut index = touched;
        let mut scratch = Vec::new();
        while let Some(run) = self.runs.get_mut(index) {
            // Of the first run only, and not of another that takes its place when it becomes one with the run before it.
            let inside = std::mem::take(&mut inside);
            if std::mem::take(&mut run.touched)
                && let Body::Nested(nested) = &mut run.body
            {
                let inner = container.child(child).and_then(|value| nested.split.refresh(value));
                if inside && let Some(inner) = inner {
                    first += nested.head.len() - 1 + comma + inner;
                }
                run.length = nested.head.len() + nested.split.length;
                if nested.split.length < MERGE {
                    run.become_stale();
                }
            }
            if matches!(run.body, Body::Stale) {
                let (from, to) = self.stale_stretch(index);
                let start = child - self.runs[from..index].iter().map(|run| run.children).sum::<usize>();
                let children = self.runs[from..to].iter().map(|run| run.children).sum();
                let mut fresh = Vec::new();
                scratch.reserve(2 * PIECE);
                write_children(container, start, children, &mut scratch, &mut fresh, true);
                index = from + fresh.len();
                child = start + children;
                self.runs.splice(from..to, fresh);
            } else {
                child += run.children;
                index += 1;
            }
        }
        self.length = self.measure();
        Some(first)
    }

    /// The runs to be written together with a stale one: small ones before it, stale and small ones after it.
    fn stale_stretch(&self, index: usize) -> (usize, usize) {
        let from = if index > 0 && self.runs[index - 1].is_small() { index - 1 } else { index };
        let after = self.runs[index + 1..].iter().take_while(|run| matches!(run.body, Body::Stale) || run.is_small());
        (from, index + 1 + after.count())
    }

    fn measure(&self) -> usize {
        let runs: usize = self.runs.iter().map(|run| run.length).sum();
        self.open.len() + runs.saturating_sub(1) + self.close.len()
    }

    /// Hands over the bytes from an offset on. Large parts before it are passed over unseen.
    pub(super) fn visit(&self, skip: &mut usize, sink: &mut dyn FnMut(&[u8])) {
        give(self.open, skip, sink);
        for (index, run) in self.runs.iter().enumerate() {
            let comma = usize::from(index == 0);
            if *skip >= run.length {
                *skip -= run.length.saturating_sub(comma);
                continue;
            }
            match &run.body {
                Body::Stale => {}
                Body::Flat(bytes) => give(&bytes[comma..], skip, sink),
                Body::Nested(nested) => {
                    give(&nested.head[comma..], skip, sink);
                    nested.split.visit(skip, sink);
                }
            }
        }
        give(self.close, skip, sink);
    }

    pub(super) fn collect(&self, chunks: &mut Vec<Chunk>) {
        let piece = |bytes: &Arc<[u8]>, first: bool| if first { Chunk::Tail(Arc::clone(bytes)) } else { Chunk::Whole(Arc::clone(bytes)) };
        chunks.push(Chunk::Fixed(self.open));
        for (index, run) in self.runs.iter().enumerate() {
            match &run.body {
                Body::Stale => {}
                Body::Flat(bytes) => chunks.push(piece(bytes, index == 0)),
                Body::Nested(nested) => {
                    chunks.push(piece(&nested.head, index == 0));
                    nested.split.collect(chunks);
                }
            }
        }
        chunks.push(Chunk::Fixed(self.close));
    }
}

impl Run {
    /// Neighbouring children, written.
    pub(super) fn flat(children: usize, bytes: &[u8]) -> Self {
        Self { children, length: bytes.len(), touched: false, body: Body::Flat(Arc::from(bytes)) }
    }

    /// One large child.
    pub(super) fn nested(head: &[u8], split: Split) -> Self {
        let length = head.len() + split.length;
        Self { children: 1, length, touched: false, body: Body::Nested(Box::new(Nested { head: Arc::from(head), split })) }
    }

    fn stale(children: usize) -> Self {
        Self { children, length: 0, touched: false, body: Body::Stale }
    }

    fn become_stale(&mut self) {
        *self = Self::stale(self.children);
    }

    fn is_small(&self) -> bool {
        matches!(self.body, Body::Flat(_)) && self.length < SMALL
    }
}

pub(super) fn brackets(container: &Value) -> (&'static [u8], &'static [u8]) {
    if matches!(container, Value::Array(_)) { (b"[", b"]") } else { (b"{", b"}") }
}

fn give(bytes: &[u8], skip: &mut usize, sink: &mut dyn FnMut(&[u8])) {
    let skipped = bytes.len().min(*skip);
    *skip -= skipped;
    if skipped < bytes.len() {
        sink(&bytes[skipped..]);
    }
}
