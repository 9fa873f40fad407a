//! An import as large as REST takes it, in requests as large as NATS carries them.
//!
//! What fits into one goes through as it is, and is stored whole or not at all. More than that is cut between documents: the parts
//! go one after another, in the order of the request, and the first that fails ends it. Documents replace what has their id, so
//! the same import sent again does no harm.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use protocol::{
    CampaignId, ErrorBody, Outcome,
    campaign::{Campaign, CampaignImport},
};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{client::Caller, events::malformed, service::Gateway};

/// What the headers of a request may take of a message.
const HEADERS: usize = 16 << 10;
/// The braces and names of a part.
const ENVELOPE: usize = 64;
const KINDS: [&str; 4] = ["characters", "actors", "items", "encounters"];

/// Lets documents in, in as many parts as it takes.
pub(super) async fn import(
    gateway: &Arc<Gateway>,
    campaign: &CampaignId,
    caller: &Caller,
    documents: Bytes,
) -> Result<Campaign, ErrorBody> {
    let most = gateway.bus.max_payload().saturating_sub(HEADERS);
    if documents.len() <= most {
        return gateway.authority.import(campaign, caller, documents).await;
    }
    let (mut stored, mut answer) = (0, None);
    for part in split(&documents, most)? {
        let imported = gateway.authority.import(campaign, caller, part.json().into()).await;
        answer = Some(imported.map_err(|error| part.failed(error, stored))?);
        stored += part.documents.len() as u32;
    }
    answer.ok_or_else(|| ErrorBody::validation("BAD_MESSAGE", "there are no documents in it"))
}

/// A document with its kind, as an index.
type Document<'a> = (usize, &'a RawValue);

#[derive(Debug)]
struct Part<'a> {
    documents: Vec<Document<'a>>,
    /// How many documents of each kind went before it.
    before: [usize; 4],
}

/// Documents in their order, as many together as `most` bytes hold.
fn split(import: &[u8], most: usize) -> Result<Vec<Part<'_>>, ErrorBody> {
    let CampaignImport { characters, actors, items, encounters } = serde_json::from_slice(import).map_err(|error| malformed(&error))?;
    let room = most.saturating_sub(ENVELOPE);
    let largest = room.saturating_sub(1);
    let (mut parts, mut bytes, mut before) = (Vec::<Part<'_>>::new(), 0, [0; 4]);
    for (kind, documents) in [characters, actors, items, encounters].into_iter().enumerate() {
        let mut ids = BTreeSet::new();
        for document in documents {
            // With the comma behind it.
            let size = document.get().len() + 1;
            let path = || format!("{}.{}", KINDS[kind], before[kind]);
            if size > room {
                let actual = document.get().len();
                let error = ErrorBody::validation("DOCUMENT_TOO_LARGE", format!("a document has at most {largest} bytes"));
                return Err(error.path(path()).limit(largest as u64, actual as u64));
            }
            let id = id_of(document).ok_or_else(|| ErrorBody::validation("NO_ID", "a document needs a text as its `id`").path(path()))?;
            if !ids.insert(id) {
                return Err(ErrorBody::validation("DUPLICATE_ID", "a document of this id stands there twice").path(path()));
            }
            match parts.last_mut().filter(|_| bytes + size <= room) {
                Some(part) => part.documents.push((kind, document)),
                None => {
                    bytes = 0;
                    parts.push(Part { documents: vec![(kind, document)], before });
                }
            }
            bytes += size;
            before[kind] += 1;
        }
    }
    Ok(parts)
}

fn id_of(document: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Of {
        id: String,
    }
    serde_json::from_str::<Of>(document.get()).ok().map(|of| of.id).filter(|id| !id.is_empty())
}

impl Part<'_> {
    /// The documents as they were written.
    fn json(&self) -> String {
        let of_kind = |kind| {
            let documents = self.documents.iter().filter(|(of, _)| *of == kind);
            documents.map(|(_, document)| document.get()).collect::<Vec<_>>().join(",")
        };
        let lists = KINDS.iter().enumerate().map(|(kind, name)| format!("\"{name}\":[{}]", of_kind(kind)));
        format!("{{{}}}", lists.collect::<Vec<_>>().join(","))
    }

    /// What the client is told: where in its own request, and how much of that is stored.
    fn failed(&self, mut error: ErrorBody, stored: u32) -> ErrorBody {
        if let Some(path) = &mut error.details.path
            && let Some((name, index)) = path.split_once('.')
            && let (Some(kind), Ok(index)) = (KINDS.iter().position(|kind| *kind == name), index.parse::<usize>())
        {
            *path = format!("{name}.{}", self.before[kind] + index);
        }
        if stored > 0 {
            error.message = format!("{} (the first {stored} documents of this request are stored)", error.message);
            error.details.stored = Some(stored);
            // Something of the request was applied, whatever became of this part.
            error.outcome = error.outcome.map(|_| Outcome::Unknown);
        }
        error
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn numbered(prefix: &str, count: usize) -> Vec<Value> {
        (0..count).map(|number| json!({"id": format!("{prefix}{number}"), "text": "x".repeat(50)})).collect()
    }

    #[test]
    fn parts_hold_every_document_once_and_in_order_and_none_is_too_large() {
        let import = json!({"characters": numbered("c", 7), "items": numbered("i", 23), "encounters": numbered("e", 2)});
        for most in [150, 300, 1_000, 100_000] {
            let text = import.to_string();
            let parts = split(text.as_bytes(), most).unwrap();
            let mut whole = json!({"characters": [], "actors": [], "items": [], "encounters": []});
            for part in &parts {
                let json = part.json();
                assert!(json.len() <= most, "{} of {most}", json.len());
                let mut part: Value = serde_json::from_str(&json).unwrap();
                for kind in KINDS {
                    whole[kind].as_array_mut().unwrap().append(part[kind].as_array_mut().unwrap());
                }
            }
            assert_eq!(whole["actors"], json!([]));
            assert!(["characters", "items", "encounters"].iter().all(|kind| whole[kind] == import[kind]), "{most}");
            assert_eq!(parts.len() == 1, most == 100_000);
        }
    }

    #[test]
    fn numbers_go_through_as_they_are_written() {
        let text = r#"{"items":[{"id":"a","n":1e2},{"id":"b","n":0.10}]}"#;
        let json: String = split(text.as_bytes(), 90).unwrap().iter().map(Part::json).collect();
        assert!(json.contains(r#"{"id":"a","n":1e2}"#) && json.contains(r#"{"id":"b","n":0.10}"#), "{json}");
    }

    #[test]
    fn what_no_part_can_hold_or_names_no_document_is_refused_with_its_place_before_anything_is_sent() {
        let large = json!({"id": "large", "text": "x".repeat(500)});
        for (items, reason) in [
            (vec![json!({"id": "a"}), large], "DOCUMENT_TOO_LARGE"),
            (vec![json!({"id": "a"}), json!({"id": "a"})], "DUPLICATE_ID"),
            (vec![json!({"id": "a"}), json!({"id": 7})], "NO_ID"),
            (vec![json!({"id": "a"}), json!("text")], "NO_ID"),
        ] {
            let text = json!({ "items": items }).to_string();
            let details = split(text.as_bytes(), 200).unwrap_err().details;
            assert_eq!((details.reason.as_str(), details.path.as_deref()), (reason, Some("items.1")));
            assert_eq!(details.limit.zip(details.actual), (reason == "DOCUMENT_TOO_LARGE").then_some((135, 524)));
        }
    }

    #[test]
    fn a_later_part_that_fails_is_told_in_the_terms_of_the_whole_request() {
        let text = json!({"actors": numbered("a", 3), "items": numbered("i", 9)}).to_string();
        let parts = split(text.as_bytes(), 400).unwrap();
        let last = parts.last().unwrap();
        let stored: usize = parts[..parts.len() - 1].iter().map(|part| part.documents.len()).sum();
        let told = last.failed(ErrorBody::validation("FORBIDDEN_KEY", "no").path("items.0"), stored as u32).details;
        assert_eq!((told.path, told.stored), (Some(format!("items.{}", stored - 3)), Some(stored as u32)));
        let first = parts[0].failed(ErrorBody::unavailable("BUSY", "busy"), 0);
        assert_eq!((first.details.stored, first.outcome), (None, Some(Outcome::NotApplied)));
        assert_eq!(last.failed(ErrorBody::unavailable("BUSY", "busy"), 5).outcome, Some(Outcome::Unknown));
    }
}
