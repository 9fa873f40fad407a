//! What a service shows on its admin port beside what all services show.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::Value;

type Page = Arc<dyn Fn() -> Value + Send + Sync>;

/// Pages by their paths. Cheap to clone; a page may be added while the port is open.
#[derive(Clone, Default)]
pub struct Pages(Arc<Mutex<BTreeMap<&'static str, Page>>>);

impl Pages {
    /// `show` makes the JSON of the page each time that it is asked for.
    pub fn add(&self, path: &'static str, show: impl Fn() -> Value + Send + Sync + 'static) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(path, Arc::new(show));
    }

    pub(crate) fn show(&self, path: &str) -> Option<Value> {
        // The page is made without the lock.
        let page = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned();
        page.map(|show| show())
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.lock().unwrap_or_else(PoisonError::into_inner).keys()).finish()
    }
}
