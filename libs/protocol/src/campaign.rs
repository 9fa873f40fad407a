//! Commands on `campaign.<id>.command`: the documents that sessions begin with and are written back to.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{CampaignId, UserId, rest::DocumentKind};

/// A command, told apart by its field `command`. Create and import are for admins.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "command", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum CampaignCommand {
    Create(NewCampaign),
    /// The campaign and how many documents it has of each kind.
    Read,
    /// A page of its documents of one kind, answered with a `DocumentPage`.
    Documents(ListDocuments),
}

/// In the order of their ids.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ListDocuments {
    pub kind: DocumentKind,
    /// The id that the page before ended with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    pub limit: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewCampaign {
    pub name: String,
    pub game_master_id: UserId,
}

/// `campaign.<id>.import`: documents to insert or replace, each an object with an `id`. All of one request are written in one transaction.
///
/// At most one encounter may have the status `active`: it becomes the state's `currentEncounter`.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CampaignImport<'a> {
    #[serde(default, borrow)]
    #[cfg_attr(test, schemars(with = "Vec<crate::schema::CampaignEntity>"))]
    pub characters: Vec<&'a RawValue>,
    #[serde(default, borrow)]
    #[cfg_attr(test, schemars(with = "Vec<crate::schema::CampaignEntity>"))]
    pub actors: Vec<&'a RawValue>,
    #[serde(default, borrow)]
    #[cfg_attr(test, schemars(with = "Vec<crate::schema::CampaignEntity>"))]
    pub items: Vec<&'a RawValue>,
    #[serde(default, borrow)]
    #[cfg_attr(test, schemars(with = "Vec<crate::schema::CampaignEntity>"))]
    pub encounters: Vec<&'a RawValue>,
}

/// The successful answer to both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Campaign {
    pub id: CampaignId,
    pub name: String,
    pub game_master_id: UserId,
    pub documents: DocumentCounts,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DocumentCounts {
    pub characters: u64,
    pub actors: u64,
    pub items: u64,
    pub encounters: u64,
}
