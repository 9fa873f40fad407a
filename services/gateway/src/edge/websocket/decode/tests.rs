use proptest::prelude::*;

use super::*;

/// A client's frame, written independently of the decoder: always with the shortest length.
fn frame(first: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut frame = vec![first];
    if payload.len() < 126 {
        frame.push(MASKED | payload.len() as u8);
    } else if payload.len() < 65_536 {
        frame.push(MASKED | 126);
        frame.extend((payload.len() as u16).to_be_bytes());
    } else {
        frame.push(MASKED | 127);
        frame.extend((payload.len() as u64).to_be_bytes());
    }
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Decodes pieces that were cut at these places.
fn decode(limit: usize, stream: &[u8], mut cuts: Vec<usize>) -> Result<Vec<Message>, Violation> {
    let mut decoder = Decoder::new(limit);
    let mut messages = Vec::new();
    cuts.push(stream.len());
    cuts.sort_unstable();
    let mut start = 0;
    for cut in cuts {
        let mut input = &stream[start..cut];
        start = cut;
        while let Some(message) = decoder.decode(&mut input)? {
            messages.push(message);
        }
        assert!(input.is_empty(), "input was left although no message was given");
    }
    assert!(decoder.is_idle(), "the stream ends between two messages");
    Ok(messages)
}

fn conversation() -> (Vec<u8>, Vec<Message>) {
    let long = "long é ".repeat(30);
    let stream = [
        frame(0x81, b"{}", MASK),
        frame(0x01, "é".as_bytes().split_at(1).0, MASK),
        frame(0x89, b"ping in a message", MASK),
        frame(0x00, b"", [0; 4]),
        frame(0x80, "é".as_bytes().split_at(1).1, MASK),
        frame(0x81, long.as_bytes(), MASK),
        frame(0x8a, b"", MASK),
        frame(0x82, &[0xff, 0], MASK),
        frame(0x81, b"", MASK),
        frame(0x88, &[0x03, 0xe8, b'b', b'y', b'e'], MASK),
    ];
    let text = |text: &str| Message::Text(Bytes::copy_from_slice(text.as_bytes()));
    let messages = vec![
        text("{}"),
        Message::Ping("ping in a message".into()),
        text("é"),
        text(&long),
        Message::Pong,
        Message::Binary(Bytes::from_static(&[0xff, 0])),
        text(""),
        Message::Close(Bytes::from_static(&[0x03, 0xe8, b'b', b'y', b'e'])),
    ];
    (stream.concat(), messages)
}

#[test]
fn a_conversation_reads_the_same_cut_at_every_byte() {
    let (stream, messages) = conversation();
    for cut in 0..=stream.len() {
        assert_eq!(decode(1_000, &stream, vec![cut]).as_ref(), Ok(&messages), "cut at {cut}");
    }
    assert_eq!(decode(1_000, &stream, (0..stream.len()).collect()), Ok(messages), "byte by byte");
}

#[test]
fn every_length_around_the_borders_of_the_header_is_read() {
    for length in [0, 1, 7, 8, 9, 125, 126, 127, 65_535, 65_536, 70_000] {
        let payload = vec![b'a'; length];
        assert_eq!(decode(70_000, &frame(0x81, &payload, MASK), vec![3, length / 2]), Ok(vec![Message::Text(payload.into())]));
    }
}

#[test]
fn a_length_that_is_not_the_shortest_is_a_violation() {
    let medium = [&[0x81, 0xfe, 0, 125][..], &MASK, &[0; 125]].concat();
    let long = [&[0x81, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff][..], &MASK].concat();
    for stream in [medium, long, [&[0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0][..], &MASK].concat()] {
        assert_eq!(Decoder::new(1 << 40).decode(&mut &stream[..]), Err(Violation::Protocol));
    }
}

#[test]
fn the_limit_counts_all_fragments_and_not_the_pings_between() {
    let whole = [frame(0x01, &[b'a'; 60], MASK), frame(0x89, &[0; 100], MASK), frame(0x80, &[b'a'; 40], MASK)].concat();
    assert_eq!(decode(100, &whole, vec![]).map(|messages| messages.len()), Ok(2));
    assert_eq!(decode(99, &whole, vec![]), Err(Violation::TooBig));
}

#[test]
fn no_memory_is_taken_for_what_is_only_announced() {
    let mut decoder = Decoder::new(1 << 30);
    let header = [&[0x81, 0xff, 0, 0, 0, 0, 0x20, 0, 0, 0][..], &MASK, b"abc"].concat();
    assert_eq!(decoder.decode(&mut &header[..]), Ok(None));
    assert!(decoder.message.capacity() < 1_000, "{}", decoder.message.capacity());
}

#[test]
fn close_codes_that_nobody_may_send_are_violations() {
    for code in [0_u16, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535] {
        assert_eq!(decode(100, &frame(0x88, &code.to_be_bytes(), MASK), vec![]), Err(Violation::Protocol), "{code}");
    }
    assert_eq!(decode(100, &frame(0x88, &[0x03, 0xe8, 0xff], MASK), vec![]), Err(Violation::InvalidText));
    assert_eq!(decode(100, &frame(0x88, b"", MASK), vec![]), Ok(vec![Message::Close(Bytes::new())]));
}

proptest! {
    #[test]
    fn what_is_framed_is_read_back_however_it_is_cut(
        texts in prop::collection::vec((".{0,300}", prop::array::uniform4(any::<u8>()), prop::collection::vec(any::<prop::sample::Index>(), 0..4)), 1..6),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let mut stream = Vec::new();
        for (text, mask, fragments) in &texts {
            let mut ends: Vec<usize> = fragments.iter().map(|index| index.index(text.len() + 1)).collect();
            ends.push(text.len());
            ends.sort_unstable();
            let mut start = 0;
            for (number, end) in ends.iter().enumerate() {
                let first = if number == 0 { 0x01 } else { 0x00 } | if number + 1 == ends.len() { FIN } else { 0 };
                stream.extend(frame(first, &text.as_bytes()[start..*end], *mask));
                start = *end;
            }
        }
        let cuts = cuts.iter().map(|index| index.index(stream.len() + 1)).collect();
        let expected: Vec<Message> = texts.iter().map(|(text, ..)| Message::Text(Bytes::copy_from_slice(text.as_bytes()))).collect();
        prop_assert_eq!(decode(10_000, &stream, cuts), Ok(expected));
    }

    #[test]
    fn no_bytes_make_the_decoder_panic_or_hold_more_than_the_limit(stream in prop::collection::vec(any::<u8>(), 0..600)) {
        let mut decoder = Decoder::new(64);
        let mut input = &stream[..];
        while let Ok(Some(_)) = decoder.decode(&mut input) {
            prop_assert!(decoder.message.len() <= 64 && decoder.control.len() <= MAX_CONTROL);
        }
    }
}
