use super::*;

const MAX_PAYLOAD: usize = 1024 * 1024;

fn received((headers, payload): (Headers, Bytes)) -> Message {
    Message { subject: "inbox".into(), headers, payload, reply: None, status: None, description: None }
}

async fn join(parts: impl IntoIterator<Item = (Headers, Bytes)>) -> Result<Message, RequestError> {
    let mut assembler = Assembler::default();
    for part in parts {
        if let Some(whole) = assembler.take(received(part))? {
            return whole.decode().await;
        }
    }
    Err(RequestError::Incomplete("the end did not come".into()))
}

/// Bytes that do not compress.
fn noise(bytes: usize) -> Bytes {
    let mut state = 1_u64;
    (0..bytes)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .collect()
}

#[tokio::test]
async fn answers_of_every_size_come_back_with_their_headers() {
    for size in [0, 1, COMPRESS_ABOVE, COMPRESS_ABOVE + 1, LARGEST_PART, LARGEST_PART + 1, 3 * LARGEST_PART, 9_000_000] {
        for whole in [noise(size), Bytes::from(vec![b'a'; size])] {
            let parts = split(Headers::new().with(name::EPOCH, "e1"), &whole, MAX_PAYLOAD);
            assert!(parts.iter().all(|(_, payload)| payload.len() <= LARGEST_PART));
            let message = join(parts).await.unwrap();
            assert_eq!(message.payload, whole, "{size}");
            assert_eq!(message.headers.get(name::EPOCH), Some("e1"));
        }
    }
}

#[test]
fn only_what_gets_smaller_is_compressed_and_small_servers_get_small_parts() {
    let encoding = |whole: &Bytes| split(Headers::new(), whole, MAX_PAYLOAD)[0].0.get(name::ENCODING).map(str::to_owned);
    assert_eq!(encoding(&noise(COMPRESS_ABOVE * 2)), None);
    assert_eq!(encoding(&Bytes::from(vec![0; COMPRESS_ABOVE])), None);
    assert_eq!(encoding(&Bytes::from(vec![0; COMPRESS_ABOVE + 1])).as_deref(), Some(ZSTD));
    assert_eq!(split(Headers::new(), &noise(4096), 2048).len(), 5);
}

#[tokio::test]
async fn a_gap_a_repetition_or_a_wrong_size_fails_the_answer() {
    let whole = noise(5 * LARGEST_PART);
    let parts = || split(Headers::new(), &whole, MAX_PAYLOAD);
    for index in 0..=5 {
        let mut missing = parts();
        missing.remove(index);
        assert!(matches!(join(missing).await, Err(RequestError::Incomplete(_))), "part {index} left out");
        let mut repeated = parts();
        repeated.insert(index, repeated[index].clone());
        assert!(index == 5 || matches!(join(repeated).await, Err(RequestError::Incomplete(_))), "part {index} twice");
    }
    let mut swapped = parts();
    swapped.swap(1, 2);
    assert!(join(swapped).await.is_err());
    let mut shorter = parts();
    shorter[4].1.truncate(7);
    assert!(join(shorter).await.is_err());
    let mut stopped = parts();
    stopped[3].0 = Headers::new();
    assert!(join(stopped).await.is_err());
}

#[tokio::test]
async fn a_small_message_cannot_become_a_huge_one() {
    let bomb = Bytes::from(zstd::bulk::compress(&vec![0; 32 * 1024 * 1024], 1).unwrap());
    let headers = Headers::new().with(name::PART, "0").with(name::PARTS, "1").with(name::ENCODING, ZSTD);
    let end = (Headers::new().with(name::PART, "1").with(name::STATUS, END), Bytes::new());
    let announced = |size: &str| vec![(headers.clone().with(name::SIZE, size), bomb.clone()), end.clone()];
    assert_eq!(join(announced("33554432")).await.unwrap().payload.len(), 32 * 1024 * 1024);
    assert!(join(announced("1000")).await.is_err());
    assert!(join(announced("99999999999")).await.is_err());
}
