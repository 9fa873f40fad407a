//! Work that other services do for users: requests for maps, and the progress that comes back.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{UserId, WorkflowId};

/// `map:generate`, `map:edit` and `map:detect-features`.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MapRequest<'a> {
    pub workflow_id: WorkflowId,
    #[serde(borrow)]
    #[cfg_attr(test, schemars(with = "serde_json::Value"))]
    pub data: &'a RawValue,
}

/// The answer to those: a worker has the request.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct MapAccepted {
    pub accepted: bool,
    pub workflow_id: WorkflowId,
}

/// `workflow.<user>.request`: a request as workers get it. Any answer says that it is taken.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WorkflowRequest<'a> {
    pub event: &'a str,
    pub workflow_id: &'a WorkflowId,
    pub user_id: &'a UserId,
    #[cfg_attr(test, schemars(with = "serde_json::Value"))]
    pub data: &'a RawValue,
    pub timestamp: u64,
}

/// `workflow:progress:*` and `workflow:state:*`, from a service to one user.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkflowProgress<'a> {
    pub workflow_id: WorkflowId,
    pub user_id: UserId,
    pub r#type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(range(min = 0.0, max = 100.0)))]
    pub progress: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "serde_json::Value"))]
    pub data: Option<&'a RawValue>,
}
