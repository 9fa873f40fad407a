//! The benchmark group `state`: a small change at a random place, applied and hashed, against one SHA-256 pass over the canonical
//! bytes and against writing and hashing the state from scratch, all in one run. A table goes to stdout, figures to `target/bench/state.json`.

use std::{
    env, fs,
    hint::black_box,
    io::Write,
    path::PathBuf,
    time::{Duration, Instant},
};

use game_state::{GameState, Limits, Operations};
use serde_json::json;
use sha2::{Digest, Sha256};

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    bytes: usize,
    sha256_us: f64,
    apply_and_hash_us: f64,
    put_back_us: f64,
    capture_us: f64,
    from_scratch_us: f64,
    to_sha256: f64,
    times_faster_than_from_scratch: f64,
}

/// Enough for a steady mean, without taking long on the largest state.
const ROUNDS: usize = 150;
const ROUNDS_QUICK: usize = 100;
/// One round in so many also measures what the update is compared with.
const SLOWER: usize = 5;

fn main() -> anyhow::Result<()> {
    let rows = [("10 KB", 10 << 10), ("100 KB", 100 << 10), ("1 MB", 1 << 20), ("8 MB", (8 << 20) - 4096)];
    let rows = rows.into_iter().map(|(name, bytes)| Ok((name, measure(bytes)?))).collect::<anyhow::Result<Vec<_>>>()?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "| state | one SHA-256 pass | apply + hash | ratio | from scratch | times faster | put back | capture |")?;
    writeln!(out, "|---|---|---|---|---|---|---|---|")?;
    for (name, row) in &rows {
        writeln!(
            out,
            "| {name} | {:.1} us | {:.1} us | {:.2} | {:.1} us | {:.1} | {:.1} us | {:.1} us |",
            row.sha256_us,
            row.apply_and_hash_us,
            row.to_sha256,
            row.from_scratch_us,
            row.times_faster_than_from_scratch,
            row.put_back_us,
            row.capture_us
        )?;
    }
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/bench/state.json");
    if let Some(directory) = file.parent() {
        fs::create_dir_all(directory)?;
    }
    let rows: serde_json::Map<_, _> =
        rows.into_iter().map(|(name, row)| Ok((name.to_owned(), serde_json::to_value(row)?))).collect::<anyhow::Result<_>>()?;
    fs::write(file, serde_json::to_vec_pretty(&rows)?)?;
    Ok(())
}

fn measure(target: usize) -> anyhow::Result<Row> {
    let limits = Limits::default();
    let entities = entities(target);
    let text = json!({"characters": entities, "actors": [], "items": [], "currentEncounter": null, "pluginData": {}}).to_string();
    let mut state = GameState::parse(&text, &limits)?;
    let bytes = state.canonical().to_vec();
    // A fixed sequence, so that each run touches the same places.
    let mut place = 1_usize;
    let mut updates = Vec::new();
    let rounds = if env::var_os("STATEWARD_BENCH_QUICK").is_some() { ROUNDS_QUICK } else { ROUNDS };
    for _ in 0..rounds {
        place = place.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let index = (place >> 33) % entities.len();
        let update = json!([{"path": format!("characters.{index}.pluginData.hitPoints"), "operation": "inc", "value": -1}]);
        updates.push(Operations::parse(&update.to_string(), &limits)?);
    }
    let [mut apply, mut put_back, mut sha256, mut from_scratch, mut capture] = [const { Vec::new() }; 5];
    for (round, update) in updates.iter().enumerate() {
        let applied = time(&mut apply, || state.apply(update, &limits))?;
        time(&mut put_back, || state.put_back(applied.undo));
        // What it is compared with runs in between, so that a slow moment of the machine meets all alike.
        if round % SLOWER == 0 {
            time(&mut sha256, || Sha256::digest(black_box(&bytes)));
            time(&mut from_scratch, || Sha256::digest(black_box(&state).root().to_json()));
            time(&mut capture, || state.canonical());
        }
    }
    let (sha256, apply, from_scratch) = (mean(sha256), mean(apply), mean(from_scratch));
    Ok(Row {
        bytes: bytes.len(),
        sha256_us: sha256,
        apply_and_hash_us: apply,
        put_back_us: mean(put_back),
        capture_us: mean(capture),
        from_scratch_us: from_scratch,
        to_sha256: apply / sha256,
        times_faster_than_from_scratch: from_scratch / apply,
    })
}

/// Characters of a few hundred bytes to a few KiB, as many as fit.
fn entities(target: usize) -> Vec<serde_json::Value> {
    let mut entities = Vec::new();
    let mut bytes = 100;
    while bytes < target {
        let number = entities.len();
        let inventory: Vec<_> = (0..number % 12)
            .map(|item| json!({"id": format!("item-{number}-{item}"), "name": "Rope, hempen", "weight": 4.5, "count": item}))
            .collect();
        let entity = json!({
            "id": format!("character-{number}"), "name": format!("Character {number}"), "userId": "user",
            "pluginData": {"hitPoints": 40 + number, "maxHitPoints": 52.5, "abilities": {"str": 12, "dex": 14, "con": 10, "int": 8, "wis": 15, "cha": 9}, "notes": "Grew up by the sea. ".repeat(number % 9)},
            "inventory": inventory,
        });
        bytes += entity.to_string().len() + 1;
        if bytes >= target && !entities.is_empty() {
            break;
        }
        entities.push(entity);
    }
    entities
}

fn time<T>(times: &mut Vec<Duration>, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = black_box(work());
    times.push(start.elapsed());
    result
}

/// The mean, since a change costs more the earlier in the form it is; without the slowest tenth, which is other processes' doing.
fn mean(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times.truncate(times.len() * 9 / 10);
    times.iter().sum::<Duration>().as_secs_f64() / times.len() as f64 * 1e6
}
