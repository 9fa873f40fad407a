//! A small HTTP server for what services ask of others: it answers every request with what the test says at the time.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// The longest head of a request.
const HEAD: usize = 16 * 1024;

/// Ends on drop.
pub struct Answering {
    port: u16,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    /// None: with 500.
    answer: Mutex<Option<Value>>,
    /// The heads of all requests so far.
    heads: Mutex<Vec<String>>,
    asked: watch::Sender<usize>,
}

impl Answering {
    pub async fn start() -> anyhow::Result<Self> {
        Self::behind(|stream| std::future::ready(Some(stream))).await
    }

    /// Behind something that makes another stream of each connection, such as TLS; None where that fails.
    pub async fn behind<S, F, R>(accept: F) -> anyhow::Result<Self>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
        F: Fn(TcpStream) -> R + Send + 'static,
        R: Future<Output = Option<S>> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared::default());
        let serving = Arc::clone(&shared);
        #[expect(clippy::disallowed_methods, reason = "ends with the server; testkit has no lifecycle")]
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Some(mut stream) = accept(stream).await {
                    // Whoever asked may be gone already.
                    let _ = serving.exchange(&mut stream).await;
                }
            }
        });
        Ok(Self { port, shared, task })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// What is answered from now on: this with 200, or 500 without a body.
    pub fn answer(&self, answer: Option<Value>) {
        *self.shared.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        *self.shared.asked.borrow()
    }

    /// Waits until it was asked more often than that.
    pub async fn asked_after(&self, count: usize) {
        // It ends with this, which is borrowed.
        let _ = self.shared.asked.subscribe().wait_for(|asked| *asked > count).await;
    }

    pub fn heads(&self) -> Vec<String> {
        self.shared.heads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes no more connections.
    pub fn stop(&self) {
        self.task.abort();
    }
}

impl Shared {
    async fn exchange(&self, stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> std::io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") && head.len() < HEAD {
            head.push(stream.read_u8().await?);
        }
        self.heads.lock().unwrap_or_else(PoisonError::into_inner).push(String::from_utf8_lossy(&head).into_owned());
        let answer = match &*self.answer.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(answer) => {
                let body = answer.to_string();
                format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                )
            }
            None => "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned(),
        };
        self.asked.send_modify(|asked| *asked += 1);
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.task.abort();
    }
}
