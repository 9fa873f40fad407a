//! JetStream's interface: JSON requests on `$JS.API.>`, answers with either an error or the result.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Bus, BusError, Headers};

impl Bus {
    pub(crate) async fn call<T: DeserializeOwned>(&self, operation: &str, request: &impl Serialize) -> Result<T, BusError> {
        let payload = serde_json::to_vec(request).map_err(|error| malformed(operation, &error))?;
        let answer = self.request(format!("$JS.API.{operation}"), Headers::new(), Bytes::from(payload), self.stream_timeout()).await?;
        read(operation, &answer.payload)
    }
}

pub(crate) fn read<T: DeserializeOwned>(what: impl fmt::Display, json: &[u8]) -> Result<T, BusError> {
    #[derive(Deserialize)]
    struct Verdict {
        error: Option<ApiError>,
    }
    #[derive(Deserialize)]
    struct ApiError {
        code: u16,
        #[serde(default)]
        err_code: u32,
        #[serde(default)]
        description: String,
    }
    let verdict: Verdict = serde_json::from_slice(json).map_err(|error| malformed(&what, &error))?;
    if let Some(ApiError { code, err_code, description }) = verdict.error {
        return Err(BusError::Refused { what: what.to_string(), code, err_code, description });
    }
    serde_json::from_slice(json).map_err(|error| malformed(&what, &error))
}

fn malformed(what: impl fmt::Display, error: &serde_json::Error) -> BusError {
    BusError::Malformed { what: what.to_string(), reason: error.to_string() }
}
