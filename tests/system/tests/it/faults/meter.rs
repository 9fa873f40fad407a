//! What the platform uses up while something breaks: queues all the time, memory and open files at the end.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use testkit::{
    Platform,
    history::{Bound, open_files, peak_memory},
    http,
    service::sum_of,
};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

const LOOK_EVERY: Duration = Duration::from_millis(250);
/// One that is stopped does not answer; the others are not to wait for it long.
const ANSWER: Duration = Duration::from_secs(2);

/// Gauges of an authority, and the bound of each: two are from its configuration, the last is the patience of these tests.
const GAUGES: [(&str, f64); 3] = [
    ("stateward_authority_unpublished_bytes", (64 << 20) as f64),
    ("stateward_authority_cached_bytes", (1 << 30) as f64),
    ("stateward_authority_unpublished_age_seconds", 90.0),
];
/// Of one service that plays a few dozen sessions, built without optimisation.
const MEMORY: f64 = (512 << 20) as f64;
const OPEN_FILES: f64 = 1_024.0;

/// Stops on drop.
pub struct Meter {
    most: Arc<Mutex<BTreeMap<String, (f64, f64)>>>,
    task: JoinHandle<()>,
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Meter {
    pub fn start(platform: &Platform) -> Self {
        let most = Arc::<Mutex<BTreeMap<String, (f64, f64)>>>::default();
        let authorities: Vec<_> =
            platform.authorities.iter().map(|authority| (authority.process().name().to_owned(), authority.admin())).collect();
        #[expect(clippy::disallowed_methods, reason = "ends with the test")]
        let task = tokio::spawn({
            let most = Arc::clone(&most);
            async move {
                loop {
                    for (name, admin) in &authorities {
                        // One that is dead or stopped uses up nothing more.
                        let Ok(Ok(metrics)) = timeout(ANSWER, http::get(admin, "/metrics", None)).await else { continue };
                        let text = metrics.text();
                        for (gauge, limit) in GAUGES {
                            note(&most, format!("{gauge} of {name}"), sum_of(&text, gauge, &[]), limit);
                        }
                    }
                    sleep(LOOK_EVERY).await;
                }
            }
        });
        Self { most, task }
    }

    /// All that was seen, and what the services that live have had and have.
    pub fn bounds(&self, platform: &Platform) -> anyhow::Result<Vec<Bound>> {
        for process in platform.services().map(testkit::Service::process) {
            let Some(pid) = process.pid().filter(|_| process.is_running()) else { continue };
            note(&self.most, format!("resident bytes of {} at their most", process.name()), peak_memory(pid)? as f64, MEMORY);
            note(&self.most, format!("open files of {}", process.name()), open_files(pid)? as f64, OPEN_FILES);
        }
        let most = self.most.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(most.iter().map(|(what, (seen, limit))| Bound { what: what.clone(), seen: *seen, limit: *limit }).collect())
    }
}

fn note(most: &Mutex<BTreeMap<String, (f64, f64)>>, what: String, seen: f64, limit: f64) {
    let mut most = most.lock().unwrap_or_else(PoisonError::into_inner);
    let (before, _) = most.entry(what).or_insert((seen, limit));
    *before = before.max(seen);
}
