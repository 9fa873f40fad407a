//! Why a text, operations or a state were refused: a stable word, which operation, which path, which limit.

use std::{borrow::Cow, fmt};

macro_rules! reasons {
    ($($(#[doc = $doc:literal])* $variant:ident = $word:literal,)*) => {
        /// The stable words of a refusal. This is the one place that lists them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[doc = $doc])* $variant,)*
        }

        impl Reason {
            pub const ALL: &[Reason] = &[$(Self::$variant,)*];

            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }
    };
}

reasons! {
    /// The text is not JSON, or a number in it overflows.
    BadJson = "BAD_JSON",
    /// An object names a key twice.
    DuplicateKey = "DUPLICATE_KEY",
    /// A string holds half of a surrogate pair.
    LoneSurrogate = "LONE_SURROGATE",
    /// An integer literal that a double cannot keep digit for digit.
    UnsafeNumber = "UNSAFE_NUMBER",
    /// An empty key, one with a NUL or a leading `$`, or a name that a JavaScript object inherits.
    ForbiddenKey = "FORBIDDEN_KEY",
    /// More levels than allowed.
    TooDeep = "TOO_DEEP",
    /// The list or one of its operations has the wrong shape.
    BadOperation = "BAD_OPERATION",
    /// Not one of the five operations.
    UnknownOperation = "UNKNOWN_OPERATION",
    /// An operation that needs a value has none.
    MissingValue = "MISSING_VALUE",
    /// More operations than an update may have.
    TooManyOperations = "TOO_MANY_OPERATIONS",
    /// The path cannot be read, names the root, or passes a limit of paths.
    BadPath = "BAD_PATH",
    /// Not an array index: `0|[1-9][0-9]{0,6}`.
    BadIndex = "BAD_INDEX",
    /// The index lies past the end of the array.
    IndexOutOfRange = "INDEX_OUT_OF_RANGE",
    /// A missing level would have to be created, and it is not clear whether as an object or an array.
    MissingLevel = "MISSING_LEVEL",
    /// A level of the path is null or a scalar.
    NotAContainer = "NOT_A_CONTAINER",
    /// The operation or selector needs an array.
    NotAnArray = "NOT_AN_ARRAY",
    /// `inc` by or of something that is not a number, or to a result that is not finite.
    NotANumber = "NOT_A_NUMBER",
    /// No element has the selector's id.
    NoMatch = "NO_MATCH",
    /// Several elements have the selector's id.
    AmbiguousMatch = "AMBIGUOUS_MATCH",
    /// The update's `pull`s and selectors would compare too much.
    TooExpensive = "TOO_EXPENSIVE",
    /// The state would grow over its limit of bytes, BSON bytes, values or elements of an array.
    StateTooLarge = "STATE_TOO_LARGE",
    /// The state would not have exactly its five keys with their kinds.
    BadStructure = "BAD_STRUCTURE",
}

/// A refusal. Nothing has been changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Rejection {
    reason: Reason,
    message: Cow<'static, str>,
    operation: Option<usize>,
    path: Option<String>,
    limit: Option<(u64, u64)>,
}

impl Rejection {
    pub(crate) fn new(reason: Reason, message: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, message: message.into(), operation: None, path: None, limit: None }
    }

    /// Names the limit that `actual` has passed.
    pub(crate) fn limited(mut self, limit: usize, actual: usize) -> Self {
        self.limit = Some((limit as u64, actual as u64));
        self
    }

    /// Says which operation it was, unless that is known already.
    pub(crate) fn in_operation(mut self, index: usize) -> Self {
        self.operation.get_or_insert(index);
        self
    }

    /// Says which path it was, unless that is known already; cut, so that a refusal never echoes more than a little of its input.
    pub(crate) fn on_path(mut self, path: &str) -> Self {
        if self.path.is_none() {
            self.path = Some(excerpt(path).to_owned());
        }
        self
    }

    pub fn kind(&self) -> Reason {
        self.reason
    }

    /// A stable word for the case, in capitals.
    pub fn reason(&self) -> &'static str {
        self.reason.as_str()
    }

    /// Index of the refused operation.
    pub fn operation(&self) -> Option<usize> {
        self.operation
    }

    /// The refused operation's path, at most 64 characters of it.
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// The limit that was passed and the value that passed it.
    pub fn limit(&self) -> Option<(u64, u64)> {
        self.limit
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(operation) = self.operation {
            write!(f, "operation {operation}: ")?;
        }
        if let Some(path) = &self.path {
            write!(f, "{path:?}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some((limit, actual)) = self.limit {
            write!(f, " (limit {limit}, actual {actual})")?;
        }
        Ok(())
    }
}

/// The first 64 characters.
pub(crate) fn excerpt(text: &str) -> &str {
    text.char_indices().nth(64).map_or(text, |(end, _)| &text[..end])
}
