//! Write commands of many statements, each below what the server takes as one message.

use mongodb::bson::{RawArrayBuf, RawDocumentBuf, cstr, raw::CStr};

/// Bytes of statements in one command.
const COMMAND_BYTES: usize = 8 << 20;
/// Statements in one command.
const COMMAND_STATEMENTS: usize = 1_000;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Verb {
    Insert,
    Update,
    Delete,
}

/// Commands of one verb for one collection. The order of statements is kept.
pub(crate) struct Batches {
    verb: Verb,
    collection: &'static str,
    pending: RawArrayBuf,
    statements: usize,
    bytes: usize,
    commands: Vec<RawDocumentBuf>,
}

impl Batches {
    pub(crate) fn new(verb: Verb, collection: &'static str) -> Self {
        Self { verb, collection, pending: RawArrayBuf::new(), statements: 0, bytes: 0, commands: Vec::new() }
    }

    pub(crate) fn push(&mut self, statement: &RawDocumentBuf) {
        let bytes = statement.as_bytes().len();
        if self.statements == COMMAND_STATEMENTS || (self.statements > 0 && self.bytes + bytes > COMMAND_BYTES) {
            self.flush();
        }
        self.pending.push(statement);
        self.statements += 1;
        self.bytes += bytes;
    }

    /// An update statement: changes what matches the filter, or makes it.
    pub(crate) fn upsert(&mut self, filter: &RawDocumentBuf, change: &RawDocumentBuf) {
        let mut statement = RawDocumentBuf::new();
        statement.append(cstr!("q"), filter);
        statement.append(cstr!("u"), change);
        statement.append(cstr!("upsert"), true);
        self.push(&statement);
    }

    pub(crate) fn into_commands(mut self) -> Vec<RawDocumentBuf> {
        self.flush();
        self.commands
    }

    fn flush(&mut self) {
        if self.statements == 0 {
            return;
        }
        let (verb, statements): (&CStr, &CStr) = match self.verb {
            Verb::Insert => (cstr!("insert"), cstr!("documents")),
            Verb::Update => (cstr!("update"), cstr!("updates")),
            Verb::Delete => (cstr!("delete"), cstr!("deletes")),
        };
        let mut command = RawDocumentBuf::new();
        command.append(verb, self.collection);
        command.append(statements, std::mem::take(&mut self.pending));
        self.commands.push(command);
        (self.statements, self.bytes) = (0, 0);
    }
}
