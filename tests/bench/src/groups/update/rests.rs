//! What a rest makes of a raw write: of MongoDB's, of its disk's alone, and of a program that only computes. A game master who waits for
//! each answer leaves everything at rest between two updates; raw writes back to back leave nothing so.

use std::time::Duration;

use serde_json::json;

use super::Effort;
use crate::{
    limits::{RawDisk, RawMongo, readings_after},
    report::Table,
    state::State,
    statistics::{Rounds, ratios},
};

const RESTS_US: [u64; 5] = [0, 500, 1_000, 2_000, 3_000];
/// What a program reads after each: as the smallest state of the group.
const STATE_BYTES: usize = 10 << 10;
const LENGTH: Duration = Duration::from_millis(100);

/// Of each round, by rest.
type Measured = [Vec<f64>; RESTS_US.len()];

pub(super) async fn measure(effort: Effort, raw: &mut RawMongo) -> anyhow::Result<Table> {
    let mut disk = RawDisk::open()?;
    let text = State::of(STATE_BYTES).whole().to_string();
    let (mut writes, mut flushes, mut readings) = (Measured::default(), Measured::default(), Measured::default());
    for _ in 0..effort.rounds(6).max(3) {
        for (index, rest) in RESTS_US.map(Duration::from_micros).into_iter().enumerate() {
            writes[index].push(raw.writes_after(rest, LENGTH).await?.p50);
            flushes[index].push(disk.flushes_after(rest, LENGTH)?.p50);
            readings[index].push(readings_after(&text, rest, LENGTH)?.p50);
        }
    }
    let mut table = Table::new(&[
        "rest before each",
        "raw majority write, p50 ms",
        "/ back to back",
        "one flush of the disk, p50 ms",
        "/ back to back",
        "reading 10 KB of JSON, p50 ms",
        "/ back to back",
    ]);
    for (index, rest) in RESTS_US.into_iter().enumerate() {
        let of = |measured: &Measured| (Rounds::of(measured[index].clone()), ratios(&measured[index], &measured[0]));
        let [write, flush, reading] = [&writes, &flushes, &readings].map(of);
        let cells = [write, flush, reading].into_iter().flat_map(|(median, ratio)| [median.cell(3), ratio.cell(2)]);
        table.row(
            std::iter::once(format!("{} ms", rest as f64 / 1e3)).chain(cells).collect(),
            json!({"restUs": rest, "rawWriteMs": write.0, "flushMs": flush.0, "readingMs": reading.0}),
        );
    }
    Ok(table)
}
