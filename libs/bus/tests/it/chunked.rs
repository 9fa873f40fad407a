use bus::{Bus, RequestError};
use bytes::Bytes;
use protocol::headers as name;

use super::{LONG, answer_all, config, connect, none, own, shared, text};

/// Bytes that do not compress.
fn noise(bytes: usize) -> Bytes {
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    (0..bytes).map(|_| next()).collect()
}

async fn fetch(bus: &Bus, whole: Bytes) -> bus::Message {
    let subject = bus.subjects().session_state(&"s1".parse().unwrap());
    answer_all(bus.serve(subject.clone(), None).await.unwrap(), move |request| {
        let whole = whole.clone();
        async move { request.reply_chunked(none().with(name::VERSION, "7"), whole).await.unwrap() }
    });
    bus.request_chunked(subject, none(), Bytes::new(), LONG).await.unwrap()
}

#[tokio::test]
async fn answers_far_above_the_payload_limit_arrive_whole() {
    for whole in [noise(9_000_000), Bytes::from(vec![b'x'; 9_000_000]), Bytes::new(), noise(1)] {
        let bus = shared().await;
        let answer = fetch(&bus, whole.clone()).await;
        assert!(answer.payload == whole, "{} bytes became {}", whole.len(), answer.payload.len());
        assert_eq!(answer.headers.version().map(|version| version.to_string()).as_deref(), Some("7"));
    }
}

#[tokio::test]
async fn parts_fit_a_server_that_takes_little() {
    let server = own("max_payload: 16KB").await;
    let bus = connect(&config(&server)).await;
    let whole = noise(1_000_000);
    assert!(fetch(&bus, whole.clone()).await.payload == whole);
}

#[tokio::test]
async fn a_short_answer_needs_no_parts() {
    let bus = shared().await;
    let subject = bus.subjects().heads();
    answer_all(bus.serve(subject.clone(), None).await.unwrap(), async |request| {
        request.receipt().await.unwrap();
        request.reply(none(), "refused").await.unwrap();
    });
    let answer = bus.request_chunked(subject, none(), Bytes::new(), LONG).await.unwrap();
    assert_eq!(text(&answer), "refused");
}

#[tokio::test]
async fn a_missing_part_fails_the_request() {
    let bus = shared().await;
    let subject = bus.subjects().heads();
    answer_all(bus.serve(subject.clone(), None).await.unwrap(), async |request| {
        let part = |index: &str| none().with(name::PART, index);
        request.reply(part("0").with(name::PARTS, "3").with(name::SIZE, "3"), "a").await.unwrap();
        request.reply(part("2"), "c").await.unwrap();
        request.reply(part("3").with(name::STATUS, "end"), "").await.unwrap();
    });
    let error = bus.request_chunked(subject, none(), Bytes::new(), LONG).await.unwrap_err();
    assert!(matches!(&error, RequestError::Incomplete(reason) if reason.contains("part 1 is missing")), "{error}");
}
