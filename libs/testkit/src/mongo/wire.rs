//! A small client of mongod: one connection, one command at a time, JSON values in and out.

mod scram;

use anyhow::{Context, bail, ensure};
use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::bson;
use crate::PATIENCE;

const OP_MSG: i32 = 2013;
/// mongod's own limit of one message.
const MAX_MESSAGE: usize = 48_000_000;

pub struct Connection {
    stream: TcpStream,
    request: i32,
}

impl Connection {
    pub async fn open(port: u16) -> anyhow::Result<Self> {
        let stream = timeout(PATIENCE, TcpStream::connect(("127.0.0.1", port))).await??;
        stream.set_nodelay(true)?;
        Ok(Self { stream, request: 0 })
    }

    /// Runs `{<name>: <value>, <fields>..., $db: <database>}`. A refusal by the server is an error with its message.
    pub async fn command(&mut self, database: &str, name: &str, value: Value, fields: Value) -> anyhow::Result<Value> {
        let fields = object(fields)?;
        let document = bson::encode(Some((name, &value)), &fields, Some(("$db", &json!(database))))?;
        let reply = timeout(PATIENCE, self.exchange(&document)).await.with_context(|| format!("{name} was not answered"))??;
        if reply["ok"].as_f64() != Some(1.0) {
            bail!("{name}: {} ({})", reply["errmsg"].as_str().unwrap_or("refused"), reply["code"]);
        }
        if let Some(error) = reply["writeErrors"].get(0).or(reply.get("writeConcernError")) {
            bail!("{name}: {error}");
        }
        Ok(reply)
    }

    async fn exchange(&mut self, document: &[u8]) -> anyhow::Result<Value> {
        self.request += 1;
        let length = i32::try_from(16 + 4 + 1 + document.len())?;
        let mut message = Vec::with_capacity(length as usize);
        for field in [length, self.request, 0, OP_MSG, 0] {
            message.extend_from_slice(&field.to_le_bytes());
        }
        message.push(0);
        message.extend_from_slice(document);
        self.stream.write_all(&message).await?;

        let mut header = [0; 16];
        self.stream.read_exact(&mut header).await?;
        let field = |at: usize| i32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let length = usize::try_from(field(0))?;
        ensure!((26..=MAX_MESSAGE).contains(&length) && field(12) == OP_MSG, "not an answer of mongod");
        ensure!(field(8) == self.request, "an answer to another request");
        let mut body = vec![0; length - 16];
        self.stream.read_exact(&mut body).await?;
        // Four bytes of flags and the section's kind: a reply has one section, of kind 0.
        ensure!(body[4] == 0, "an answer with another section first");
        bson::decode(&body[5..])
    }

    /// All documents that match, in the order of `sort`.
    pub async fn find(&mut self, database: &str, collection: &str, filter: Value, sort: Value) -> anyhow::Result<Vec<Value>> {
        let fields = json!({"filter": filter, "sort": sort, "readConcern": {"level": "majority"}});
        let mut reply = self.command(database, "find", json!(collection), fields).await?;
        let mut documents = batch(&mut reply, "firstBatch")?;
        while let Some(cursor) = reply["cursor"]["id"].as_i64().filter(|id| *id != 0) {
            reply = self.command(database, "getMore", json!({"$long": cursor}), json!({"collection": collection})).await?;
            documents.append(&mut batch(&mut reply, "nextBatch")?);
        }
        Ok(documents)
    }

    pub async fn find_one(&mut self, database: &str, collection: &str, filter: Value) -> anyhow::Result<Option<Value>> {
        Ok(self.find(database, collection, filter, json!({})).await?.into_iter().next())
    }

    pub async fn insert(&mut self, database: &str, collection: &str, documents: Vec<Value>) -> anyhow::Result<()> {
        self.command(database, "insert", json!(collection), json!({"documents": documents, "writeConcern": majority()})).await.map(drop)
    }

    /// Changes the first document that matches, as an operator would by hand; says whether there was one.
    pub async fn update(&mut self, database: &str, collection: &str, filter: Value, change: Value) -> anyhow::Result<bool> {
        let fields = json!({"updates": [{"q": filter, "u": change}], "writeConcern": majority()});
        Ok(self.command(database, "update", json!(collection), fields).await?["n"] == json!(1))
    }

    /// Deletes what matches; says how many there were.
    pub async fn delete(&mut self, database: &str, collection: &str, filter: Value) -> anyhow::Result<u64> {
        let fields = json!({"deletes": [{"q": filter, "limit": 0}], "writeConcern": majority()});
        self.command(database, "delete", json!(collection), fields).await?["n"].as_u64().context("delete says how many")
    }

    /// The indexes of a collection, as mongod describes them.
    pub async fn indexes(&mut self, database: &str, collection: &str) -> anyhow::Result<Vec<Value>> {
        let mut reply = self.command(database, "listIndexes", json!(collection), json!({})).await?;
        batch(&mut reply, "firstBatch")
    }
}

fn majority() -> Value {
    json!({"w": "majority", "j": true})
}

fn object(value: Value) -> anyhow::Result<Map<String, Value>> {
    match value {
        Value::Object(fields) => Ok(fields),
        other => bail!("a command's fields are an object, not {other}"),
    }
}

fn batch(reply: &mut Value, name: &str) -> anyhow::Result<Vec<Value>> {
    match reply["cursor"][name].take() {
        Value::Array(documents) => Ok(documents),
        _ => bail!("a cursor without {name}"),
    }
}
