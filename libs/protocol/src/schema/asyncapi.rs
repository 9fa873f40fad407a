//! The AsyncAPI 3 document: the client events of both transports, and the subjects on NATS.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    events::{Sent, Told},
    subjects::Subject,
};

const CLIENT: &str = "client";

/// From the gateway's side: it receives what clients send.
pub(super) fn document(schemas: &BTreeMap<String, Value>, sent: &[Sent], told: &[Told], subjects: &[Subject]) -> Value {
    let (mut channels, mut operations) = (Map::new(), Map::new());
    let mut messages = Map::new();
    for event in sent {
        let key = key(event.name);
        messages.insert(format!("{key}.send"), message(event.name, event.summary, &event.payload, Some(&event.example)));
        messages.insert(format!("{key}.ack"), message(&format!("{} (answer)", event.name), "The answer.", &event.ack, None));
        operations.insert(
            format!("receive.{key}"),
            json!({
                "action": "receive",
                "summary": event.summary,
                "channel": {"$ref": channel_ref(CLIENT)},
                "messages": [{"$ref": message_ref(CLIENT, &format!("{key}.send"))}],
                "reply": {"channel": {"$ref": channel_ref(CLIENT)}, "messages": [{"$ref": message_ref(CLIENT, &format!("{key}.ack"))}]},
                "x-sender": event.sender,
            }),
        );
    }
    for event in told {
        let key = key(event.name);
        messages.insert(key.clone(), message(event.name, &format!("To: {}.", event.recipients), &event.payload, Some(&event.example)));
        operations.insert(
            format!("send.{key}"),
            json!({
                "action": "send",
                "channel": {"$ref": channel_ref(CLIENT)},
                "messages": [{"$ref": message_ref(CLIENT, &key)}],
                "x-recipients": event.recipients,
            }),
        );
    }
    channels.insert(
        CLIENT.into(),
        json!({
            "address": null,
            "title": "One client's connection",
            "description": "Events are the same on both transports. Socket.IO v4 carries each with its name, payload and callback; a plain WebSocket carries the JSON text frames of the schema `Frame`, the first of which is `auth` with the schema `Auth`. Times are the server's, in milliseconds since the epoch. Events of older clients that changed the state piece by piece (`token:*`, `actor:*`, `item:*`, `initiative:*`, `turn:*`, `action:*`, `effect:*`, `move`, `joinSession`, `leaveSession`) are refused with the reason `EVENT_REMOVED` and with what to use instead.",
            "servers": [{"$ref": "#/servers/websocket"}, {"$ref": "#/servers/socketio"}],
            "messages": messages,
        }),
    );
    for subject in subjects {
        add_subject(&mut channels, &mut operations, subject);
    }
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Stateward",
            "version": crate::PROTOCOL_VERSION.to_string(),
            "description": "What crosses a wire between clients, the gateway and the services behind it. Generated from the types of libs/protocol.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "websocket": {"host": "localhost:8080", "pathname": "/ws", "protocol": "ws"},
            "socketio": {"host": "localhost:8080", "pathname": "/socket.io", "protocol": "ws", "description": "Socket.IO v4, over WebSocket and long polling."},
            "nats": {"host": "localhost:4222", "protocol": "nats", "description": "Between the services. A configurable prefix stands before every subject."},
        },
        "channels": channels,
        "operations": operations,
        "components": {"schemas": schemas.iter().map(|(name, schema)| (name.clone(), relocated(schema))).collect::<Map<_, _>>()},
    })
}

fn add_subject(channels: &mut Map<String, Value>, operations: &mut Map<String, Value>, subject: &Subject) {
    let id = subject.address.replace(['{', '}'], "").replace('$', "");
    let parameters: Map<String, Value> = subject
        .address
        .split('.')
        .filter_map(|token| token.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| (name.to_owned(), json!({"description": "1 to 64 characters of A-Z, a-z, 0-9, '_' and '-'"})))
        .collect();
    let mut messages = Map::new();
    messages.insert("message".into(), message(subject.address, subject.summary, &subject.payload, None));
    let mut operation = json!({
        "action": "send",
        "summary": subject.summary,
        "channel": {"$ref": channel_ref(&id)},
        "messages": [{"$ref": message_ref(&id, "message")}],
        "x-from": subject.from,
        "x-to": subject.to,
    });
    if let Some(reply) = &subject.reply {
        messages
            .insert("reply".into(), message(&format!("{} (reply)", subject.address), "The reply, on the request's inbox.", reply, None));
        operation["reply"] = json!({"channel": {"$ref": channel_ref(&id)}, "messages": [{"$ref": message_ref(&id, "reply")}]});
    }
    channels.insert(
        id.clone(),
        json!({"address": subject.address, "parameters": parameters, "servers": [{"$ref": "#/servers/nats"}], "messages": messages}),
    );
    operations.insert(id, operation);
}

fn message(name: &str, summary: &str, payload: &str, example: Option<&Value>) -> Value {
    let mut message = json!({"name": name, "summary": summary, "payload": {"$ref": format!("#/components/schemas/{payload}")}});
    if let Some(example) = example {
        message["examples"] = json!([{"payload": example}]);
    }
    message
}

/// Keys of the document may have no colon.
fn key(event: &str) -> String {
    match event.strip_suffix(':') {
        Some(family) => format!("{}.any", family.replace(':', ".")),
        None => event.replace(':', "."),
    }
}

fn channel_ref(channel: &str) -> String {
    format!("#/channels/{channel}")
}

fn message_ref(channel: &str, message: &str) -> String {
    format!("#/channels/{channel}/messages/{message}")
}

/// References as they are in a document that has its schemas among its components.
fn relocated(schema: &Value) -> Value {
    match schema {
        Value::String(text) => text.replace("#/$defs/", "#/components/schemas/").into(),
        Value::Array(elements) => elements.iter().map(relocated).collect(),
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), relocated(value))).collect(),
        other => other.clone(),
    }
}
