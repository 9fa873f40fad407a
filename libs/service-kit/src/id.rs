//! Random ids from the operating system's generator.

use std::cell::RefCell;

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

/// Bytes from the operating system, which is asked for many at once: a system call for every id would cost more than the id.
///
/// # Panics
/// When the operating system has no randomness to give: no id could be trusted then.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    thread_local! { static STORE: RefCell<Store> = const { RefCell::new(Store { bytes: [0; STORED], left: 0 }) }; }
    STORE.with_borrow_mut(Store::take)
}

const STORED: usize = 1024;

/// Random bytes that nobody has had.
struct Store {
    bytes: [u8; STORED],
    left: usize,
}

impl Store {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        if self.left < N {
            getrandom::fill(&mut self.bytes).expect("the operating system gives random bytes");
            self.left = STORED;
        }
        let mut taken = [0; N];
        // Nothing that was given out stays here.
        taken.swap_with_slice(&mut self.bytes[self.left - N..self.left]);
        self.left -= N;
        taken
    }
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
