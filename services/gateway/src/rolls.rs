//! `roll`: dice fall on the server, by the operating system's randomness, for everyone, for the roller alone, or for the
//! roller and the game master.

use std::sync::Arc;

use protocol::{
    ErrorBody,
    event::{
        name,
        roll::{Roll, RollRecipients, RollResult},
    },
};
use service_kit::random_id;

use crate::{
    answer::Fields,
    dice::Formula,
    events::{read, settle, taking_part},
    lanes::{Done, Job},
    relay,
    service::Gateway,
};

const MAX_REASON_CHARS: usize = 500;

/// `roll`, and its names of old. Answered with the result, which goes to the recipients as `roll:result`.
pub async fn roll(gateway: Arc<Gateway>, job: Job) -> Done {
    match send(&gateway, &job).await {
        Ok(fields) => job.reply.success(&[&fields]),
        Err(error) => return settle(job.reply, error),
    }
    Done::Settled
}

async fn send(gateway: &Gateway, job: &Job) -> Result<Fields, ErrorBody> {
    let roll: Roll = read(&job.data)?;
    let formula = Formula::parse(&roll.formula)
        .map_err(|bad| ErrorBody::validation("BAD_FORMULA", bad.to_string()).path(format!("formula[{}]", bad.place)))?;
    let chars = roll.reason.as_deref().map_or(0, |reason| reason.chars().count());
    if chars > MAX_REASON_CHARS {
        let error = ErrorBody::validation("BAD_LENGTH", format!("a reason has at most {MAX_REASON_CHARS} characters"));
        return Err(error.path("reason").limit(MAX_REASON_CHARS as u64, chars as u64));
    }
    let access = taking_part(gateway, job).await?;
    let rolled = formula.roll(fair_die).map_err(|_| ErrorBody::unavailable("NO_RANDOMNESS", "no dice could be rolled"))?;
    let (id, identity) = (random_id(), &job.reply.conn().client().identity);
    let result = RollResult {
        id: &id,
        session_id: &roll.session_id,
        formula: &roll.formula,
        rolled,
        user_id: &identity.user,
        user_name: &identity.name,
        recipients: roll.recipients,
        reason: roll.reason.as_deref(),
        timestamp: gateway.clock.now_ms(),
    };
    if roll.recipients == RollRecipients::Public {
        relay::keep(gateway, &roll.session_id, &id, name::ROLL_RESULT, &result).await?;
    } else {
        relay::to_user(gateway, &identity.user, name::ROLL_RESULT, &result).await?;
        if roll.recipients == RollRecipients::Gm && access.game_master != identity.user {
            relay::to_user(gateway, &access.game_master, name::ROLL_RESULT, &result).await?;
        }
    }
    Ok(Fields::of(&result))
}

/// 1 to `sides`, each exactly as likely: what lies past the last whole multiple is drawn again.
fn fair_die(sides: u32) -> Result<u32, getrandom::Error> {
    let limit = u32::MAX - u32::MAX % sides;
    loop {
        let drawn = getrandom::u32()?;
        if drawn < limit {
            return Ok(drawn % sides + 1);
        }
    }
}
