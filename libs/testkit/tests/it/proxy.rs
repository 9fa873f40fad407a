use std::time::{Duration, Instant};

use testkit::{PATIENCE, Proxy, eventually, proxy::Link};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// A proxy before a server that sends back what it gets.
async fn echo() -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let target = listener.local_addr().expect("its address").to_string();
    #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    Proxy::start(&target).await.expect("a proxy")
}

async fn round_trip(stream: &mut TcpStream) -> std::io::Result<Duration> {
    let begun = Instant::now();
    stream.write_all(b"ping").await?;
    stream.read_exact(&mut [0; 4]).await?;
    Ok(begun.elapsed())
}

#[tokio::test]
async fn latency_is_added_in_both_directions_and_taken_back() {
    let proxy = echo().await;
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    proxy.set_latency(Duration::from_millis(300));
    assert!(round_trip(&mut stream).await.unwrap() >= Duration::from_millis(600));
    proxy.heal();
    // On a busy machine one may be slow by itself, but not all of them.
    let mut fastest = Duration::MAX;
    for _ in 0..20 {
        fastest = fastest.min(round_trip(&mut stream).await.unwrap());
    }
    assert!(fastest < Duration::from_millis(300), "{fastest:?}");
    assert_eq!(proxy.carried(), 21 * 8);
}

#[tokio::test]
async fn a_cut_resets_connections_and_refuses_new_ones_until_it_heals() {
    let proxy = echo().await;
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    round_trip(&mut stream).await.unwrap();
    proxy.cut();
    assert_eq!(stream.read(&mut [0; 4]).await.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    let mut refused = TcpStream::connect(proxy.address()).await.unwrap();
    assert!(matches!(refused.read(&mut [0; 4]).await, Ok(0) | Err(_)));
    eventually("each connection to be ended", PATIENCE, async || (proxy.open() == 0).then_some(())).await.unwrap();
    proxy.heal();
    round_trip(&mut TcpStream::connect(proxy.address()).await.unwrap()).await.unwrap();
}

#[tokio::test]
async fn half_open_is_silence() {
    let proxy = echo().await;
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    round_trip(&mut stream).await.unwrap();
    proxy.half_open();
    let silence = timeout(Duration::from_millis(200), round_trip(&mut stream)).await;
    assert!(silence.is_err(), "neither an answer nor an error");
    proxy.heal();
    let end = timeout(PATIENCE, stream.read(&mut [0; 4])).await.expect("what lost bytes is ended");
    assert!(matches!(end, Ok(0) | Err(_)));
}

#[tokio::test]
async fn a_stalled_direction_goes_on_where_it_stood() {
    let proxy = echo().await;
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    proxy.set_to_client(Link { stalled: true, ..Link::default() });
    stream.write_all(b"ping").await.unwrap();
    assert!(timeout(Duration::from_millis(100), stream.read(&mut [0; 4])).await.is_err());
    proxy.heal();
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"ping");
}

#[tokio::test]
async fn a_throttle_holds_its_rate() {
    let proxy = echo().await;
    proxy.set_to_server(Link { throttle: Some(100_000), ..Link::default() });
    let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
    let begun = Instant::now();
    stream.write_all(&[7; 30_000]).await.unwrap();
    stream.read_exact(&mut [0; 30_000]).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(300));
}
