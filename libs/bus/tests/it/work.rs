use std::time::Duration;

use bus::{Bus, WorkQueue};
use protocol::subject::STREAM_SYNC;

use super::{config, connect, none, own, shared, soon, text};

/// Much longer than an acknowledgement takes, so that a job comes again only to those who do not give one.
const ACK_WAIT: Duration = Duration::from_secs(5);

async fn queue(bus: &Bus) -> WorkQueue {
    bus.work_queue(STREAM_SYNC, "sync-worker", ACK_WAIT).await.unwrap()
}

async fn mark(bus: &Bus, session: &str, text: &str) {
    bus.publish_work(bus.subjects().session_sync(&session.parse().unwrap()), none(), text.to_owned()).await.unwrap();
}

/// Whether nothing comes for longer than anything here takes to come.
async fn is_idle(queue: &mut WorkQueue) -> bool {
    tokio::time::timeout(Duration::from_millis(300), queue.next()).await.is_err()
}

#[tokio::test]
async fn a_job_is_given_to_one_worker_and_is_gone_when_acknowledged() {
    let bus = shared().await;
    bus.ensure_streams().await.unwrap();
    let (mut first, mut second) = (queue(&bus).await, queue(&bus).await);
    for session in ["s1", "s2", "s3"] {
        mark(&bus, session, session).await;
    }
    let mut done = Vec::new();
    while done.len() < 3 {
        let job = soon(async {
            tokio::select! { job = first.next() => job, job = second.next() => job }
        })
        .await
        .unwrap();
        assert_eq!(job.deliveries(), 1);
        job.ack().await.unwrap();
        done.push(text(&job.message).to_owned());
    }
    done.sort();
    assert_eq!(done, ["s1", "s2", "s3"]);
    assert!(is_idle(&mut first).await && is_idle(&mut second).await);
}

#[tokio::test]
async fn marks_of_one_session_are_one_and_a_mark_made_during_the_work_is_worked_on_later() {
    let bus = shared().await;
    bus.ensure_streams().await.unwrap();
    let mut queue = queue(&bus).await;
    mark(&bus, "s1", "a").await;
    mark(&bus, "s1", "b").await;
    let job = soon(queue.next()).await.unwrap();
    assert_eq!(text(&job.message), "b");
    mark(&bus, "s1", "c").await;
    job.ack().await.unwrap();
    let job = soon(queue.next()).await.unwrap();
    assert_eq!(text(&job.message), "c");
    job.ack().await.unwrap();
    assert!(is_idle(&mut queue).await);
}

#[tokio::test]
async fn a_job_given_back_or_dropped_comes_again() {
    let bus = shared().await;
    bus.ensure_streams().await.unwrap();
    let mut queue = queue(&bus).await;
    mark(&bus, "s1", "a").await;
    let job = soon(queue.next()).await.unwrap();
    job.nak(Duration::from_millis(100)).await.unwrap();
    let job = soon(queue.next()).await.unwrap();
    assert_eq!(job.deliveries(), 2);
    // As a worker that dies.
    drop(job);
    let job = soon(queue.next()).await.unwrap();
    assert_eq!(job.deliveries(), 3);
    // Longer than the wait for an acknowledgement, but with signs of life.
    for _ in 0..5 {
        tokio::time::sleep(ACK_WAIT / 4).await;
        job.in_progress().await.unwrap();
    }
    assert!(is_idle(&mut queue).await, "it was given to another while its worker was alive");
    job.ack().await.unwrap();
}

#[tokio::test]
async fn work_goes_on_after_the_server_was_killed() {
    let server = own("").await;
    let bus = connect(&config(&server)).await;
    bus.ensure_streams().await.unwrap();
    let mut queue = queue(&bus).await;
    assert!(is_idle(&mut queue).await);
    server.kill9();
    assert!(is_idle(&mut queue).await);
    server.restart().await.unwrap();
    bus.ensure_streams().await.unwrap();
    mark(&bus, "s1", "a").await;
    let job = soon(queue.next()).await.unwrap();
    assert_eq!(text(&job.message), "a");
    job.ack().await.unwrap();
}

#[tokio::test]
async fn a_worker_waits_for_a_stream_that_is_made_later() {
    let bus = shared().await;
    let mut waiting = std::pin::pin!(queue(&bus));
    assert!(tokio::time::timeout(Duration::from_millis(200), &mut waiting).await.is_err());
    bus.ensure_streams().await.unwrap();
    let mut queue = soon(waiting).await;
    mark(&bus, "s1", "a").await;
    assert!(soon(queue.next()).await.is_some());
}

#[tokio::test]
async fn a_consumer_that_was_deleted_is_made_again_and_the_same_work_can_be_asked_for_again() {
    let bus = shared().await;
    bus.ensure_streams().await.unwrap();
    let mut queue = queue(&bus).await;
    for _ in 0..2 {
        assert!(is_idle(&mut queue).await);
        let operation = format!("$JS.API.CONSUMER.DELETE.{}.sync-worker", bus.subjects().resource(STREAM_SYNC));
        let deleted = bus.request(operation, none(), bytes::Bytes::new(), super::LONG).await.unwrap();
        assert!(text(&deleted).contains("\"success\":true"), "{}", text(&deleted));
        mark(&bus, "s1", "same").await;
        let job = soon(queue.next()).await.unwrap();
        assert_eq!(text(&job.message), "same");
        job.ack().await.unwrap();
    }
}
