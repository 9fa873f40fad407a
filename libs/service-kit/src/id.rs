//! Random ids from the operating system's generator.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// 128 random bits as 22 characters of base64url: fits every place an id may stand in, and cannot be guessed.
pub fn random_id() -> String {
    let mut bits = u128::from_ne_bytes(random_bytes());
    let mut text = String::with_capacity(22);
    for _ in 0..22 {
        text.push(char::from(ALPHABET[(bits & 63) as usize]));
        bits >>= 6;
    }
    text
}

/// Bytes from the operating system.
///
/// # Panics
/// When the operating system has no randomness to give: no id could be trusted then.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_22_characters_that_a_subject_may_hold_and_never_repeat() {
        let ids: std::collections::HashSet<String> = (0..10_000).map(|_| random_id()).collect();
        assert_eq!(ids.len(), 10_000);
        assert!(ids.iter().all(|id| id.len() == 22 && id.bytes().all(|b| ALPHABET.contains(&b))));
    }
}
