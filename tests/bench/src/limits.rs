//! The raw limits: what the parts can do with nothing of ours around them.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    time::{Duration, Instant},
};

use anyhow::Context;
use futures_util::{StreamExt, future::try_join_all};
use mongodb::{
    Client, Collection,
    bson::{RawDocumentBuf, rawdoc},
    options::{ClientOptions, WriteConcern},
};
use sha2::{Digest, Sha256};
use testkit::{NatsServer, scratch::Scratch};

use crate::statistics::Spread;

/// As large as the journal entry of a small update.
const ENTRY_BYTES: usize = 350;
/// As large as an update on its way.
pub(crate) const MESSAGE_BYTES: usize = 250;
/// Of the file whose writes are flushed.
const DISK_BYTES: usize = 1 << 20;
/// Entries of one batch where nothing else bounds it.
const BATCH: usize = 256;

/// Majority writes by the bare driver.
pub(crate) struct RawMongo {
    entries: Collection<RawDocumentBuf>,
    next: u64,
}

impl RawMongo {
    pub(crate) async fn connect(uri: &str, collection: &str) -> anyhow::Result<Self> {
        let mut options = ClientOptions::parse(uri).await?;
        options.write_concern = Some(WriteConcern::builder().w(mongodb::options::Acknowledgment::Majority).journal(true).build());
        // The least that a write can cost: a retryable one takes a record of its session along.
        options.retry_writes = Some(false);
        let client = Client::with_options(options)?;
        let raw = Self { entries: client.database("bench_raw").collection(collection), next: 0 };
        raw.entries.drop().await?;
        Ok(raw)
    }

    pub(crate) async fn write(&mut self) -> anyhow::Result<()> {
        let entry = self.entry();
        self.entries.insert_one(entry).await?;
        Ok(())
    }

    fn entry(&mut self) -> RawDocumentBuf {
        self.next += 1;
        rawdoc! { "_id": format!("session:{:016}", self.next), "entry": "x".repeat(ENTRY_BYTES - 50) }
    }

    /// One after another, each as soon as the one before is answered: how long each takes, in ms.
    pub(crate) async fn writes(&mut self, duration: Duration) -> anyhow::Result<Spread> {
        self.writes_after(Duration::ZERO, duration).await
    }

    /// The same, each up to `pause` after the answer to the one before, and at every moment of that as often.
    pub(crate) async fn writes_within(&mut self, pause: Duration, duration: Duration) -> anyhow::Result<Spread> {
        /// Whose multiples lie evenly between the whole numbers, however many there are.
        const GOLDEN_RATIO: f64 = 1.618_033_988_749_895;
        self.paced(duration, |number| pause.mul_f64((number as f64 * GOLDEN_RATIO).fract())).await
    }

    /// The same, each so long after the answer to the one before.
    pub(crate) async fn writes_after(&mut self, rest: Duration, duration: Duration) -> anyhow::Result<Spread> {
        self.paced(duration, |_| rest).await
    }

    async fn paced(&mut self, duration: Duration, rest: impl Fn(usize) -> Duration) -> anyhow::Result<Spread> {
        let (start, mut times) = (Instant::now(), Vec::new());
        while start.elapsed() < duration {
            let entry = self.entry();
            pause(rest(times.len()));
            let sent = Instant::now();
            self.entries.insert_one(entry).await?;
            times.push(sent.elapsed().as_secs_f64() * 1e3);
        }
        Ok(Spread::of(times))
    }

    /// In unordered batches, two of them on the way: entries per second. `sessions` bounds how many can wait at once.
    pub(crate) async fn batches(&mut self, sessions: usize, duration: Duration) -> anyhow::Result<f64> {
        let lanes = sessions.min(2);
        let batch = (sessions / lanes).clamp(1, BATCH);
        let start = Instant::now();
        let (entries, first) = (&self.entries, self.next);
        let writing = (0..lanes).map(|lane| async move {
            let (mut written, mut next) = (0, first + (lane as u64) * 1_000_000_000);
            while start.elapsed() < duration {
                let documents = (0..batch).map(|_| {
                    next += 1;
                    rawdoc! { "_id": format!("batch:{next:016}"), "entry": "x".repeat(ENTRY_BYTES - 50) }
                });
                let documents: Vec<RawDocumentBuf> = documents.collect();
                entries.insert_many(documents).ordered(false).await?;
                written += batch;
            }
            anyhow::Ok(written)
        });
        let written: usize = try_join_all(writing).await?.into_iter().sum();
        self.next += written as u64;
        Ok(written as f64 / start.elapsed().as_secs_f64())
    }
}

/// Round trips over a real nats-server.
pub(crate) struct RawNats {
    client: async_nats::Client,
    stream: String,
}

impl RawNats {
    pub(crate) async fn connect(nats: &NatsServer) -> anyhow::Result<Self> {
        let client = async_nats::connect(nats.url()).await?;
        let mut questions = client.subscribe("bench.raw.echo").await?;
        let answering = client.clone();
        let echo = tokio_util::task::TaskTracker::new();
        echo.spawn(async move {
            while let Some(question) = questions.next().await {
                if let Some(reply) = question.reply {
                    // Whoever asked will miss it.
                    let _ = answering.publish(reply, question.payload).await;
                }
            }
        });
        let stream = "bench.raw.stream".to_owned();
        let config = serde_json::json!({"name": "BENCH_RAW", "subjects": [stream], "storage": "file", "max_msgs": 2048}).to_string();
        client.request("$JS.API.STREAM.CREATE.BENCH_RAW", config.into()).await.context("making a stream")?;
        Ok(Self { client, stream })
    }

    pub(crate) async fn requests(&self, duration: Duration) -> anyhow::Result<Spread> {
        self.round_trips("bench.raw.echo", duration).await
    }

    /// Published and acknowledged by the stream.
    pub(crate) async fn stream_publishes(&self, duration: Duration) -> anyhow::Result<Spread> {
        self.round_trips(&self.stream, duration).await
    }

    async fn round_trips(&self, subject: &str, duration: Duration) -> anyhow::Result<Spread> {
        let (start, mut times) = (Instant::now(), Vec::new());
        while start.elapsed() < duration {
            let sent = Instant::now();
            self.client.request(subject.to_owned(), vec![b'x'; MESSAGE_BYTES].into()).await?;
            times.push(sent.elapsed().as_secs_f64() * 1e3);
        }
        Ok(Spread::of(times))
    }
}

/// The disk under a journal: writes within a file, each flushed.
pub(crate) struct RawDisk {
    file: File,
    at: u64,
    _directory: Scratch,
}

impl RawDisk {
    /// Where MongoDB has its files too.
    pub(crate) fn open() -> anyhow::Result<Self> {
        let directory = Scratch::new("bench-disk")?;
        let file = File::create(directory.path().join("journal"))?;
        // As MongoDB's journal: what is written later lies within the file, so that nothing but the data has to be flushed.
        file.write_all_at(&vec![0; DISK_BYTES], 0)?;
        file.sync_all()?;
        Ok(Self { file, at: 0, _directory: directory })
    }

    /// One flush after another, each so long after the one before.
    pub(crate) fn flushes_after(&mut self, rest: Duration, duration: Duration) -> anyhow::Result<Spread> {
        timed_after(rest, duration, || {
            self.file.write_all_at(&[b'x'; ENTRY_BYTES], self.at)?;
            self.at = (self.at + ENTRY_BYTES as u64) % (DISK_BYTES - ENTRY_BYTES) as u64;
            let began = Instant::now();
            self.file.sync_data()?;
            Ok(began.elapsed())
        })
    }
}

/// Reading this JSON, each time so long after the time before: what a rest makes of any program.
pub(crate) fn readings_after(text: &str, rest: Duration, duration: Duration) -> anyhow::Result<Spread> {
    timed_after(rest, duration, || {
        let began = Instant::now();
        std::hint::black_box(serde_json::from_str::<serde_json::Value>(std::hint::black_box(text))?);
        Ok(began.elapsed())
    })
}

/// Does this again and again, each time so long after the time before. `work` says how long it took.
fn timed_after(rest: Duration, duration: Duration, mut work: impl FnMut() -> anyhow::Result<Duration>) -> anyhow::Result<Spread> {
    let (start, mut times) = (Instant::now(), Vec::new());
    while start.elapsed() < duration {
        pause(rest);
        times.push(work()?.as_secs_f64() * 1e3);
    }
    Ok(Spread::of(times))
}

fn pause(rest: Duration) {
    if !rest.is_zero() {
        // The timers of the runtime are no finer than a millisecond.
        std::thread::sleep(rest);
    }
}

/// One SHA-256 pass over so many bytes, in ms.
pub(crate) fn sha256_ms(bytes: usize, repeats: usize) -> f64 {
    let data = vec![b'x'; bytes];
    let times = (0..repeats).map(|_| {
        let start = Instant::now();
        std::hint::black_box(Sha256::digest(std::hint::black_box(&data)));
        start.elapsed().as_secs_f64() * 1e3
    });
    Spread::of(times.collect()).p50
}
