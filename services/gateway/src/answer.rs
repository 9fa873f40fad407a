//! What clients are answered: always `{"success":true,...}` or `{"success":false,"error":{...}}`, flat, with the trace's id.

use protocol::{Ack, ErrorBody};
use serde::Serialize;

const SUCCESS: &[u8] = br#"{"success":true"#;

/// The fields of an object, without its braces: answers are put together from several.
#[derive(Debug, Clone, Default)]
pub struct Fields(Vec<u8>);

impl Fields {
    /// # Panics
    /// When `value` is not an object of our own types; those always are.
    pub fn of<T: Serialize>(value: &T) -> Self {
        let mut json = serde_json::to_vec(value).expect("our own types become JSON");
        debug_assert!(json.starts_with(b"{") && json.ends_with(b"}"));
        json.pop();
        json.remove(0);
        Self(json)
    }

    /// The fields of an object that is JSON already.
    pub fn of_object(json: &[u8]) -> Self {
        let json = json.trim_ascii();
        debug_assert!(json.starts_with(b"{") && json.ends_with(b"}"));
        Self(json[1..json.len() - 1].to_vec())
    }

    /// The fields of a success that is JSON already, without `success` itself.
    pub fn of_success(json: &[u8]) -> Self {
        let rest = json.trim_ascii().strip_prefix(SUCCESS).and_then(|rest| rest.strip_suffix(b"}")).unwrap_or_default();
        Self(rest.strip_prefix(b",").unwrap_or(rest).to_vec())
    }
}

/// A success with these fields.
pub fn success(trace_id: &str, parts: &[&Fields]) -> Vec<u8> {
    let mut answer = Vec::with_capacity(80 + parts.iter().map(|part| part.0.len() + 1).sum::<usize>());
    answer.extend_from_slice(SUCCESS);
    for part in parts.iter().filter(|part| !part.0.is_empty()) {
        answer.push(b',');
        answer.extend_from_slice(&part.0);
    }
    answer.extend_from_slice(br#","traceId":""#);
    answer.extend_from_slice(trace_id.as_bytes());
    answer.extend_from_slice(b"\"}");
    answer
}

/// One object of these fields, for REST: there the status code says whether it is a success.
pub fn object(parts: &[&Fields]) -> Vec<u8> {
    let filled: Vec<&[u8]> = parts.iter().map(|part| part.0.as_slice()).filter(|part| !part.is_empty()).collect();
    [b"{", filled.join(&b","[..]).as_slice(), b"}"].concat()
}

/// A success that is JSON already, as the authority wrote it, with our trace id after its fields.
pub fn success_from(trace_id: &str, json: &[u8]) -> Vec<u8> {
    let json = json.trim_ascii();
    let body = json.strip_prefix(SUCCESS).and_then(|rest| rest.strip_suffix(b"}")).unwrap_or_default();
    let mut answer = Vec::with_capacity(json.len() + 50);
    answer.extend_from_slice(SUCCESS);
    answer.extend_from_slice(body);
    answer.extend_from_slice(br#","traceId":""#);
    answer.extend_from_slice(trace_id.as_bytes());
    answer.extend_from_slice(b"\"}");
    answer
}

/// A refusal.
///
/// # Panics
/// Never: an error body always becomes JSON.
pub fn refusal(trace_id: &str, mut error: ErrorBody) -> Vec<u8> {
    error.trace_id = Some(trace_id.to_owned());
    serde_json::to_vec(&Ack::<()>::Refused(error)).expect("an error body becomes JSON")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn answers_are_flat_and_carry_the_trace() {
        let empty = Fields::of(&json!({}));
        let answer = success("t1", &[&Fields::of(&json!({"a": 1, "b": {"c": 2}})), &empty, &Fields::of_object(br#" {"d":"}"} "#)]);
        let value: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(value, json!({"success": true, "a": 1, "b": {"c": 2}, "d": "}", "traceId": "t1"}));
        let nothing: Value = serde_json::from_slice(&success("t2", &[])).unwrap();
        assert_eq!(nothing, json!({"success": true, "traceId": "t2"}));
    }

    #[test]
    fn an_answer_of_the_authority_gets_our_trace_appended() {
        let value: Value = serde_json::from_slice(&success_from("t1", br#"{"success":true,"gameState":{"a":[]}}"#)).unwrap();
        assert_eq!(value, json!({"success": true, "gameState": {"a": []}, "traceId": "t1"}));
    }

    #[test]
    fn a_refusal_carries_the_trace_in_its_error() {
        let value: Value = serde_json::from_slice(&refusal("t1", ErrorBody::permission("NOT_GM", "no"))).unwrap();
        assert_eq!(value["success"], json!(false));
        assert_eq!(value["error"]["code"], json!("PERMISSION_DENIED"));
        assert_eq!(value["error"]["traceId"], json!("t1"));
    }
}
