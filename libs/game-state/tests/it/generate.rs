//! Random states and operations from a seed. Half of the operations fit the state they are made for, the others may not.

use game_state::Value;
use serde_json::{Value as Json, json};

/// SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

const KEYS: [&str; 16] =
    ["a", "b", "hitPoints", "name", "id", "10", "9", "0", "with.dot", "x[0]", "é", "😀", "\u{fb33}", "a/b~c", "tab\t", "{x}"];

pub(crate) fn number(random: &mut Random) -> f64 {
    match random.below(6) {
        0..=2 => random.below(200) as f64 - 100.0,
        3 => *random.pick(&[
            9_007_199_254_740_992.0,
            -9_007_199_254_740_991.0,
            1e21,
            5e-324,
            1.5,
            -0.1,
            2_147_483_647.0,
            2_147_483_648.0,
            1e-7,
        ]),
        4 => random.next() as f64 / 1e9,
        _ => Some(f64::from_bits(random.next())).filter(|number| number.is_finite()).unwrap_or(0.5) + 0.0,
    }
}

pub(crate) fn scalar(random: &mut Random) -> Json {
    match random.below(8) {
        0 => Json::Null,
        1 => random.one_in(2).into(),
        2..=4 => number(random).into(),
        5 => "word ".repeat(random.below(80)).into(),
        _ => (*random.pick(&["", "a", "\u{0}", "\"\\\n", "😀\u{fb33}", "$x", "__proto__", "\u{7f}\u{1f}"])).into(),
    }
}

pub(crate) fn value(random: &mut Random, levels: usize) -> Json {
    match random.below(if levels == 0 { 3 } else { 6 }) {
        0..=2 => scalar(random),
        3 => (0..random.below(8)).map(|_| value(random, levels - 1)).collect(),
        _ => {
            let members = (0..random.below(6)).map(|_| ((*random.pick(&KEYS)).to_owned(), value(random, levels - 1)));
            members.collect::<serde_json::Map<_, _>>().into()
        }
    }
}

fn entity(random: &mut Random, number: usize) -> Json {
    json!({"id": format!("e{number}"), "name": "n".repeat(random.below(300)), "pluginData": value(random, 3), "inventory": []})
}

pub(crate) fn state(random: &mut Random, entities: usize) -> Json {
    let entities = |random: &mut Random| -> Json { (0..random.below(entities + 1)).map(|number| entity(random, number)).collect() };
    json!({
        "characters": entities(random),
        "actors": entities(random),
        "items": entities(random),
        "currentEncounter": if random.one_in(2) { Json::Null } else { json!({"tokens": value(random, 4), "round": 1}) },
        "pluginData": {"a": value(random, 5), "b": value(random, 2)},
    })
}

/// A path, in array form, that mostly follows the state.
fn path(random: &mut Random, root: &Value) -> Vec<Json> {
    let mut path = Vec::new();
    let mut value = root;
    loop {
        if path.len() > 1 && random.one_in(4) {
            return path;
        }
        match value {
            Value::Object(object) if !object.is_empty() && !random.one_in(if path.is_empty() { 40 } else { 12 }) => {
                let (key, member) = object.iter().nth(random.below(object.len())).unwrap();
                path.push(key.into());
                value = member;
            }
            Value::Array(elements) if !elements.is_empty() && !random.one_in(10) => {
                let index = random.below(elements.len());
                match elements[index].get("id").and_then(Value::as_str) {
                    Some(id) if (1..200).contains(&id.len()) && random.one_in(3) => path.push(json!({"id": id})),
                    _ => path.push(index.into()),
                }
                value = &elements[index];
            }
            Value::Array(elements) => {
                path.push((elements.len() + random.below(20) / 19).into());
                return path;
            }
            Value::Object(_) => {
                path.extend((0..1 + random.below(10) / 7).map(|_| Json::from(*random.pick(&KEYS))));
                return path;
            }
            _ if path.len() > 1 && !random.one_in(30) => return path,
            _ => path.push((*random.pick(&KEYS)).into()),
        }
    }
}

fn at<'a>(root: &'a Value, path: &[Json]) -> Option<&'a Value> {
    path.iter().try_fold(root, |value, segment| match (value, segment) {
        (Value::Object(object), Json::String(key)) => object.get(key),
        (Value::Array(elements), Json::Number(index)) => elements.get(index.as_u64()? as usize),
        (Value::Array(elements), selector) => {
            elements.iter().find(|element| element.get("id").and_then(Value::as_str) == selector["id"].as_str())
        }
        _ => None,
    })
}

pub(crate) fn operation(random: &mut Random, root: &Value) -> Json {
    let path = path(random, root);
    let found = at(root, &path);
    let kinds: &[&str] = match found {
        Some(Value::Array(_)) => &["push", "push", "pull", "pull", "set", "unset"],
        Some(Value::Number(_)) => &["inc", "inc", "set", "unset"],
        _ => &["set", "set", "set", "unset"],
    };
    let kind = if random.one_in(25) { *random.pick(&["set", "unset", "inc", "push", "pull"]) } else { *random.pick(kinds) };
    let length = found.and_then(Value::as_array).map_or(0, <[Value]>::len);
    let operand = match (kind, found.and_then(Value::as_array)) {
        ("inc", _) => number(random).into(),
        ("pull", Some(elements)) if !elements.is_empty() => {
            let element = super::reference::to_serde(random.pick(elements));
            match element {
                Json::Object(members) if random.one_in(2) => members.into_iter().take(1).collect::<serde_json::Map<_, _>>().into(),
                other => other,
            }
        }
        ("set", _) if path.len() == 1 && !random.one_in(6) => match path[0].as_str() {
            Some("currentEncounter" | "pluginData") => json!({"fresh": value(random, 3)}),
            _ => json!([{"id": "fresh"}]),
        },
        _ => value(random, 4),
    };
    let mut operation = json!({"path": path, "operation": kind, "value": operand});
    match kind {
        "push" if random.one_in(2) => {
            let past = usize::from(random.one_in(20));
            operation["index"] = random.below(length + 1 + past).into();
        }
        "pull" if random.one_in(3) => operation["limit"] = (1 + random.below(3)).into(),
        _ => {}
    }
    operation
}
