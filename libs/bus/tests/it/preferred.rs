use std::{sync::Mutex, time::Duration};

use bus::{Bus, Fallback, PassedOver, Reply, Request, RequestError};
use bytes::Bytes;

use super::{FOREVER, LONG, answer_all, none, shared, soon, text};

/// Waited out by some tests; the others wait [`LONG`] for a receipt, so that a slow machine changes nothing. Many times what a receipt
/// takes to be sent, for the one that must come within it.
const RECEIPT: Duration = Duration::from_secs(2);

fn subjects(bus: &Bus) -> (String, String) {
    (bus.subjects().authority_update(&"a1".parse().unwrap()), bus.subjects().session_update(&"s1".parse().unwrap()))
}

async fn ask(bus: &Bus, receipt: Duration, timeout: Duration) -> Result<Reply, RequestError> {
    ask_and_look(bus, receipt, timeout).await.0
}

/// With what was said of the preferred instance whenever the fallback was asked.
async fn ask_and_look(bus: &Bus, receipt: Duration, timeout: Duration) -> (Result<Reply, RequestError>, Vec<PassedOver>) {
    let (preferred, fallback) = subjects(bus);
    let passed_over = Mutex::new(Vec::new());
    let fallback = Fallback { subject: fallback.into(), after: receipt, asked: |why| passed_over.lock().unwrap().push(why) };
    let reply = bus.request_preferred(preferred, fallback, none, Bytes::new(), timeout).await;
    (reply, passed_over.into_inner().unwrap())
}

/// Answers with its name and the delivery that it was told, after `delay`.
async fn serve(bus: &Bus, subject: &str, name: &'static str, receipt: bool, delay: Duration) {
    answer_all(bus.serve(subject, None).await.unwrap(), move |request| async move {
        let work = async |request: Request| {
            tokio::time::sleep(delay).await;
            let delivery = request.message.headers.delivery();
            request.reply(none(), format!("{name} {delivery}")).await.unwrap();
        };
        if receipt { request.with_receipt(work).await } else { work(request).await }
    });
}

#[tokio::test]
async fn the_preferred_instance_answers_alone() {
    let bus = shared().await;
    let (preferred, fallback) = subjects(&bus);
    serve(&bus, &preferred, "preferred", false, Duration::ZERO).await;
    serve(&bus, &fallback, "fallback", false, Duration::ZERO).await;
    let (reply, passed_over) = ask_and_look(&bus, LONG, LONG).await;
    let reply = reply.unwrap();
    assert_eq!((text(&reply.message), reply.deliveries), ("preferred 0", 1));
    assert_eq!(passed_over, []);
}

#[tokio::test]
async fn an_absent_one_is_passed_over_at_once_and_does_not_count() {
    let bus = shared().await;
    let (_, fallback) = subjects(&bus);
    serve(&bus, &fallback, "fallback", false, Duration::ZERO).await;
    // Not after a wait for a receipt: that would never end.
    let (reply, passed_over) = soon(ask_and_look(&bus, FOREVER, FOREVER)).await;
    let reply = reply.unwrap();
    assert_eq!((text(&reply.message), reply.deliveries), ("fallback 0", 1));
    assert_eq!(passed_over, [PassedOver::Absent]);
}

#[tokio::test]
async fn a_silent_one_is_passed_over_and_the_second_delivery_says_so() {
    let bus = shared().await;
    let (preferred, fallback) = subjects(&bus);
    let _silent = bus.serve(preferred, None).await.unwrap();
    serve(&bus, &fallback, "fallback", false, Duration::ZERO).await;
    let (reply, passed_over) = ask_and_look(&bus, RECEIPT, LONG).await;
    let reply = reply.unwrap();
    assert_eq!((text(&reply.message), reply.deliveries), ("fallback 1", 2));
    assert_eq!(passed_over, [PassedOver::Silent]);
}

#[tokio::test]
async fn a_receipt_keeps_the_request_where_it_is() {
    let bus = shared().await;
    let (preferred, fallback) = subjects(&bus);
    serve(&bus, &preferred, "preferred", true, RECEIPT * 3).await;
    serve(&bus, &fallback, "fallback", false, Duration::ZERO).await;
    let (reply, passed_over) = ask_and_look(&bus, RECEIPT, LONG).await;
    let reply = reply.unwrap();
    assert_eq!((text(&reply.message), reply.deliveries), ("preferred 0", 1));
    assert_eq!(passed_over, []);
}

#[tokio::test]
async fn a_slow_one_may_still_answer_when_nobody_else_is_there() {
    let bus = shared().await;
    let (preferred, _) = subjects(&bus);
    serve(&bus, &preferred, "preferred", false, RECEIPT * 2).await;
    let reply = ask(&bus, RECEIPT, LONG).await.unwrap();
    assert_eq!((text(&reply.message), reply.deliveries), ("preferred 0", 1));
}

#[tokio::test]
async fn nobody_at_all_means_that_nothing_happened_but_one_silent_means_unknown() {
    let bus = shared().await;
    let error = ask(&bus, RECEIPT, LONG).await.unwrap_err();
    assert!(matches!(error, RequestError::NoResponders { .. }), "{error}");
    let (preferred, _) = subjects(&bus);
    let _silent = bus.serve(preferred, None).await.unwrap();
    let error = ask(&bus, RECEIPT, RECEIPT * 2).await.unwrap_err();
    assert!(matches!(error, RequestError::Timeout { .. }), "{error}");
}

#[tokio::test]
async fn a_busy_one_is_passed_over_like_an_absent_one() {
    let bus = shared().await;
    let (preferred, fallback) = subjects(&bus);
    let _full = bus.serve_bounded(preferred.clone(), None, 1, usize::MAX).await.unwrap();
    let _ = bus.request(preferred, none(), Bytes::new(), Duration::from_millis(50)).await;
    let error = ask(&bus, LONG, LONG).await.unwrap_err();
    assert!(error.nothing_happened(), "{error}");
    serve(&bus, &fallback, "fallback", false, Duration::ZERO).await;
    let (reply, passed_over) = ask_and_look(&bus, LONG, LONG).await;
    let reply = reply.unwrap();
    assert_eq!((text(&reply.message), reply.deliveries), ("fallback 0", 1));
    assert_eq!(passed_over, [PassedOver::Busy]);
}
