//! A load balancer as simple as can be: each connection goes to the next gateway that takes it.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

pub struct Balancer {
    port: u16,
    targets: Arc<Mutex<Vec<u16>>>,
    task: JoinHandle<()>,
}

impl Balancer {
    pub async fn start(targets: Vec<u16>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let targets = Arc::new(Mutex::new(targets));
        let (known, turn) = (Arc::clone(&targets), Arc::new(AtomicUsize::new(0)));
        #[expect(clippy::disallowed_methods, reason = "ends with the balancer")]
        let task = tokio::spawn(async move {
            let mut carried = tokio::task::JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let targets = known.lock().unwrap_or_else(PoisonError::into_inner).clone();
                carried.spawn(carry(client, targets, turn.fetch_add(1, Ordering::Relaxed)));
                while carried.try_join_next().is_some() {}
            }
        });
        Ok(Self { port, targets, task })
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where connections go from now on; nowhere, and they are refused.
    pub fn set(&self, targets: Vec<u16>) {
        *self.targets.lock().unwrap_or_else(PoisonError::into_inner) = targets;
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(mut client: TcpStream, targets: Vec<u16>, turn: usize) {
    for step in 0..targets.len() {
        let port = targets[(turn + step) % targets.len()];
        if let Ok(mut gateway) = TcpStream::connect(("127.0.0.1", port)).await {
            // Either end may break off at any time.
            let _ = copy_bidirectional(&mut client, &mut gateway).await;
            return;
        }
    }
}
