//! Requests that are no transport's.

use std::time::Duration;

use gateway::edge::EdgeConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{DEADLINE, TestEdge, raw::Raw};

#[tokio::test]
async fn a_refusal_by_the_head_alone_reaches_a_client_that_sends_everything_before_it_reads() {
    let edge = TestEdge::start(EdgeConfig::default()).await;
    for megabytes in [1, 16] {
        let mut client = Raw::tcp(&edge).await;
        let body = vec![b'x'; megabytes << 20];
        let head = format!("POST /refuse HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n", body.len());
        client.bytes(head.as_bytes()).await;
        // The answer is on its way long before the body is.
        let mut first = [0];
        assert_eq!(client.stream.peek(&mut first).await.unwrap(), 1);
        client.stream.write_all(&body).await.expect("the connection takes what was announced");
        let mut answer = String::new();
        tokio::time::timeout(DEADLINE, client.stream.read_to_string(&mut answer)).await.expect("an end").expect("no reset");
        assert!(answer.starts_with("HTTP/1.1 403") && answer.ends_with("not for you"), "{answer}");
    }
}

#[tokio::test]
async fn a_client_that_neither_stops_sending_nor_goes_is_cut_in_time() {
    let edge = TestEdge::start(EdgeConfig { close_timeout_ms: 200, ..EdgeConfig::default() }).await;
    let mut client = Raw::tcp(&edge).await;
    client.bytes(b"POST /refuse HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000000\r\n\r\n").await;
    let cut = async {
        while client.stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, cut).await.expect("the connection is cut");
}
