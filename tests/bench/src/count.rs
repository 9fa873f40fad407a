//! Small changes at places all over a state, applied and hashed, for a counter of instructions to look at. It prints nothing.
//!
//! What making the state costs is told by a run without updates.

use game_state::{GameState, Limits, Operations};
use serde_json::json;

pub(crate) fn run(bytes: usize, updates: usize) -> anyhow::Result<()> {
    let limits = Limits::default();
    let character = |number: usize| {
        json!({
            "id": format!("character-{number}"), "name": format!("Character {number}"),
            "pluginData": {"hitPoints": 40 + number, "abilities": {"str": 12, "dex": 14}, "notes": "Grew up by the sea. ".repeat(number % 9)},
            "inventory": [{"id": format!("item-{number}"), "name": "Rope, hempen", "weight": 4.5}],
        })
    };
    let (mut characters, mut size) = (Vec::new(), 100);
    while size < bytes {
        let character = character(characters.len());
        size += character.to_string().len() + 1;
        characters.push(character);
    }
    let count = characters.len();
    let whole = json!({"characters": characters, "actors": [], "items": [], "currentEncounter": null, "pluginData": {}}).to_string();
    let mut state = GameState::parse(&whole, &limits)?;
    for update in 0..updates {
        // The golden ratio walks over all places without a period.
        let place = (update * count * 618 / 1000) % count;
        let update = json!([{"path": format!("characters.{place}.pluginData.hitPoints"), "operation": "inc", "value": 1}]).to_string();
        state.apply(&Operations::parse(&update, &limits)?, &limits)?;
    }
    Ok(())
}
