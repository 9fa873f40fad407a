//! `sessions.list`: the sessions that a caller may see, a page at a time, each as its document says.

use std::{collections::HashMap, sync::Arc};

use protocol::{
    ErrorBody, SessionId,
    rest::{ListSessions, MOST_OF_A_PAGE, SessionPage},
};
use store::SessionFilter;

use crate::{commands::summary, context::Authority, decide::Head, load::Fault, request::Caller};

impl Authority {
    pub(crate) async fn list_sessions(self: &Arc<Self>, caller: &Caller, asked: &ListSessions) -> Result<SessionPage, ErrorBody> {
        let limit = page_size(asked.limit)?;
        let after = asked.after.as_deref().map(read_place).transpose()?;
        let user = (!caller.admin && !caller.system).then_some(&caller.user);
        let filter = SessionFilter { user, campaign: asked.campaign_id.as_ref(), status: asked.status, after };
        // One more tells whether there is another page.
        let mut documents = self
            .retried("list sessions", caller.deadline, || Box::pin(self.store.sessions_page(&filter, limit + 1)))
            .await
            .map_err(Fault::Store)?;
        let more = documents.len() > limit as usize;
        documents.truncate(limit as usize);
        let next = documents.last().filter(|_| more).map(|last| format!("{}.{}", last.created_at, last.id));
        let mut names = HashMap::new();
        for document in &documents {
            if !names.contains_key(&document.campaign_id) {
                let read = self.retried("read a campaign", caller.deadline, || Box::pin(self.store.campaign(&document.campaign_id)));
                let campaign = read.await.map_err(Fault::Store)?;
                names.insert(document.campaign_id.clone(), campaign.map(|campaign| campaign.name));
            }
        }
        // A list does not wait for a journal that is a little ahead.
        let sessions = documents.into_iter().map(|document| {
            let (name, head) = (names.get(&document.campaign_id).cloned().flatten(), Head::shown_by(&document));
            summary(document, name, &head)
        });
        Ok(SessionPage { sessions: sessions.collect(), next })
    }
}

pub(crate) fn page_size(limit: u32) -> Result<u32, ErrorBody> {
    if (1..=MOST_OF_A_PAGE).contains(&limit) {
        return Ok(limit);
    }
    let refusal = ErrorBody::validation("BAD_LIMIT", format!("a page has 1 to {MOST_OF_A_PAGE} elements"));
    Err(refusal.path("limit").limit(MOST_OF_A_PAGE.into(), limit.into()))
}

fn read_place(after: &str) -> Result<(u64, SessionId), ErrorBody> {
    let place = after.split_once('.').and_then(|(at, id)| Some((at.parse().ok()?, id.parse().ok()?)));
    place.ok_or_else(|| ErrorBody::validation("BAD_MESSAGE", "`after` is the `next` of the page before").path("after"))
}
