//! Plausible states of a wanted size: characters of about 600 bytes with nested plugin data.

use serde_json::{Value, json};

pub(crate) struct State {
    pub(crate) characters: Vec<Value>,
}

impl State {
    pub(crate) fn of(bytes: usize) -> Self {
        let (mut characters, mut size) = (Vec::new(), 100);
        loop {
            let character = character(characters.len());
            size += character.to_string().len() + 1;
            if size > bytes && !characters.is_empty() {
                return Self { characters };
            }
            characters.push(character);
        }
    }

    /// As a session has it.
    pub(crate) fn whole(&self) -> Value {
        json!({"characters": self.characters, "actors": [], "items": [], "encounters": [], "currentEncounter": null, "pluginData": {}})
    }
}

fn character(number: usize) -> Value {
    let inventory: Vec<Value> = (0..number % 7)
        .map(|item| json!({"id": format!("item-{number}-{item}"), "name": "Rope, hempen", "weight": 4.5, "count": item}))
        .collect();
    json!({
        "id": format!("character-{number}"), "name": format!("Character {number}"), "userId": "user",
        "pluginData": {
            "hitPoints": {"current": 40, "maximum": 52, "temporary": 0},
            "abilities": {"str": 12, "dex": 14, "con": 10, "int": 8, "wis": 15, "cha": 9},
            "notes": "Grew up by the sea. ".repeat(number % 9),
        },
        "inventory": inventory,
    })
}
