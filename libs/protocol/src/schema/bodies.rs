//! Bodies of REST requests and answers. The OpenAPI document of the gateway names them.

use super::{book::Book, messages::Problem};
use crate::{
    campaign::{Campaign, CampaignImport, NewCampaign},
    command::Commanded,
    history::History,
    rest::{
        AddDocument, DocumentPage, HandOver, ListSessions, ModeChange, Participants, Restore, SessionPage, SyncOptions, TheirState, Undo,
        Why, WhyAndForce,
    },
    session::NewSession,
    state::FullState,
};

pub(super) fn add_to(book: &mut Book) {
    book.reads::<NewCampaign>();
    book.reads::<CampaignImport<'_>>();
    book.reads::<NewSession>();
    book.reads::<Participants>();
    book.reads::<Why>();
    book.reads::<WhyAndForce>();
    book.reads::<HandOver>();
    book.reads::<ModeChange>();
    book.reads::<SyncOptions>();
    book.reads::<Undo>();
    book.reads::<Restore>();
    book.reads::<TheirState>();
    book.reads::<AddDocument>();
    book.reads::<ListSessions>();
    book.writes::<Campaign>();
    book.writes::<Commanded>();
    book.writes::<History>();
    book.writes::<FullState<'_>>();
    book.writes::<SessionPage>();
    book.writes::<DocumentPage>();
    book.writes::<Problem>();
}
