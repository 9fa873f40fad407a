//! The yardstick of fan-out: a loop over sockets that writes pre-framed bytes, and nothing else. No protocol, no queue, no task;
//! one frame per write. The first connection is the game master's: for each byte from it everyone gets one update, he last.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use anyhow::{Context, ensure};
use tokio::net::TcpSocket;

use crate::{dialect::some_update, role::say, state::State, websocket::framed};

/// The state that a client which comes back is given.
pub(crate) const STATE_BYTES: usize = 100 << 10;

pub(crate) fn serve() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    say(listener.local_addr()?.port());
    let (accepted, connections) = mpsc::channel();
    std::thread::spawn(move || listener.incoming().try_for_each(|stream| accepted.send(stream)));
    let mut master = connections.recv().context("no game master")??;
    master.set_nodelay(true)?;
    let frame = framed(some_update().as_bytes());
    let mut players: Vec<TcpStream> = Vec::new();
    let mut asked = [0; 64];
    loop {
        let updates = master.read(&mut asked)?;
        if updates == 0 {
            return Ok(());
        }
        for player in connections.try_iter() {
            let player = player?;
            player.set_nodelay(true)?;
            player.set_nonblocking(true)?;
            players.push(player);
        }
        for _ in 0..updates {
            for player in &mut players {
                ensure!(player.write(&frame)? == frame.len(), "a socket took a part of a frame: the bare loop has no queue");
            }
            master.write_all(&frame)?;
        }
    }
}

/// Gives everyone who comes the same pre-framed state, and does nothing else.
pub(crate) fn serve_states() -> anyhow::Result<()> {
    let listener = listen_for_everybody()?;
    say(listener.local_addr()?.port());
    let frame = framed(State::of(STATE_BYTES).whole().to_string().as_bytes());
    let mut clients = Vec::new();
    for client in listener.incoming() {
        let mut client = client?;
        client.write_all(&frame)?;
        clients.push(client);
    }
    Ok(())
}

/// With as much room for those who wait to be accepted as our gateway has: the standard library leaves room for 128.
fn listen_for_everybody() -> anyhow::Result<TcpListener> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let listening = async {
        let socket = TcpSocket::new_v4()?;
        socket.bind(([127, 0, 0, 1], 0).into())?;
        socket.listen(4096)?.into_std()
    };
    let listener = runtime.block_on(listening)?;
    listener.set_nonblocking(false)?;
    Ok(listener)
}

/// Takes what is exported to it, and throws it away.
pub(crate) fn serve_collector() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    say(listener.local_addr()?.port());
    for client in listener.incoming() {
        let client = client?;
        std::thread::spawn(move || take_exports(client));
    }
    Ok(())
}

fn take_exports(mut client: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    loop {
        let (mut length, mut line) = (0, String::new());
        while reader.read_line(&mut line)? > 0 && line != "\r\n" {
            let (name, value) = line.split_once(':').unwrap_or_default();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap_or(0);
            }
            line.clear();
        }
        if line.is_empty() {
            return Ok(());
        }
        std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink())?;
        client.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n")?;
    }
}
