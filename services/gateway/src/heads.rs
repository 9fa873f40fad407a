//! The check of heads: a lost last message leaves no gap that a room could see, so the authority is asked now and then where
//! the sessions stand, all of them in one request.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use bus::Bus;
use protocol::{SessionId, heads::SessionPosition, position::Head};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::{authority::Authority, rooms::Rooms};

const EVERY: Duration = Duration::from_secs(1);
/// Every room is asked about once in so many rounds, and a new one in the next.
const ROUNDS: u64 = 10;
/// Sessions in one request.
const BATCH: usize = 5_000;

/// Checks until shutdown.
pub async fn check(rooms: &Rooms, authority: &Authority, bus: &Bus, shutdown: CancellationToken) {
    let mut connection = bus.watch_connection();
    let mut generation = connection.borrow_and_update().generation;
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut seen, mut round) = (HashSet::<SessionId>::new(), 0_u64);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = tick.tick() => {}
        }
        round += 1;
        let now = *connection.borrow_and_update();
        if now.connected && now.generation != generation {
            // What was published in between has reached no room.
            generation = now.generation;
            seen.clear();
        }
        let all: HashMap<_, _> = rooms.all().into_iter().map(|room| (room.session().clone(), room)).collect();
        seen.retain(|session| all.contains_key(session));
        let asked: Vec<_> = all
            .values()
            .filter_map(|room| Some(SessionPosition { session_id: room.session().clone(), position: room.standing()? }))
            .filter(|asked| seen.insert(asked.session_id.clone()) || round.is_multiple_of(ROUNDS))
            .collect();
        for batch in asked.chunks(BATCH) {
            match authority.heads(batch.to_vec()).await {
                Ok(moved) => {
                    for SessionPosition { session_id, position } in moved {
                        if let Some(room) = all.get(&session_id) {
                            room.hear_of(Head { position, hash: None }).await;
                        }
                    }
                }
                Err(error) => tracing::info!(reason = error.details.reason, "heads cannot be checked"),
            }
        }
    }
}
