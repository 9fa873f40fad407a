//! REST at its bounds. What each operation does for each role is tried on the whole platform, in the system's tests.

use serde_json::{Value, json};
use testkit::http::{self, Request, Response};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::stage::{GM, SESSION, Stage};

fn reason(response: &Response) -> String {
    assert_eq!(response.header("content-type"), Some("application/problem+json"));
    let body: Value = response.json().unwrap();
    assert_eq!(body["status"], json!(response.status));
    assert!(body["type"].as_str().unwrap().starts_with("urn:stateward:error:"));
    // Also of one that never reached a handler.
    assert_eq!(body["traceId"].as_str().map(str::len), Some(32), "{body}");
    assert_eq!(Some(trace(response)), body["traceId"].as_str(), "{body}");
    body["details"]["reason"].as_str().unwrap().to_owned()
}

/// The id of the trace that an answer says it was made in.
fn trace(response: &Response) -> &str {
    response.header("traceresponse").unwrap().split('-').nth(1).unwrap()
}

#[tokio::test]
async fn every_answer_names_its_trace_which_is_the_callers_where_it_has_one() {
    let stage = Stage::start().await;
    let token = stage.signer.user(GM, GM);
    let path = format!("/api/sessions/{SESSION}/state");
    let mine = "4bf92f3577b34da6a3ce929d0e0e4736";
    let sent = format!("00-{mine}-00f067aa0ba902b7-01");
    let headers = [("traceparent", sent.as_str())];
    let within = Request { method: "GET", token: Some(&token), headers: &headers, ..Request::default() };
    let within = http::send(stage.url(), &path, within).await.unwrap();
    assert_eq!((within.status, trace(&within)), (200, mine));
    let (one, other) = (http::get(stage.url(), &path, Some(&token)).await.unwrap(), http::get(stage.url(), &path, None).await.unwrap());
    assert_eq!((one.status, other.status), (200, 401));
    assert_ne!(trace(&one), trace(&other));
}

#[tokio::test]
async fn the_documents_are_served_as_they_are_checked_in() {
    let stage = Stage::start().await;
    let served = |path: &'static str| async { http::get(stage.url(), path, None).await.unwrap().success().unwrap() };
    let checked_in: Value = serde_json::from_str(include_str!("../../openapi.json")).unwrap();
    assert_eq!(served("/api/openapi.json").await, checked_in);
    assert_eq!(served("/api/asyncapi.json").await, serde_json::from_str::<Value>(protocol::ASYNCAPI).unwrap());
    assert_eq!(served("/api/schemas.json").await, serde_json::from_str::<Value>(protocol::SCHEMAS).unwrap());
}

#[tokio::test]
async fn what_is_too_large_too_slow_unknown_or_misspelt_is_a_problem_that_says_so() {
    let stage = Stage::with(&[("HTTP__BODY_BYTES", "1000"), ("HTTP__BODY_TIMEOUT_MS", "300")]).await;
    let token = stage.signer.user(GM, GM);
    let pause = format!("/api/sessions/{SESSION}/pause");
    let too_large = http::post(stage.url(), &pause, Some(&token), &json!({"reason": "x".repeat(2_000)})).await.unwrap();
    assert_eq!((too_large.status, reason(&too_large)), (413, "BODY_TOO_LARGE".into()));
    let misspelt = http::post(stage.url(), &pause, Some(&token), &json!({"raeson": "tea"})).await.unwrap();
    assert_eq!((misspelt.status, reason(&misspelt)), (400, "BAD_MESSAGE".into()));
    let nowhere = http::get(stage.url(), "/api/nowhere", Some(&token)).await.unwrap();
    assert_eq!((nowhere.status, reason(&nowhere)), (404, "NO_ROUTE".into()));
    let put = Request { method: "PUT", token: Some(&token), ..Request::default() };
    let put = http::send(stage.url(), &pause, put).await.unwrap();
    assert_eq!((put.status, reason(&put)), (405, "NO_METHOD".into()));
    let bad_id = http::get(stage.url(), "/api/sessions/a.b", Some(&token)).await.unwrap();
    assert_eq!((bad_id.status, reason(&bad_id)), (400, "BAD_ID".into()));

    // A body that never comes.
    let address = stage.url().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST {pause} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\ncontent-length: 20\r\nconnection: close\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("SLOW_BODY"), "{answer}");
}

#[tokio::test]
async fn a_gateway_takes_so_many_requests_at_once_and_tells_the_next_when_to_come_back() {
    let stage = Stage::with(&[("HTTP__IN_FLIGHT", "1")]).await;
    let token = stage.signer.user(GM, GM);
    let path = format!("/api/sessions/{SESSION}/state");
    let reads = || stage.script.state_reads.load(std::sync::atomic::Ordering::SeqCst);
    let gate = stage.script.close_state_gate();
    let (url, first_token, first_path) = (stage.url().to_owned(), token.clone(), path.clone());
    let first = async move { http::get(&url, &first_path, Some(&first_token)).await.unwrap() };
    let next = async {
        while reads() == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let refused = http::get(stage.url(), &path, Some(&token)).await.unwrap();
        assert_eq!((refused.status, reason(&refused)), (503, "TOO_MANY_REQUESTS".into()));
        assert_eq!(refused.header("retry-after"), Some("1"));
        gate.open();
    };
    let (first, ()) = tokio::join!(first, next);
    assert_eq!(first.status, 200);
    assert_eq!(http::get(stage.url(), &path, Some(&token)).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_answered_with_an_unknown_outcome() {
    let stage = Stage::with(&[("HTTP__TIMEOUT_MS", "300")]).await;
    let gate = stage.script.close_state_gate();
    let late = http::get(stage.url(), &format!("/api/sessions/{SESSION}/state"), Some(&stage.signer.user(GM, GM))).await.unwrap();
    assert_eq!((late.status, reason(&late)), (503, "TIMEOUT".into()));
    assert_eq!(late.json().unwrap()["outcome"], json!("unknown"));
    gate.open();
}

#[tokio::test]
async fn pages_of_allowed_origins_may_call_and_others_may_not() {
    let stage = Stage::with(&[("AUTH__ALLOWED_ORIGINS", "https://play.example")]).await;
    let ask = async |origin: &str| {
        let headers =
            [("origin", origin), ("access-control-request-method", "DELETE"), ("access-control-request-headers", "authorization")];
        let request = Request { method: "OPTIONS", headers: &headers, ..Request::default() };
        http::send(stage.url(), &format!("/api/sessions/{SESSION}"), request).await.unwrap()
    };
    let allowed = ask("https://play.example").await;
    assert_eq!(allowed.header("access-control-allow-origin"), Some("https://play.example"));
    assert!(allowed.header("access-control-allow-methods").unwrap().contains("DELETE"));
    let origin = [("origin", "https://play.example")];
    let read = Request { method: "GET", headers: &origin, ..Request::default() };
    let read = http::send(stage.url(), &format!("/api/sessions/{SESSION}"), read).await.unwrap();
    assert!(read.header("access-control-expose-headers").unwrap().contains("traceresponse"));
    assert_eq!(ask("https://evil.example").await.header("access-control-allow-origin"), None);
}
