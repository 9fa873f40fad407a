//! Why operations or a state were refused: which operation, which path, which limit.

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("refused")]
pub struct Rejection {}

impl Rejection {
    /// A stable word for the case, in capitals.
    pub fn reason(&self) -> &'static str {
        "TODO"
    }

    pub fn operation(&self) -> Option<usize> {
        None
    }

    pub fn path(&self) -> Option<&str> {
        None
    }

    /// The limit that was passed and the value that passed it.
    pub fn limit(&self) -> Option<(u64, u64)> {
        None
    }
}
