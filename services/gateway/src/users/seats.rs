//! How many connections each user has or is about to have. One takes its seat before its client is told that it may stay: of many
//! that come at once, none is let in too many.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use protocol::UserId;

#[derive(Clone, Default)]
pub struct Seats(Arc<Mutex<HashMap<UserId, usize>>>);

/// One connection's seat. Dropping it gives it back.
pub struct Seat {
    seats: Seats,
    user: UserId,
}

impl Seats {
    /// Takes a seat of a user who may have `most`.
    ///
    /// # Errors
    /// How many are taken, when all are.
    pub fn take(&self, user: &UserId, most: usize) -> Result<Seat, usize> {
        let mut taken = self.taken();
        let count = taken.get(user).copied().unwrap_or_default();
        if count >= most {
            return Err(count);
        }
        taken.insert(user.clone(), count + 1);
        Ok(Seat { seats: self.clone(), user: user.clone() })
    }

    /// The map is consistent between any two statements, so a panic elsewhere does not spoil it.
    fn taken(&self) -> MutexGuard<'_, HashMap<UserId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken();
        if let Entry::Occupied(mut count) = taken.entry(self.user.clone()) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_so_many_seats_and_gets_them_back() {
        let (seats, user, other) = (Seats::default(), "p1".parse().unwrap(), "p2".parse().unwrap());
        let (first, _second) = (seats.take(&user, 2).ok().unwrap(), seats.take(&user, 2).ok().unwrap());
        assert_eq!(seats.take(&user, 2).err(), Some(2));
        assert!(seats.take(&other, 2).is_ok());
        drop(first);
        assert!(seats.take(&user, 2).is_ok());
        assert_eq!(seats.taken().len(), 1, "nobody is remembered who is not there");
    }
}
