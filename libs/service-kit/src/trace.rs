//! W3C Trace Context: which trace a message belongs to, as the header `traceparent` carries it.

mod conventions;
pub(crate) mod span;

pub use conventions::{Message, SEMANTIC_CONVENTIONS, http_answered, http_server, mongodb};
pub use span::{Kind, Span, is_exporting};

use std::{
    fmt,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::id::random_bytes;

/// Trace and span of the work at hand. All zeroes is not a valid id, so neither is ever zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    pub trace_id: u128,
    pub span_id: u64,
    pub sampled: bool,
}

impl TraceContext {
    /// The root of a new trace.
    pub fn new(sampled: bool) -> Self {
        Self { trace_id: u128::from_ne_bytes(random_bytes()).max(1), span_id: span_id(), sampled }
    }

    /// A span of the same trace.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { span_id: span_id(), ..*self }
    }

    /// Reads a `traceparent`. Versions after 00 may append fields; what does not parse is no context at all.
    pub fn parse(header: &str) -> Option<Self> {
        let mut fields = header.trim().splitn(5, '-');
        let (version, trace, span, flags) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        let version = hex(version, 2)?;
        if version == 0xff || (version == 0 && fields.next().is_some()) {
            return None;
        }
        let (trace_id, span_id) = (hex(trace, 32)?, u64::try_from(hex(span, 16)?).ok()?);
        let sampled = hex(flags, 2)? & 1 == 1;
        (trace_id != 0 && span_id != 0).then_some(Self { trace_id, span_id, sampled })
    }

    /// The context of a message, or a new, unsampled one where it carries none.
    pub fn parse_or_new(header: Option<&str>) -> Self {
        header.and_then(Self::parse).unwrap_or_else(|| Self::new(false))
    }

    /// The trace's id as answers, errors and logs name it.
    pub fn trace_id(&self) -> String {
        String::from_utf8_lossy(&digits::<32>(self.trace_id)).into_owned()
    }
}

/// The header `traceparent`.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // In one piece: whoever collects it makes room once.
        let mut text = *b"00-................................-................-00";
        text[3..35].copy_from_slice(&digits::<32>(self.trace_id));
        text[36..52].copy_from_slice(&digits::<16>(self.span_id.into()));
        text[54] += u8::from(self.sampled);
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// The last `N` hexadecimal digits of a number.
fn digits<const N: usize>(number: u128) -> [u8; N] {
    std::array::from_fn(|at| b"0123456789abcdef"[(number >> (4 * (N - 1 - at)) & 15) as usize])
}

/// Exactly `digits` lowercase hexadecimal digits.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let form = text.len() == digits && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if form { u128::from_str_radix(text, 16).ok() } else { None }
}

/// Span ids need to be unique, not secret: a counter from a random start, mixed (SplitMix64), costs no system call.
fn span_id() -> u64 {
    static NEXT: OnceLock<AtomicU64> = OnceLock::new();
    let next = NEXT.get_or_init(|| AtomicU64::new(u64::from_ne_bytes(random_bytes())));
    let mut z = next.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_survives_its_header() {
        let context = TraceContext::new(true);
        assert_eq!(TraceContext::parse(&context.to_string()), Some(context));
        let child = context.child();
        assert_eq!((child.trace_id, child.sampled), (context.trace_id, true));
        assert_ne!(child.span_id, context.span_id);
    }

    #[test]
    fn only_well_formed_headers_are_a_context() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(TraceContext::parse(good).unwrap().to_string(), good);
        assert!(TraceContext::parse("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes-later").is_some());
        for bad in [
            "",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceContext::parse(bad), None, "{bad}");
        }
    }
}
