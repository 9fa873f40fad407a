//! The yardstick: a loop over sockets that writes pre-framed bytes, and nothing else. No protocol, no queue, no task.

use std::{
    io::{self, BufRead, Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::Instant,
};

use anyhow::Context as _;

use crate::{Receipts, cpu_seconds, say, update_data};

pub(crate) fn serve() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    say(listener.local_addr()?.port());
    let (accepted, connections) = mpsc::channel();
    // From the start, because the backlog of a listener is short.
    std::thread::spawn(move || listener.incoming().try_for_each(|stream| accepted.send(stream)));
    let mut report = None;
    let mut players = Vec::new();
    for command in io::stdin().lock().lines() {
        let command = command?;
        let answer = match command.split(' ').collect::<Vec<_>>()[..] {
            ["await", count] => {
                // The load generator's own connection comes first.
                report = Some(connections.recv()??);
                for _ in 0..count.parse::<usize>()? {
                    let stream = connections.recv()??;
                    stream.set_nodelay(true)?;
                    stream.set_nonblocking(true)?;
                    players.push(stream);
                }
                count.to_owned()
            }
            ["fanout", updates, per_write] => {
                broadcast(report.as_mut().context("no report connection")?, &mut players, updates.parse()?, per_write.parse()?)?
            }
            _ => anyhow::bail!("unknown command {command:?}"),
        };
        say(answer);
    }
    Ok(())
}

/// Always one frame per write: what several at once are worth is measured against this.
fn broadcast(report: &mut TcpStream, players: &mut [TcpStream], updates: usize, per_round: usize) -> anyhow::Result<String> {
    let text = format!(r#"{{"event":"gameState:updated","data":{}}}"#, update_data());
    let frame = gateway::edge::websocket::text(text.as_bytes());
    let mut received = Receipts::default();
    let (start, cpu) = (Instant::now(), cpu_seconds()?);
    for sent in 0..updates {
        while received.sent(updates, per_round) <= sent {
            received = read_report(report)?;
        }
        for player in players.iter_mut() {
            write(player, &frame)?;
        }
    }
    while received.complete < updates {
        received = read_report(report)?;
    }
    Ok(format!("{} {}", start.elapsed().as_secs_f64(), cpu_seconds()? - cpu))
}

fn write(player: &mut TcpStream, frame: &[u8]) -> anyhow::Result<()> {
    match player.write(frame) {
        Ok(written) if written == frame.len() => Ok(()),
        Ok(_) => anyhow::bail!("a socket took a part of a frame: the bare loop has no queue"),
        Err(error) => Err(error.into()),
    }
}

fn read_report(report: &mut TcpStream) -> io::Result<Receipts> {
    let mut count = [0; 8];
    report.read_exact(&mut count)?;
    Ok(Receipts::from_number(u64::from_be_bytes(count) as usize))
}
