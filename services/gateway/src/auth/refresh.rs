//! `auth:refresh`: a fresh token on the open connection, so that nothing is interrupted when the first one ends.

use std::sync::Arc;

use bytes::Bytes;
use protocol::{
    ErrorBody, SessionId,
    auth::{AuthRefresh, AuthRefreshed},
};

use crate::{
    answer::Fields,
    events::{Read, settle},
    lanes::{Done, Job},
    service::Gateway,
};

/// All refreshes of a connection take their turn in one lane.
pub(crate) fn lane_of(_: &Bytes) -> Result<Read, ErrorBody> {
    "auth".parse().map(|lane: SessionId| lane.into()).map_err(|_| ErrorBody::validation("BAD_MESSAGE", "there is no such lane"))
}

pub async fn refresh(gateway: Arc<Gateway>, job: Job) -> Done {
    match take(&gateway, &job).await {
        Ok(expires_at) => job.reply.success(&[&Fields::of(&AuthRefreshed { expires_at })]),
        Err(error) => return settle(job.reply, error),
    }
    Done::Settled
}

async fn take(gateway: &Gateway, job: &Job) -> Result<u64, ErrorBody> {
    let token = read(&job.data)?.token;
    let fresh = gateway.auth.authenticate(&token).await?;
    let client = job.reply.conn().client();
    if fresh.identity.user != client.identity.user {
        return Err(ErrorBody::permission("TOKEN_OF_ANOTHER_USER", "a connection stays its user's: connect again with this token"));
    }
    if (fresh.identity.admin, fresh.identity.system) != (client.identity.admin, client.identity.system) {
        return Err(ErrorBody::permission("TOKEN_OF_OTHER_SCOPE", "a connection keeps its scopes: connect again with this token"));
    }
    client.set_expires_at(fresh.expires_at);
    Ok(fresh.expires_at)
}

/// What is wrong is said without a word of what was sent: it may be a token.
fn read(data: &Bytes) -> Result<AuthRefresh, ErrorBody> {
    serde_json::from_slice(data).map_err(|_| ErrorBody::validation("BAD_MESSAGE", "the payload is {\"token\": text}"))
}
