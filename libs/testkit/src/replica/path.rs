//! Paths as broadcasts carry them: dotted text, JSON Pointer, or a list of segments.

use anyhow::{bail, ensure};
use serde_json::Value;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    /// A key of an object or, if it is a number, an index of an array.
    Name(String),
    /// The element with this id. In broadcasts only where the level before it is missing.
    Id(String),
}

pub(super) fn parse(path: &Value) -> anyhow::Result<Vec<Segment>> {
    let segments = match path {
        Value::String(text) if text.starts_with('/') => {
            text.split('/').skip(1).map(|segment| Segment::Name(segment.replace("~1", "/").replace("~0", "~"))).collect()
        }
        Value::String(text) => dotted(text)?,
        Value::Array(items) => items.iter().map(listed).collect::<anyhow::Result<_>>()?,
        other => bail!("{other} is not a path"),
    };
    ensure!(!segments.is_empty(), "the empty path");
    Ok(segments)
}

fn listed(segment: &Value) -> anyhow::Result<Segment> {
    match segment {
        Value::String(name) => Ok(Segment::Name(name.clone())),
        Value::Number(index) => Ok(Segment::Name(index.to_string())),
        Value::Object(selector) => match selector.get("id") {
            Some(Value::String(id)) if selector.len() == 1 => Ok(Segment::Id(id.clone())),
            _ => bail!("{segment} is not a selector"),
        },
        _ => bail!("{segment} is not a segment"),
    }
}

fn dotted(text: &str) -> anyhow::Result<Vec<Segment>> {
    let mut segments = Vec::new();
    let mut rest = text;
    loop {
        if let Some(inner) = rest.strip_prefix("{id:") {
            let Some((id, after)) = inner.split_once('}') else { bail!("{text:?} has an open selector") };
            segments.push(Segment::Id(id.to_owned()));
            rest = after;
        } else if !rest.starts_with('[') {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            ensure!(end > 0, "{text:?} has an empty segment");
            segments.push(Segment::Name(rest[..end].to_owned()));
            rest = &rest[end..];
        }
        while let Some(inner) = rest.strip_prefix('[') {
            let Some((index, after)) = inner.split_once(']') else { bail!("{text:?} has an open bracket") };
            segments.push(Segment::Name(index.to_owned()));
            rest = after;
        }
        match rest.strip_prefix('.') {
            Some(next) => rest = next,
            None if rest.is_empty() => return Ok(segments),
            None => bail!("{text:?} is not a path"),
        }
    }
}
