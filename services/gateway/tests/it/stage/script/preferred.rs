//! The one instance that gateways know of, and so prefer. What it does with updates is the test's matter.

use bus::Requests;
use protocol::subject::BUCKET_INSTANCES;

use super::{SOON, Script, Wanted};

const INSTANCE: &str = "a1";

/// It has what is sent to it, and says nothing of it.
pub(crate) struct Preferred(Requests);

impl Script {
    /// Tells gateways once more that it is there, which they believe for some seconds.
    pub(crate) async fn announce_preferred(&self) {
        self.bus.kv(BUCKET_INSTANCES).put(INSTANCE, "{}").await.unwrap();
    }

    /// Takes its updates.
    pub(crate) async fn preferred(&self) -> Preferred {
        let subject = self.bus.subjects().authority_update(&INSTANCE.parse().unwrap());
        Preferred(self.bus.serve(subject, None).await.unwrap())
    }
}

impl Preferred {
    /// The next update that was sent to it, or the test has failed.
    pub(crate) async fn update(&mut self) -> Wanted {
        tokio::time::timeout(SOON, self.0.next()).await.ok().flatten().expect("an update reaches the preferred instance").into()
    }
}
