//! Applies what another implementation applies too, line by line, so that the two can be compared.
//! The protocol is described in `tests/vectors/README.md`.

use std::io::{BufRead, Write};

use game_state::{GameState, Limits, Operations, Rejection, StateHash, Value, inverse, previous_to_json};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Request {
    state: Option<Box<RawValue>>,
    state_text: Option<String>,
    operations: Option<Box<RawValue>>,
    operations_text: Option<String>,
    #[serde(default)]
    limits: Limits,
    number: Option<String>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Response {
    Applied { hash: StateHash, state: Box<RawValue>, previous: Box<RawValue>, resolved: Box<RawValue>, undone: bool },
    Refused { rejection: Refusal, hash: StateHash },
    NoInput { rejection: Refusal },
    Number { canonical: String },
}

#[derive(Serialize)]
struct Refusal {
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        Self { reason: rejection.reason(), operation: rejection.operation(), path: rejection.path().map(str::to_owned) }
    }
}

fn main() -> anyhow::Result<()> {
    let mut output = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        serde_json::to_writer(&mut output, &answer(serde_json::from_str(&line?)?)?)?;
        writeln!(output)?;
        // The other side may wait for each answer.
        output.flush()?;
    }
    Ok(())
}

fn answer(request: Request) -> anyhow::Result<Response> {
    let limits = &request.limits;
    if let Some(literal) = request.number {
        return Ok(match Value::parse(&literal, limits) {
            Ok(number) => Response::Number { canonical: number.to_json() },
            Err(rejection) => Response::NoInput { rejection: rejection.into() },
        });
    }
    let text = |raw: Option<Box<RawValue>>, text: Option<String>| raw.map(|raw| raw.get().to_owned()).or(text);
    let state = text(request.state, request.state_text).ok_or_else(|| anyhow::anyhow!("a line has a state"))?;
    let operations = text(request.operations, request.operations_text).ok_or_else(|| anyhow::anyhow!("a line has operations"))?;
    let mut state = match GameState::parse(&state, limits) {
        Ok(state) => state,
        Err(rejection) => return Ok(Response::NoInput { rejection: rejection.into() }),
    };
    let before = state.canonical().to_vec();
    let applied = Operations::parse(&operations, limits).and_then(|operations| state.apply(&operations, limits));
    let applied = match applied {
        Ok(applied) => applied,
        Err(rejection) => {
            anyhow::ensure!(state.canonical().to_vec() == before, "a refused update changed the state");
            return Ok(Response::Refused { rejection: rejection.into(), hash: state.hash() });
        }
    };
    let after = String::from_utf8(state.canonical().to_vec())?;
    let undo = state.apply(&inverse(&applied.resolved, &applied.previous), &Limits::unbounded())?;
    let mut undone = state.canonical().to_vec() == before;
    state.put_back(undo.undo);
    state.put_back(applied.undo);
    undone &= state.canonical().to_vec() == before;
    Ok(Response::Applied {
        hash: applied.hash,
        state: RawValue::from_string(after)?,
        previous: RawValue::from_string(previous_to_json(&applied.previous))?,
        resolved: RawValue::from_string(applied.resolved.to_json())?,
        undone,
    })
}
