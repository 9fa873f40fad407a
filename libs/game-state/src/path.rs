//! Paths: dotted text, JSON Pointer, or an array of segments.

use std::sync::Arc;

use crate::{
    canonical, key,
    limits::Limits,
    rejection::{Reason, Rejection},
    value::Value,
};

/// The largest index that a path can name has this many digits.
const INDEX_DIGITS: usize = 7;

/// One step down from a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// A key where the level is an object, an index where it is an array.
    Name(String),
    /// The one element of an array whose `id` is this.
    Id(String),
}

/// At least one segment: the root has no path. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path(Arc<[Segment]>);

impl Path {
    /// Reads the text form: a JSON Pointer if it starts with `/`, else segments between dots.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, Rejection> {
        // Before anything else, so that no work is done on a text that is too long anyway.
        if text.len() > limits.path_bytes {
            return Err(bad("the path is too long").limited(limits.path_bytes, text.len()));
        }
        let segments = match text.strip_prefix('/') {
            Some(pointer) => pointer.split('/').map(unescape).collect::<Result<_, _>>()?,
            None => dotted(text)?,
        };
        Self::checked(segments, limits)
    }

    /// Reads the path of an operation: a text, or an array of segments.
    pub(crate) fn from_value(value: &Value, limits: &Limits) -> Result<Self, Rejection> {
        match value {
            Value::String(text) => Self::parse(text, limits),
            Value::Array(elements) => {
                let segments: Vec<_> = elements.iter().map(element).collect::<Result<_, _>>()?;
                let bytes = segments.iter().map(|segment| segment.text().len()).sum();
                if bytes > limits.path_bytes {
                    return Err(bad("the path is too long").limited(limits.path_bytes, bytes));
                }
                Self::checked(segments, limits)
            }
            _ => Err(Rejection::new(Reason::BadOperation, "`path` is a text or an array")),
        }
    }

    fn checked(segments: Vec<Segment>, limits: &Limits) -> Result<Self, Rejection> {
        if segments.is_empty() {
            return Err(bad("a path names something below the root"));
        }
        if segments.len() > limits.levels() {
            return Err(bad("too many segments").limited(limits.levels(), segments.len()));
        }
        for segment in &segments {
            let text = segment.text();
            if text.len() > limits.segment_bytes {
                return Err(bad("a segment is too long").limited(limits.segment_bytes, text.len()));
            }
            if let Segment::Name(name) = segment {
                key::check(name)?;
            }
        }
        Ok(Self(segments.into()))
    }

    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The first `count` segments.
    pub(crate) fn prefix(&self, count: usize) -> Self {
        Self(self.0[..count].into())
    }

    pub(crate) fn child(&self, index: usize) -> Self {
        Self(self.0.iter().cloned().chain([Segment::Name(index.to_string())]).collect())
    }

    /// Replaces a selector by the index that it stands for.
    pub(crate) fn resolve(&mut self, position: usize, index: usize) {
        Arc::make_mut(&mut self.0)[position] = Segment::Name(index.to_string());
    }

    /// Appends the path as JSON: as text if its segments allow it, else as an array.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        if let Some(text) = self.dotted() {
            return canonical::write_string(&text, out);
        }
        out.push(b'[');
        for (index, segment) in self.0.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            match segment {
                Segment::Name(name) => canonical::write_string(name, out),
                Segment::Id(id) => {
                    out.extend_from_slice(b"{\"id\":");
                    canonical::write_string(id, out);
                    out.push(b'}');
                }
            }
        }
        out.push(b']');
    }

    /// As text where that is possible, else as the JSON of the array form: for people to read.
    pub(crate) fn describe(&self) -> String {
        self.dotted().unwrap_or_else(|| {
            let mut out = Vec::new();
            self.write(&mut out);
            canonical::into_string(out)
        })
    }

    fn dotted(&self) -> Option<String> {
        let mut text = String::with_capacity(self.0.iter().map(|segment| segment.text().len() + 1).sum());
        for (index, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Name(name) if !(name.contains(['.', '[', ']', '{', '}']) || index == 0 && name.starts_with('/')) => {
                    if index > 0 {
                        text.push('.');
                    }
                    text.push_str(name);
                }
                _ => return None,
            }
        }
        Some(text)
    }
}

impl Segment {
    fn text(&self) -> &str {
        match self {
            Self::Name(text) | Self::Id(text) => text,
        }
    }
}

/// The number that an index stands for: `0|[1-9][0-9]{0,6}`.
pub(crate) fn index(name: &str) -> Option<usize> {
    let canonical = name == "0" || (is_digits(name) && !name.starts_with('0') && name.len() <= INDEX_DIGITS);
    if canonical { name.parse().ok() } else { None }
}

/// Whether the segment could be meant as an index: then a missing level above it is not created.
pub(crate) fn is_digits(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit())
}

fn bad(message: &'static str) -> Rejection {
    Rejection::new(Reason::BadPath, message)
}

fn unescape(token: &str) -> Result<Segment, Rejection> {
    let mut name = String::with_capacity(token.len());
    let mut rest = token.chars();
    while let Some(character) = rest.next() {
        name.push(match character {
            '~' => match rest.next() {
                Some('0') => '~',
                Some('1') => '/',
                _ => return Err(bad("in a pointer `~` is written `~0`")),
            },
            other => other,
        });
    }
    Ok(Segment::Name(name))
}

fn dotted(text: &str) -> Result<Vec<Segment>, Rejection> {
    let mut segments = Vec::new();
    let mut rest = text;
    if rest.is_empty() {
        return Ok(segments);
    }
    // Whether a name or selector must stand here: after a dot, and at the start unless that is a bracket.
    let mut expected = !rest.starts_with('[');
    loop {
        if expected {
            rest = name(rest, &mut segments)?;
        }
        match rest.as_bytes().first() {
            None => return Ok(segments),
            Some(b'.') => {
                rest = &rest[1..];
                expected = true;
            }
            Some(b'[') => {
                let (inner, after) = rest[1..].split_once(']').ok_or_else(|| bad("`[` has no `]`"))?;
                if index(inner).is_none() {
                    return Err(Rejection::new(Reason::BadIndex, "between brackets stands an index"));
                }
                segments.push(Segment::Name(inner.to_owned()));
                rest = after;
                expected = false;
            }
            Some(_) => return Err(bad("after an index or a selector comes a dot or a bracket; for other keys use the array form")),
        }
    }
}

/// Takes one name or selector off the front.
fn name<'a>(text: &'a str, segments: &mut Vec<Segment>) -> Result<&'a str, Rejection> {
    if text.starts_with('{') {
        let (id, after) =
            text.strip_prefix("{id:").and_then(|rest| rest.split_once('}')).ok_or_else(|| bad("a selector is written `{id:...}`"))?;
        if id.is_empty() {
            return Err(bad("a selector's id is not empty"));
        }
        segments.push(Segment::Id(id.to_owned()));
        return Ok(after);
    }
    let end = text.find(['.', '[', ']', '{', '}']).unwrap_or(text.len());
    segments.push(Segment::Name(text[..end].to_owned()));
    Ok(&text[end..])
}

fn element(value: &Value) -> Result<Segment, Rejection> {
    match value {
        Value::String(name) => Ok(Segment::Name(name.clone())),
        Value::Number(number) => {
            let text = canonical::number_to_string(*number);
            if index(&text).is_none() {
                return Err(bad("a number in a path is an index"));
            }
            Ok(Segment::Name(text))
        }
        Value::Object(object) => match (object.len(), object.get("id")) {
            (1, Some(Value::String(id))) if !id.is_empty() => Ok(Segment::Id(id.clone())),
            _ => Err(bad("a selector is `{\"id\":\"...\"}`")),
        },
        _ => Err(bad("a segment is a text, an index or a selector")),
    }
}
