//! Whether clients' events are still taken. Whoever ends that waits for those that are just being taken: each event is then either
//! refused, or counted among what must be answered first.

use std::sync::{PoisonError, RwLock};

#[derive(Default)]
pub(super) struct Intake {
    has_ended: RwLock<bool>,
}

impl Intake {
    /// Does what takes an event or refuses it, by whether this has ended.
    pub(super) fn one(&self, take: impl FnOnce(bool)) {
        let has_ended = self.has_ended.read().unwrap_or_else(PoisonError::into_inner);
        take(*has_ended);
    }

    /// None is taken after this.
    pub(super) fn end(&self) {
        *self.has_ended.write().unwrap_or_else(PoisonError::into_inner) = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_does_not_end_while_an_event_is_being_taken() {
        let intake = Intake::default();
        intake.one(|has_ended| assert!(!has_ended && intake.has_ended.try_write().is_err()));
        intake.end();
        intake.one(|has_ended| assert!(has_ended));
    }
}
