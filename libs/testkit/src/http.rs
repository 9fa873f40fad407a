//! One HTTP/1.1 request per connection: enough for REST and health.

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::PATIENCE;

#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> anyhow::Result<Value> {
        serde_json::from_slice(&self.body)
            .with_context(|| format!("an answer with status {} that is not JSON: {}", self.status, self.text()))
    }

    /// The body of a success; anything else is an error that shows the answer.
    pub fn success(self) -> anyhow::Result<Value> {
        ensure!((200..300).contains(&self.status), "status {}: {}", self.status, self.text());
        self.json()
    }
}

#[derive(Debug, Clone, Default)]
pub struct Request<'a> {
    pub method: &'a str,
    pub token: Option<&'a str>,
    pub headers: &'a [(&'a str, &'a str)],
    pub body: Option<&'a [u8]>,
}

pub async fn get(base: &str, path: &str, token: Option<&str>) -> anyhow::Result<Response> {
    send(base, path, Request { method: "GET", token, ..Request::default() }).await
}

pub async fn post(base: &str, path: &str, token: Option<&str>, body: &Value) -> anyhow::Result<Response> {
    let body = body.to_string();
    send(base, path, Request { method: "POST", token, body: Some(body.as_bytes()), ..Request::default() }).await
}

/// `base` is `http://host:port`.
pub async fn send(base: &str, path: &str, request: Request<'_>) -> anyhow::Result<Response> {
    timeout(PATIENCE, exchange(base, path, request)).await.with_context(|| format!("{base}{path} did not answer within {PATIENCE:?}"))?
}

async fn exchange(base: &str, path: &str, request: Request<'_>) -> anyhow::Result<Response> {
    let authority = base.strip_prefix("http://").context("an address begins with http://")?.trim_end_matches('/');
    let mut stream = TcpStream::connect(authority).await?;
    let mut head = format!("{} {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n", request.method);
    if let Some(token) = request.token {
        head += &format!("authorization: Bearer {token}\r\n");
    }
    for (name, value) in request.headers {
        head += &format!("{name}: {value}\r\n");
    }
    if let Some(body) = request.body {
        head += &format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
    }
    // In one write: a server that refuses by the head alone closes, and what it has not read then would reset the connection.
    stream.write_all(&[format!("{head}\r\n").as_bytes(), request.body.unwrap_or_default()].concat()).await?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    parse(&bytes)
}

fn parse(bytes: &[u8]) -> anyhow::Result<Response> {
    let (status, headers, body) = split_head(bytes)?.context("the answer ends within its head")?;
    let mut response = Response { status, headers, body: Vec::new() };
    response.body = if response.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        join_chunks(body)?
    } else {
        let length = response.header("content-length").map_or(Ok(body.len()), str::parse)?;
        body.get(..length).context("the body ends early")?.to_vec()
    };
    Ok(response)
}

type Head<'a> = (u16, Vec<(String, String)>, &'a [u8]);

/// Status and headers, and what follows them; nothing while the head is not complete.
pub(crate) fn split_head(bytes: &[u8]) -> anyhow::Result<Option<Head<'_>>> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let mut lines = std::str::from_utf8(&bytes[..end])?.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("no status line")?.parse()?;
    let headers =
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    Ok(Some((status, headers, &bytes[end + 4..])))
}

fn join_chunks(mut rest: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|window| window == b"\r\n").context("a chunk without its size")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line])?.split(';').next().unwrap_or_default().trim(), 16)?;
        rest = &rest[line + 2..];
        if size == 0 {
            return Ok(body);
        }
        if rest.len() < size + 2 {
            bail!("a chunk ends early");
        }
        body.extend_from_slice(&rest[..size]);
        rest = &rest[size + 2..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_bodies_are_read() {
        let plain = parse(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").unwrap();
        assert_eq!((plain.status, plain.body.as_slice()), (200, &b"{}"[..]));
        let chunked = parse(b"HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n").unwrap();
        assert_eq!((chunked.status, chunked.text().as_str()), (404, "abc0123456789"));
        assert!(parse(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}").is_err());
    }
}
