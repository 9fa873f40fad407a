use bus::{Delivery, Lost, Subscription};

use super::{LONG, config, connect, none, own, shared, soon, text, until};

async fn message(subscription: &mut Subscription) -> String {
    match soon(subscription.next()).await.unwrap() {
        Delivery::Message(message) => text(&message).to_owned(),
        Delivery::Lost(lost) => panic!("lost: {lost:?}"),
    }
}

#[tokio::test]
async fn a_subscription_is_in_effect_when_it_is_returned() {
    let (listener, speaker) = (shared().await, shared().await);
    for round in 0..50 {
        let subject = format!("{}.{round}", listener.subjects().heads());
        let mut subscription = listener.subscribe(subject.clone()).await.unwrap();
        speaker.publish(subject, none(), format!("{round}")).await.unwrap();
        assert_eq!(message(&mut subscription).await, round.to_string());
    }
}

#[tokio::test]
async fn a_slow_reader_is_told_what_it_lost_in_its_place() {
    let bus = shared().await;
    let subject = bus.subjects().heads();
    let mut slow = bus.subscribe_bounded(subject.clone(), 10, usize::MAX).await.unwrap();
    let mut quick = bus.subscribe(subject.clone()).await.unwrap();
    for index in 0..100 {
        bus.publish(subject.clone(), none(), format!("{index}")).await.unwrap();
    }
    for index in 0..100 {
        assert_eq!(message(&mut quick).await, index.to_string());
    }
    let (mut got, mut lost) = (0, 0);
    while got + lost < 100 {
        match soon(slow.next()).await.unwrap() {
            Delivery::Message(message) => {
                assert_eq!(text(&message), (got + lost).to_string(), "a gap that was not told");
                got += 1;
            }
            Delivery::Lost(Lost::SlowReader { messages }) => lost += usize::try_from(messages).unwrap(),
            Delivery::Lost(Lost::Connection) => panic!("the connection was not lost"),
        }
    }
    assert!(got >= 10 && lost > 0, "got {got}, lost {lost}");
    bus.publish(subject, none(), "after").await.unwrap();
    assert_eq!(message(&mut slow).await, "after");
}

#[tokio::test]
async fn bytes_are_bounded_as_well() {
    let bus = shared().await;
    let subject = bus.subjects().heads();
    let mut slow = bus.subscribe_bounded(subject.clone(), 1000, 100_000).await.unwrap();
    for _ in 0..10 {
        bus.publish(subject.clone(), none(), vec![0; 40_000]).await.unwrap();
    }
    bus.flush(LONG).await.unwrap();
    let mut told = None;
    for _ in 0..3 {
        if let Delivery::Lost(lost) = soon(slow.next()).await.unwrap() {
            told = Some(lost);
        }
    }
    assert!(matches!(told, Some(Lost::SlowReader { .. })), "{told:?}");
}

#[tokio::test]
async fn a_regained_connection_is_told_and_the_subscription_goes_on() {
    let server = own("").await;
    let bus = connect(&config(&server)).await;
    let subject = bus.subjects().heads();
    let mut subscription = bus.subscribe(subject.clone()).await.unwrap();
    bus.publish(subject.clone(), none(), "before").await.unwrap();
    assert_eq!(message(&mut subscription).await, "before");
    server.kill9();
    until("the loss is seen", async || !bus.is_connected()).await;
    server.restart().await.unwrap();
    assert!(matches!(soon(subscription.next()).await, Some(Delivery::Lost(Lost::Connection))));
    until("publishing works", async || bus.publish(subject.clone(), none(), "after").await.is_ok()).await;
    assert_eq!(message(&mut subscription).await, "after");
}

#[tokio::test]
async fn a_closed_bus_ends_its_subscriptions() {
    let bus = shared().await;
    let mut subscription = bus.subscribe(bus.subjects().heads()).await.unwrap();
    bus.publish(bus.subjects().heads(), none(), "last").await.unwrap();
    bus.drain().await;
    assert_eq!(message(&mut subscription).await, "last");
    assert!(soon(subscription.next()).await.is_none());
}
