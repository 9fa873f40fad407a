use std::time::Duration;

use crate::{Idle, LONG};

#[test]
fn a_signal_ends_it_well() {
    for signal in ["TERM", "INT"] {
        let (idle, _) = Idle::started(&[]);
        idle.signal(signal);
        let (status, log) = idle.end();
        assert!(status.success(), "{log}");
        assert!(log.contains(&format!("SIG{signal}")) && log.contains("idle has stopped"), "{log}");
    }
}

#[test]
fn a_task_that_ends_early_or_panics_is_a_crash() {
    for (behaviour, said) in [("ends-early", "task idle ended before shutdown"), ("panics", "task idle failed: it panicked")] {
        let (status, log) = Idle::start(&[("STATEWARD_IDLE__BEHAVIOUR", behaviour)]).end();
        assert_eq!(status.code(), Some(1), "{behaviour}: {log}");
        assert!(log.contains(said), "{behaviour}: {log}");
    }
}

#[test]
fn what_does_not_heed_the_soft_token_is_stopped_at_the_deadline() {
    let (idle, _) = Idle::started(&[("STATEWARD_IDLE__BEHAVIOUR", "is-late"), ("STATEWARD_SHUTDOWN__DEADLINE_MS", "100")]);
    idle.signal("TERM");
    let (status, log) = idle.end();
    assert!(status.success(), "{log}");
    assert!(log.contains("tasks are late to end"), "{log}");
}

#[test]
fn a_second_signal_does_not_wait_for_the_deadline() {
    let (mut idle, _) = Idle::started(&[("STATEWARD_IDLE__BEHAVIOUR", "is-late"), ("STATEWARD_SHUTDOWN__DEADLINE_MS", "3600000")]);
    idle.signal("TERM");
    idle.line("stopping");
    idle.signal("TERM");
    let (status, log) = idle.end();
    assert!(status.success(), "{log}");
    assert!(log.contains("stopping at once"), "{log}");
}

#[test]
fn a_start_that_waits_can_be_interrupted() {
    let mut idle = Idle::start(&[("STATEWARD_IDLE__BEHAVIOUR", "start-hangs")]);
    idle.line("admin port is open");
    idle.signal("TERM");
    let (status, log) = idle.end();
    assert!(status.success(), "{log}");
}

#[tokio::test]
async fn a_brief_task_may_end_or_panic_and_shutdown_waits_for_it() {
    let lifecycle = service_kit::Lifecycle::new();
    let stopping = lifecycle.is_stopping();
    lifecycle.spawn_brief("panics", async move { assert!(stopping, "one request") });
    lifecycle.spawn_brief("fails", async { Err::<(), _>("one request") });
    let (done, finished) = tokio::sync::oneshot::channel();
    let soft = lifecycle.soft().clone();
    lifecycle.spawn_brief("finishes", async move {
        soft.cancelled().await;
        let _ = done.send(());
    });
    lifecycle.shutdown(LONG).await.unwrap();
    finished.await.unwrap();
}

#[tokio::test]
async fn what_is_done_at_the_end_comes_after_the_last_task() {
    let lifecycle = service_kit::Lifecycle::new();
    let (log, mut read) = tokio::sync::mpsc::unbounded_channel();
    let (task, soft) = (log.clone(), lifecycle.soft().clone());
    lifecycle.at_end(async move { log.send("handed over").unwrap() });
    lifecycle.spawn_brief("answers", async move {
        soft.cancelled().await;
        tokio::task::yield_now().await;
        task.send("answered").unwrap();
    });
    lifecycle.shutdown(LONG).await.unwrap();
    assert_eq!((read.recv().await, read.recv().await), (Some("answered"), Some("handed over")));
}

#[tokio::test]
async fn a_task_that_heeds_no_token_is_a_failure() {
    let lifecycle = service_kit::Lifecycle::new();
    lifecycle.spawn("stuck", std::future::pending::<()>());
    let error = lifecycle.shutdown(Duration::from_millis(10)).await.unwrap_err();
    assert_eq!(error, "1 tasks did not end");
}
