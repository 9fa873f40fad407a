//! Clients that do not read what they are sent.

use std::time::Duration;

use gateway::edge::{CloseCode, Closed, EdgeConfig, Frame, SendError};

use super::{DEADLINE, Seen, TestEdge, raw::*};

fn large(number: usize) -> Frame {
    Frame::event("news", format!("\"{number} {}\"", "x".repeat(64 * 1024)))
}

#[tokio::test]
async fn a_full_queue_refuses_broadcasts_and_what_is_whole_still_arrives() {
    let mut edge = TestEdge::start(EdgeConfig::default()).await;
    let mut client = Raw::plain(&edge).await;
    let connection = edge.connection().await;
    let mut sent = 0;
    while connection.send(&large(sent)).is_ok() {
        sent += 1;
        assert!(sent < 1_000, "the queue has no bound");
        assert!(connection.queued_bytes() <= 1024 * 1024 + 70_000, "{}", connection.queued_bytes());
    }
    assert_eq!(connection.send(&large(sent)), Err(SendError::Overflow));
    let dropped = connection.drop_broadcasts();
    assert!(dropped > 512 * 1024, "{dropped}");
    connection.send(&Frame::event("resync", "{}")).unwrap();
    // What was begun is finished, what was dropped is missing, and the stream of frames is whole.
    let mut received = 0;
    loop {
        let text = client.read_text().await;
        if text.starts_with(r#"{"event":"resync""#) {
            break;
        }
        assert!(text.starts_with(&format!(r#"{{"event":"news","data":"{received} x"#)));
        received += 1;
    }
    assert!(received < sent, "{received} of {sent}");
    assert_eq!(connection.queued_bytes(), 0);
}

#[tokio::test]
async fn a_client_that_reads_again_gets_everything_in_order() {
    let mut edge = TestEdge::start(EdgeConfig { queue_bytes: 64 * 1024 * 1024, ..EdgeConfig::default() }).await;
    let mut client = Raw::plain(&edge).await;
    let connection = edge.connection().await;
    for number in 0..300 {
        connection.send(&large(number)).unwrap();
        connection.send(&Frame::event("small", number.to_string())).unwrap();
    }
    assert!(connection.queued_bytes() > 0, "the socket took it all: nothing was tested");
    for number in 0..300 {
        assert!(client.read_text().await.starts_with(&format!(r#"{{"event":"news","data":"{number} x"#)));
        assert_eq!(client.read_text().await, format!(r#"{{"event":"small","data":{number}}}"#));
    }
}

#[tokio::test]
async fn a_slow_client_that_is_closed_gets_the_close_frame_before_its_queue() {
    let mut edge = TestEdge::start(EdgeConfig::default()).await;
    let mut client = Raw::plain(&edge).await;
    let connection = edge.connection().await;
    let mut sent = 0;
    while connection.send(&large(sent)).is_ok() {
        sent += 1;
    }
    connection.close(CloseCode::Slow);
    assert_eq!(connection.send(&large(0)), Err(SendError::Closed));
    assert_eq!(client.close_code().await, CloseCode::Slow.code());
    client.bytes(&frame(CLOSE, &3008_u16.to_be_bytes())).await;
    assert_eq!(edge.seen().await, Seen::Closed(Closed::ByServer(CloseCode::Slow)));
}

#[tokio::test]
async fn a_closed_client_that_reads_nothing_is_cut_after_its_deadline() {
    let mut edge = TestEdge::start(EdgeConfig { close_timeout_ms: 200, ..EdgeConfig::default() }).await;
    let _client = Raw::plain(&edge).await;
    let connection = edge.connection().await;
    while connection.send(&large(0)).is_ok() {}
    connection.close(CloseCode::Drain);
    assert_eq!(edge.seen().await, Seen::Closed(Closed::ByServer(CloseCode::Drain)));
}

#[tokio::test]
async fn a_client_that_asks_and_never_reads_the_answers_is_closed() {
    let mut edge = TestEdge::start(EdgeConfig { close_timeout_ms: 200, ..EdgeConfig::default() }).await;
    let mut client = Raw::plain(&edge).await;
    let _connection = edge.connection().await;
    let question = frame(TEXT, format!(r#"{{"event":"echo","id":1,"data":"{}"}}"#, "x".repeat(60_000)).as_bytes());
    let asking = async {
        loop {
            // Fails once the edge has closed, or blocks because the edge does not read any more.
            use tokio::io::AsyncWriteExt as _;
            if client.stream.write_all(&question).await.is_err() {
                return std::future::pending().await;
            }
        }
    };
    let closed = tokio::select! { seen = edge.seen() => seen, () = asking => unreachable!() };
    assert_eq!(closed, Seen::Closed(Closed::ByServer(CloseCode::Slow)));
}

#[tokio::test]
async fn an_answer_larger_than_the_queue_arrives_whole_and_broadcasts_behind_it_are_not_refused() {
    let mut edge = TestEdge::start(EdgeConfig::default()).await;
    let mut client = Raw::plain(&edge).await;
    let connection = edge.connection().await;
    let state = format!("\"{}\"", "s".repeat(8 * 1024 * 1024));
    connection.notify(&Frame::event("state", state.clone())).unwrap();
    connection.send(&Frame::event("news", "1")).unwrap();
    assert!(connection.queued_bytes() > 1024 * 1024, "the socket took it all: nothing was tested");
    assert_eq!(client.read_text().await.len(), state.len() + r#"{"event":"state","data":}"#.len());
    assert_eq!(client.read_text().await, r#"{"event":"news","data":1}"#);
}

#[tokio::test]
async fn while_reading_is_paused_the_clients_bytes_stay_in_the_kernel() {
    let mut edge = TestEdge::start(EdgeConfig::default()).await;
    let mut client = Raw::plain(&edge).await;
    let connection = edge.connection().await;
    connection.pause_reading();
    let message = frame(TEXT, format!(r#"{{"event":"echo","data":"{}"}}"#, "x".repeat(100_000)).as_bytes());
    let flood = async {
        use tokio::io::AsyncWriteExt as _;
        for _ in 0..1_000 {
            client.stream.write_all(&message).await.unwrap();
        }
    };
    assert!(tokio::time::timeout(Duration::from_millis(500), flood).await.is_err(), "100 MB were read although reading is paused");
    connection.resume_reading();
    // The broken-off message is finished by what looks like the rest of it: only that bytes flow again matters here.
    let refill = async {
        use tokio::io::AsyncWriteExt as _;
        while client.stream.write_all(&message).await.is_ok() && !connection.is_closed() {}
    };
    tokio::time::timeout(DEADLINE, refill).await.expect("reading goes on");
}
