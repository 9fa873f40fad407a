use std::time::Duration;

use bus::RequestError;
use bytes::Bytes;
use protocol::headers as name;

use super::{FOREVER, LONG, answer_all, config, connect, none, own, shared, soon, text, until};

#[tokio::test]
async fn an_answer_comes_with_its_headers_and_the_protocol() {
    let bus = shared().await;
    let subject = bus.subjects().heads();
    answer_all(bus.serve(subject.clone(), Some("q")).await.unwrap(), async |request| {
        assert_eq!(request.message.headers.protocol(), Some(protocol::PROTOCOL_VERSION));
        request.receipt().await.unwrap();
        request.reply(none().with(name::EPOCH, "e1"), request.message.payload.clone()).await.unwrap();
    });
    let answer = bus.request(subject, none(), Bytes::from_static(b"hello"), LONG).await.unwrap();
    assert_eq!((text(&answer), answer.headers.epoch().unwrap().as_str()), ("hello", "e1"));
    assert_eq!(answer.headers.protocol(), Some(protocol::PROTOCOL_VERSION));
}

#[tokio::test]
async fn nobody_there_is_known_at_once() {
    let bus = shared().await;
    let error = bus.request(bus.subjects().heads(), none(), Bytes::new(), LONG).await.unwrap_err();
    assert_eq!(error, RequestError::NoResponders { subject: bus.subjects().heads() });
    assert!(error.nothing_happened());
}

#[tokio::test]
async fn silence_is_a_timeout_with_an_unknown_outcome_and_nothing_stays_registered() {
    let bus = shared().await;
    let _silent = bus.serve(bus.subjects().heads(), None).await.unwrap();
    let error = bus.request(bus.subjects().heads(), none(), Bytes::new(), Duration::from_millis(50)).await.unwrap_err();
    assert!(matches!(error, RequestError::Timeout { .. }) && !error.nothing_happened());
    let dropped = bus.request(bus.subjects().heads(), none(), Bytes::new(), LONG);
    assert!(tokio::time::timeout(Duration::from_millis(50), dropped).await.is_err());
    assert_eq!(bus.waiting_requests(), 0);
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_nothing_happened() {
    let bus = shared().await;
    let subject = bus.subjects().heads();
    let mut slow = bus.serve_bounded(subject.clone(), None, 2, usize::MAX).await.unwrap();
    let short = Duration::from_millis(100);
    for _ in 0..2 {
        let waits = bus.request(subject.clone(), none(), Bytes::new(), short).await.unwrap_err();
        assert!(matches!(waits, RequestError::Timeout { .. }));
    }
    let error = bus.request(subject.clone(), none(), Bytes::new(), LONG).await.unwrap_err();
    assert!(matches!(error, RequestError::Busy { .. }) && error.nothing_happened(), "{error}");
    // Taking one makes room for another.
    assert!(slow.next().await.is_some());
    let waits = bus.request(subject, none(), Bytes::new(), short).await.unwrap_err();
    assert!(matches!(waits, RequestError::Timeout { .. }));
}

#[tokio::test]
async fn what_nats_would_not_take_is_refused_with_the_limit() {
    let bus = shared().await;
    let huge = Bytes::from(vec![0; bus.max_payload() + 1]);
    let error = bus.request(bus.subjects().heads(), none(), huge, LONG).await.unwrap_err();
    // The server counts the headers as well.
    assert!(matches!(error, RequestError::TooLarge { limit, actual } if limit == bus.max_payload() && actual > limit + 1), "{error}");
    assert!(!error.is_transient());
    let error = bus.publish("a b", none(), Bytes::new()).await.unwrap_err();
    assert_eq!(error, RequestError::BadSubject { subject: "a b".into() });
}

#[tokio::test]
async fn a_lost_connection_fails_what_waits_at_once_and_later_requests_wait_for_it() {
    let server = own("").await;
    let bus = connect(&config(&server)).await;
    let subject = bus.subjects().heads();
    let requests = bus.serve(subject.clone(), None).await.unwrap();
    // Its own deadline does not end it.
    let waiting = soon(bus.request(subject.clone(), none(), Bytes::new(), FOREVER));
    let killed = async {
        until("the request waits", async || bus.waiting_requests() == 1).await;
        server.kill9();
    };
    let (answer, ()) = tokio::join!(waiting, killed);
    assert_eq!(answer.unwrap_err(), RequestError::ConnectionLost);

    until("the loss is seen", async || !bus.is_connected()).await;
    assert_eq!(bus.publish(subject.clone(), none(), Bytes::new()).await.unwrap_err(), RequestError::Disconnected);
    let refused = bus.request(subject.clone(), none(), Bytes::new(), Duration::from_millis(100)).await.unwrap_err();
    assert!(refused == RequestError::Disconnected && refused.nothing_happened());

    answer_all(requests, async |request| request.reply(none(), "back").await.unwrap());
    let (answer, restarted) = tokio::join!(bus.request(subject, none(), Bytes::new(), 2 * LONG), server.restart());
    restarted.unwrap();
    assert_eq!(text(&answer.unwrap()), "back");
}

#[tokio::test]
async fn a_queue_group_shares_the_work_and_a_stopped_member_finishes_what_it_has() {
    let bus = shared().await;
    let subject = bus.subjects().heads();
    let mut first = bus.serve(subject.clone(), Some("q")).await.unwrap();
    answer_all(bus.serve(subject.clone(), Some("q")).await.unwrap(), async |request| request.reply(none(), "second").await.unwrap());
    let mut by_second = 0;
    // Until the first member holds one.
    let held = loop {
        let asked = bus.request(subject.clone(), none(), Bytes::new(), LONG);
        tokio::select! {
            answer = asked => by_second += usize::from(text(&answer.unwrap()) == "second"),
            request = first.next() => break request.unwrap(),
        }
        assert!(by_second < 200, "the first member never got a request");
    };
    held.reply(none(), "first").await.unwrap();
    first.stop();
    assert!(soon(first.next()).await.is_none());
    for _ in 0..50 {
        assert_eq!(text(&bus.request(subject.clone(), none(), Bytes::new(), LONG).await.unwrap()), "second");
    }
}
