//! Abuse of the connection: handshakes, frames, floods, silence, forged tokens, polling, REST.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::json;
use testkit::{
    Client, Platform, Signer, Transport,
    client::websocket::{Message, WebSocket, frame, opcode},
    http,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{
    AUTH_TIMEOUT, Attacker, PATIENCE, closed,
    content::{operation, update},
};

pub async fn all(attacker: &Attacker, platform: &Platform) -> anyhow::Result<()> {
    let signer = &platform.signer;
    frames(attacker).await.context("frames")?;
    handshakes(attacker).await.context("handshakes")?;
    tokens(attacker, signer).await.context("tokens")?;
    polling(attacker).await.context("polling")?;
    rest(attacker).await.context("REST")?;
    names(attacker, signer).await.context("names")?;
    half_open(attacker).await.context("half-open connections")?;
    slow_reader(attacker, platform).await.context("a slow reader")?;
    crowds(attacker).await.context("crowds")?;
    throng(attacker).await.context("a throng")
}

/// Each breaks a connection of its own, which ends with the code that is documented for it.
async fn frames(attacker: &Attacker) -> anyhow::Result<()> {
    let large = "x".repeat(300 * 1024);
    let rows: [(&str, u8, &[u8], u16); 7] = [
        ("a message over the limit", opcode::TEXT, large.as_bytes(), 1009),
        ("no JSON", opcode::TEXT, b"nonsense", 3502),
        ("no event", opcode::TEXT, b"{}", 3502),
        ("a binary message", opcode::BINARY, b"\x00\x01", 1003),
        ("no UTF-8", opcode::TEXT, b"\"\xff\xfe\"", 1007),
        ("an unknown opcode", 0x3, b"", 1002),
        ("a control frame that is too long", opcode::PING, &[0; 126], 1002),
    ];
    for (what, opcode, payload, code) in rows {
        let mut socket = attacker.socket().await?.socket;
        // A server that closes while we write has answered all the same.
        let _ = socket.send(true, opcode, payload).await;
        let found = closed(&mut socket).await.with_context(|| what.to_owned())?;
        ensure!(found == code || (found == 1006 && code == 1009), "{what}: closed with {found}");
    }
    let mut socket = attacker.socket().await?.socket;
    socket.send_bytes(&[0x81, 0x02, b'{', b'}']).await?;
    let found = closed(&mut socket).await?;
    ensure!(found == 1002, "a frame without a mask: closed with {found}");
    let mut socket = attacker.socket().await?.socket;
    // In one write: pings that come one by one may be as few in a second as are allowed.
    socket.send_bytes(&frame(true, opcode::PING, b"").repeat(60)).await?;
    let found = closed(&mut socket).await?;
    ensure!(found == 3504, "a flood of pings: closed with {found}");
    // Over Socket.IO: attachments that never come.
    let mut socket = WebSocket::connect(&attacker.url, "/socket.io/?EIO=4&transport=websocket", &[]).await?;
    socket.send_text(&format!("40{}", json!({"token": attacker.token}))).await?;
    socket.send_text("4599999-[\"chat\",{\"_placeholder\":true,\"num\":0}]").await?;
    let found = closed(&mut socket).await?;
    ensure!(found == 1003, "binary attachments: closed with {found}");
    Ok(())
}

/// What the server answers to these bytes of a connection, until it closes or `most` are read.
async fn raw(attacker: &Attacker, bytes: &[u8]) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(attacker.url.trim_start_matches("http://")).await?;
    let _ = stream.write_all(bytes).await;
    let mut answer = vec![0; 4096];
    let read = timeout(PATIENCE, stream.read(&mut answer)).await.context("neither an answer nor an end")?;
    Ok(String::from_utf8_lossy(&answer[..read.unwrap_or(0)]).into_owned())
}

async fn handshakes(attacker: &Attacker) -> anyhow::Result<()> {
    let many: String = (0..100).map(|number| format!("X-{number}: x\r\n")).collect();
    let large = format!("X-Large: {}\r\n", "x".repeat(20_000));
    for headers in [many, large] {
        let answer = raw(attacker, format!("GET /ws HTTP/1.1\r\nHost: x\r\n{headers}\r\n").as_bytes()).await?;
        ensure!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
    let foreign = WebSocket::connect(&attacker.url, "/ws", &[("origin", "https://evil.example")]).await;
    ensure!(foreign.is_err_and(|error| error.to_string().contains("403")), "a page of a foreign origin");
    Ok(())
}

async fn tokens(attacker: &Attacker, signer: &Signer) -> anyhow::Result<()> {
    let claims = signer.claims("mallory", "mallory", "");
    let with = |field: &str, value| {
        let mut claims = claims.clone();
        claims[field] = value;
        signer.sign(&claims)
    };
    let forged = [
        Signer::default().user("mallory", "mallory"),
        signer.sign_with_header(&json!({"alg": "none"}), &claims),
        signer.sign_with_header(&json!({"alg": "RS256"}), &claims),
        signer.sign_with_header(&json!({"alg": "HS256", "crit": ["b64"]}), &claims),
        with("exp", json!(1)),
        with("exp", json!("4000000000")),
        with("nbf", json!(testkit::tokens::now_seconds() + 3_600)),
        with("aud", json!("other")),
        with("iss", json!("https://evil.example")),
        with("sub", json!("a.*")),
        "x".repeat(100_000),
        String::new(),
    ];
    for token in forged {
        for transport in [Transport::WebSocket, Transport::SocketIo] {
            let refused = Client::connect(transport, &attacker.url, &token).await;
            ensure!(refused.is_err(), "a forged token is taken: {}", &token[..token.len().min(40)]);
        }
    }
    Ok(())
}

async fn polling(attacker: &Attacker) -> anyhow::Result<()> {
    let post = async |path: &str, body: &[u8]| {
        let request = http::Request { method: "POST", body: Some(body), ..http::Request::default() };
        http::send(&attacker.url, path, request).await
    };
    let open = async || {
        let opened = http::get(&attacker.url, "/socket.io/?EIO=4&transport=polling", None).await?;
        let opened: serde_json::Value = serde_json::from_str(opened.text().trim_start_matches('0'))?;
        anyhow::Ok(format!("/socket.io/?EIO=4&transport=polling&sid={}", opened["sid"].as_str().unwrap_or_default()))
    };
    let path = open().await?;
    let giant = post(&path, &vec![b'4'; 2 << 20]).await;
    ensure!(giant.is_err() || giant.is_ok_and(|answer| [400, 413].contains(&answer.status)), "a giant body");
    let path = open().await?;
    let tiny = post(&path, ["2"; 5_000].join("\u{1e}").as_bytes()).await?;
    ensure!(tiny.status == 400, "thousands of packets in one body: {}", tiny.status);
    let path = open().await?;
    let changed = http::get(&attacker.url, &path.replace("EIO=4", "EIO=3"), None).await?;
    ensure!(changed.status == 400, "another revision in the middle: {}", changed.status);
    for path in ["/socket.io/?EIO=4&transport=polling&sid=__proto__", "/socket.io/?EIO=4&transport=carrier-pigeon"] {
        ensure!(http::get(&attacker.url, path, None).await?.status == 400, "{path}");
    }
    Ok(())
}

async fn rest(attacker: &Attacker) -> anyhow::Result<()> {
    let large = json!({"campaignId": "c1", "name": "x".repeat(2 << 20)});
    let answer = http::post(&attacker.url, "/api/sessions", Some(&attacker.token), &large).await;
    ensure!(answer.is_err() || answer.is_ok_and(|answer| answer.status == 413), "a body over the limit");
    for (path, status) in [("/api/sessions/a.b", 400), ("/api/sessions/%2e%2e", 400), ("/metrics", 404), ("/admin/rooms", 404)] {
        let answer = http::get(&attacker.url, path, Some(&attacker.token)).await?;
        ensure!(answer.status == status || (path == "/metrics" && answer.status != 200), "{path}: {}", answer.status);
    }
    ensure!(http::get(&attacker.url, "/api/sessions/x", None).await?.status == 401, "no token");
    Ok(())
}

/// Names reach terminals and logs of others.
async fn names(attacker: &Attacker, signer: &Signer) -> anyhow::Result<()> {
    let watcher = Client::connect(Transport::WebSocket, &attacker.url, &attacker.token).await?;
    watcher.join(&attacker.session).await?;
    let token = signer.user("minion", "Eve\u{1b}[31m\r\nroot: all is well");
    let eve = Client::connect(Transport::SocketIo, &attacker.url, &token).await?;
    eve.join(&attacker.session).await?;
    let joined = watcher.wait_for("gameSession:joined", PATIENCE, |data| data["userId"] == "minion").await?;
    let name = joined.data["userName"].as_str().context("a name")?;
    ensure!(!name.chars().any(char::is_control), "{name:?}");
    Ok(())
}

async fn half_open(attacker: &Attacker) -> anyhow::Result<()> {
    // Opens a WebSocket and never says who it is; connects and says nothing; half a request; a body that never ends.
    let mut silent = WebSocket::connect(&attacker.url, "/ws", &[]).await?;
    let half = b"GET /ws HTTP/1.1\r\nHost:";
    let token = &attacker.token;
    let body = format!("POST /api/sessions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: 100\r\n\r\n{{");
    let (no_login, nothing, half, body) =
        tokio::join!(closed(&mut silent), raw(attacker, b""), raw(attacker, half), raw(attacker, body.as_bytes()));
    let body = body?;
    ensure!(body.starts_with("HTTP/1.1 408") && body.contains("SLOW_BODY"), "{body}");
    let no_login = no_login?;
    ensure!(no_login == 3501, "no login: closed with {no_login}");
    for answer in [nothing?, half?] {
        ensure!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    let mut early = WebSocket::connect(&attacker.url, "/ws", &[]).await?;
    early.send_text(r#"{"event":"gameSession:join","id":1,"data":"s"}"#).await?;
    let found = closed(&mut early).await?;
    ensure!(found == 3500, "an event before the login: closed with {found}");
    Ok(())
}

/// Joins a session and does not read, while its game master sends large updates. It is told to catch up; and is closed, if it falls
/// behind again soon.
async fn slow_reader(attacker: &Attacker, platform: &Platform) -> anyhow::Result<()> {
    let session = attacker.second.as_str();
    let mut slow = WebSocket::connect(&attacker.url, "/ws", &[]).await?;
    for (id, event, data) in [(1, "auth", json!({"token": attacker.player})), (2, "gameSession:join", json!(session))] {
        slow.send_text(&json!({"event": event, "id": id, "data": data}).to_string()).await?;
    }
    reads_until(&mut slow, "\"id\":2").await?.context("closed before it has joined")?;
    let counted = async |name: &str| platform.gateways[0].service.metric(&format!("stateward_gateway_{name}_total"), &[]).await;
    let mut gm = attacker.socket().await?;
    let large = json!("x".repeat(200_000)).to_string();
    let (mut version, mut resyncs) = (0, counted("resyncs").await?);
    while counted("slow_closes").await? == 0.0 {
        let update = update(session, &format!("l{version}"), version, &operation("set", "pluginData.large", &large));
        let answer = gm.ask("gameState:update", &update).await?;
        if answer["success"] == true {
            version += 1;
        } else {
            let after = answer["error"]["retryAfterMs"].as_u64().with_context(|| answer.to_string())?;
            tokio::time::sleep(Duration::from_millis(after)).await;
        }
        ensure!(version < 2_000, "nobody was found to be slow");
        // Had it been behind for longer than is held against it, it is told once more.
        if counted("resyncs").await? > resyncs {
            resyncs = counted("resyncs").await?;
            reads_until(&mut slow, "gameState:resync").await?.context("closed before it was told")?;
        }
    }
    ensure!(resyncs > 0.0, "it was closed without a word");
    let found = closed(&mut slow).await?;
    ensure!(found == 3008, "closed with {found}");
    Ok(())
}

/// Reads up to a message that says this; none, if the connection ends before.
async fn reads_until(socket: &mut WebSocket, says: &str) -> anyhow::Result<Option<()>> {
    let read = async {
        loop {
            match socket.next().await? {
                Message::Text(text) if text.contains(says) => return Ok(Some(())),
                Message::Closed(..) => return Ok(None),
                _ => {}
            }
        }
    };
    timeout(PATIENCE, read).await.with_context(|| format!("nothing said {says}"))?
}

/// As many connections as one user may have, and one more.
async fn crowds(attacker: &Attacker) -> anyhow::Result<()> {
    let mut open = Vec::new();
    let refused = loop {
        let mut socket = WebSocket::connect(&attacker.url, "/ws", &[]).await?;
        socket.send_text(&json!({"event": "auth", "id": 1, "data": {"token": attacker.player}}).to_string()).await?;
        match timeout(PATIENCE, socket.next()).await.context("no answer")?? {
            Message::Text(text) if text.contains("\"success\":true") => open.push(socket),
            Message::Text(text) => break (text, closed(&mut socket).await?),
            other => anyhow::bail!("{other:?}"),
        }
        ensure!(open.len() <= 16, "more connections than a user may have");
    };
    ensure!(refused.0.contains("TOO_MANY_CONNECTIONS") && refused.1 == 3503, "{refused:?}");
    Ok(())
}

/// As many connections as one address may have, and one more. It needs no token for that.
async fn throng(attacker: &Attacker) -> anyhow::Result<()> {
    let from = [("x-forwarded-for", "192.0.2.66")];
    // Whoever does not log in is closed after a while: on a slow machine the first of a throng are gone before the last have come.
    let deadline = Instant::now() + PATIENCE;
    let (open, refused) = loop {
        let begun = Instant::now();
        let mut open = Vec::new();
        let refused = loop {
            match WebSocket::connect(&attacker.url, "/ws", &from).await {
                Ok(socket) => open.push(socket),
                Err(error) => break error.to_string(),
            }
            ensure!(open.len() <= 20 || begun.elapsed() >= AUTH_TIMEOUT, "more connections than an address may have");
        };
        if begun.elapsed() < AUTH_TIMEOUT {
            break (open, refused);
        }
        ensure!(Instant::now() < deadline, "21 connections never came within {AUTH_TIMEOUT:?}");
    };
    ensure!(open.len() == 20 && refused.contains("429"), "{} connections, then {refused}", open.len());
    let request = http::Request { method: "GET", headers: &from, ..http::Request::default() };
    let typed = http::send(&attacker.url, "/socket.io/?EIO=4&transport=polling", request).await?;
    let refusal = typed.json()?;
    let details = &refusal["error"]["details"];
    ensure!(typed.status == 429 && typed.header("retry-after").is_some() && details["reason"] == "ADDRESS_FULL", "{refusal}");
    ensure!(details["limit"] == 20 && details["actual"] == 21, "{refusal}");
    let announced = attacker.socket().await?.ask("gameSession:join", &json!(attacker.session).to_string()).await?;
    ensure!(announced["limits"]["connectionsPerAddress"] == 20, "{}", announced["limits"]);
    Ok(())
}
