//! Writing children as runs, each container once, whether it turns out large or small.

use super::split::{PIECE, Run, Split, brackets};
use crate::{canonical, value::Value};

/// Writes a value at the end of `out`, or, if it is a large container, gives its split and leaves `out` as it was.
fn write(value: &Value, out: &mut Vec<u8>) -> Option<Split> {
    if !matches!(value, Value::Array(_) | Value::Object(_)) {
        canonical::write_scalar(value, out);
        return None;
    }
    let start = out.len();
    let children = value.children();
    let mut runs = Vec::new();
    write_children(value, 0, children, out, &mut runs, false);
    if runs.is_empty() {
        let (open, close) = brackets(value);
        // What was written starts with the first child's comma: the bracket takes its place.
        if children == 0 {
            out.extend_from_slice(open);
        } else {
            out[start] = open[0];
        }
        out.extend_from_slice(close);
        return None;
    }
    Some(Split::new(value, runs))
}

/// Writes children as runs. The last bytes stay at the end of `out` if no run was closed, unless `close_last`.
pub(super) fn write_children(container: &Value, first: usize, count: usize, out: &mut Vec<u8>, runs: &mut Vec<Run>, close_last: bool) {
    let start = out.len();
    let closed = runs.len();
    let mut children = 0;
    for position in first..first + count {
        let child_start = out.len();
        let Some(child) = write_head(container, position, out) else {
            break;
        };
        let head_end = out.len();
        let split = write(child, out);
        // A large child stands alone, so that a change beside it does not write it again.
        if split.is_some() || out.len() - child_start >= PIECE {
            if children > 0 {
                runs.push(Run::flat(children, &out[start..child_start]));
            }
            runs.push(match split {
                Some(split) => Run::nested(&out[child_start..head_end], split),
                None => Run::flat(1, &out[child_start..]),
            });
            out.truncate(start);
            children = 0;
            continue;
        }
        children += 1;
        if out.len() - start >= PIECE {
            runs.push(Run::flat(children, &out[start..]));
            out.truncate(start);
            children = 0;
        }
    }
    if children > 0 && (close_last || runs.len() > closed) {
        runs.push(Run::flat(children, &out[start..]));
        out.truncate(start);
    }
}

/// Writes what stands before a child: the comma, and its key.
fn write_head<'a>(container: &'a Value, position: usize, out: &mut Vec<u8>) -> Option<&'a Value> {
    out.push(b',');
    match container {
        Value::Object(object) if position < object.len() => {
            let (key, value) = object.entry(position);
            canonical::write_string(key, out);
            out.push(b':');
            Some(value)
        }
        other => other.child(position),
    }
}
