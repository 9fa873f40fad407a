//! Schemas of what `game-state` reads and writes. That crate uses nothing, so its forms are told here; the tests of its
//! vectors hold them.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

macro_rules! mirror {
    ($name:ident, $schema:tt) => {
        pub(crate) struct $name;

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

mirror!(Version, {
    "description": "The number of a state within its session, as a decimal string without leading zeros: \"0\" to \"9007199254740991\".",
    "type": "string",
    "pattern": "^(0|[1-9][0-9]{0,15})$"
});

mirror!(StateHash, {
    "description": "SHA-256 of the state's RFC 8785 form, in lowercase hexadecimal.",
    "type": "string",
    "pattern": "^[0-9a-f]{64}$"
});

mirror!(ServerGameState, {
    "description": "The state of a session: these five keys, and below them whatever the plugins put there.",
    "type": "object",
    "required": ["characters", "actors", "items", "currentEncounter", "pluginData"],
    "additionalProperties": false,
    "properties": {
        "characters": {"type": "array", "items": true},
        "actors": {"type": "array", "items": true},
        "items": {"type": "array", "items": true},
        "currentEncounter": {"type": ["object", "null"]},
        "pluginData": {"type": "object"}
    }
});

mirror!(CampaignEntity, {
    "description": "A document of a campaign. Beside its id it is the plugins'.",
    "type": "object",
    "required": ["id"],
    "properties": {"id": {"type": "string", "minLength": 1}}
});

mirror!(StateOperation, {
    "description": "One change at one place. `value` goes with every operation but `unset`, `limit` with `pull` (remove so many at most), `index` with `push` (insert before this element). What stood there before is for the server to say: `previous` is ignored.",
    "type": "object",
    "required": ["path", "operation"],
    "additionalProperties": false,
    "properties": {
        "path": {
            "description": "`characters.0.name`, or a JSON Pointer where it begins with a slash, or its segments. `{id}` names the element of an array with that id; broadcasts carry its index.",
            "anyOf": [
                {"type": "string", "minLength": 1, "maxLength": 1024},
                {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 32,
                    "items": {
                        "anyOf": [
                            {"type": "string", "minLength": 1},
                            {"type": "object", "required": ["id"], "additionalProperties": false, "properties": {"id": {"type": "string"}}}
                        ]
                    }
                }
            ]
        },
        "operation": {"enum": ["set", "unset", "inc", "push", "pull"]},
        "value": true,
        "limit": {"type": "integer", "minimum": 1},
        "index": {"type": "integer", "minimum": 0},
        "previous": true
    },
    "if": {"properties": {"operation": {"const": "unset"}}},
    "else": {"required": ["value"]}
});

mirror!(StateLimits, {
    "type": "object",
    "required": ["operations", "pathBytes", "segmentBytes", "depth", "stateBytes", "stateBsonBytes", "arrayElements", "nodes", "comparisons"],
    "properties": {
        "operations": {"description": "Operations of one update.", "type": "integer"},
        "pathBytes": {"description": "Bytes of a path.", "type": "integer"},
        "segmentBytes": {"description": "Bytes of one segment of a path.", "type": "integer"},
        "depth": {"description": "Levels of the state, and segments of a path.", "type": "integer"},
        "stateBytes": {"description": "Bytes of the state's canonical form.", "type": "integer"},
        "stateBsonBytes": {"description": "Bytes of the state as BSON.", "type": "integer"},
        "arrayElements": {"description": "Elements of one array.", "type": "integer"},
        "nodes": {"description": "Values in the whole state.", "type": "integer"},
        "comparisons": {"description": "Comparisons that one update may cost.", "type": "integer"}
    }
});
