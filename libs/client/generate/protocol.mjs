// Writes the types of what crosses the wire, from the schemas that the server's own types are written into.
// `npm run generate -w @stateward/client` after a change of them; a test fails while it is due.
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const SCHEMAS = new URL("../../protocol/schemas/", import.meta.url);
const TARGET = new URL("../src/generated/protocol.ts", import.meta.url);
/** What the schemas leave open on purpose, the rules of the state say. */
const OURS = ["ServerGameState", "StateOperation"];
const OURS_IN = "../core/types.ts";

const read = (file) => JSON.parse(readFileSync(new URL(file, SCHEMAS), "utf8"));
const nameOf = (ref) => ref.split("/").at(-1);

/** The text of the module. */
export function protocolTypes() {
  const { $defs } = read("protocol.schema.json");
  const { messages } = read("asyncapi.json").channels.client;
  const [sent, received] = [[], []];
  for (const [key, message] of Object.entries(messages)) {
    const type = nameOf(message.payload.$ref);
    if (key.endsWith(".send")) sent.push({ event: message.name, type, answer: nameOf(messages[key.replace(/send$/, "ack")].payload.$ref), about: message.summary });
    else if (!key.endsWith(".ack")) received.push({ event: message.name, type, about: message.summary });
  }
  const used = reached($defs, ["Auth", "Frame", ...sent.flatMap(({ type, answer }) => [type, answer]), ...received.map(({ type }) => type)]);
  const parts = [
    "// Generated from libs/protocol/schemas by `npm run generate -w @stateward/client`: do not edit.\n",
    `import type { ${OURS.filter((name) => used.has(name)).join(", ")} } from "${OURS_IN}";\n`,
    ...[...used].filter((name) => !OURS.includes(name)).sort().map((name) => definition(name, $defs[name])),
    "/** What a client sends: its data, and what comes back. Names that end in `:` begin a family of names. */\n" +
      `export interface ClientEvents ${members(sent.map(({ event, type, answer, about }) => [event, `{ data: ${type}; answer: ${answer} }`, about]))}\n`,
    "/** What a client receives. Names that end in `:` begin a family of names. */\n" +
      `export interface ServerEvents ${members(received.map(({ event, type, about }) => [event, type, about]))}\n`,
  ];
  return parts.join("\n");
}

/** The definitions that these lead to, themselves included. */
function reached(definitions, names) {
  const found = new Set();
  const visit = (schema) => {
    if (typeof schema !== "object" || schema === null) return;
    if (typeof schema.$ref === "string") follow(nameOf(schema.$ref));
    Object.values(schema).forEach(visit);
  };
  const follow = (name) => {
    if (found.has(name)) return;
    found.add(name);
    if (!OURS.includes(name)) visit(definitions[name]);
  };
  names.forEach(follow);
  return found;
}

function definition(name, schema) {
  const isPlain = schema.type === "object" && schema.properties !== undefined && schema.anyOf === undefined && schema.oneOf === undefined;
  return comment(schema.description) + (isPlain ? `export interface ${name} ${typeOf(schema)}\n` : `export type ${name} = ${typeOf(schema)};\n`);
}

function comment(text, indent = "") {
  if (text === undefined) return "";
  const lines = text.replaceAll("*/", "* /").split("\n").map((line) => line.trim());
  if (lines.length === 1) return `${indent}/** ${lines[0]} */\n`;
  return `${indent}/**\n${lines.map((line) => `${indent} *${line === "" ? "" : ` ${line}`}\n`).join("")}${indent} */\n`;
}

function members(entries) {
  const lines = entries.map(([key, type, about]) => `${comment(about, "  ")}  ${/^[A-Za-z]+\??$/.test(key) ? key : JSON.stringify(key)}: ${type};\n`);
  return `{\n${lines.join("")}}`;
}

/** The type of what a schema takes. */
export function typeOf(schema) {
  if (schema === true) return "unknown";
  // What stands beside a reference holds as well: the tag of a union, for one.
  if (schema.$ref !== undefined) return schema.properties === undefined ? nameOf(schema.$ref) : `${nameOf(schema.$ref)} & ${objectOf(schema)}`;
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices !== undefined) {
    const either = [...new Set(choices.map(typeOf))].join(" | ");
    return schema.properties === undefined ? either : `(${either}) & ${objectOf(schema)}`;
  }
  if (Array.isArray(schema.type)) return schema.type.map((type) => typeOf({ ...schema, type })).join(" | ");
  switch (schema.type) {
    case "object":
      return objectOf(schema);
    case "array": {
      const element = typeOf(schema.items ?? true);
      return /^[A-Za-z]+$/.test(element) ? `${element}[]` : `(${element})[]`;
    }
    case "integer":
    case "number":
      return "number";
    case "string":
    case "boolean":
    case "null":
      return schema.type;
    default:
      throw new Error(`no type for ${JSON.stringify(schema)}`);
  }
}

function objectOf({ properties, required = [], additionalProperties, patternProperties }) {
  if (properties === undefined) {
    const values = typeof additionalProperties === "object" ? additionalProperties : Object.values(patternProperties ?? {})[0];
    return additionalProperties === false && patternProperties === undefined ? "Record<string, never>" : `Record<string, ${typeOf(values ?? true)}>`;
  }
  return members(Object.entries(properties).map(([key, schema]) => [required.includes(key) ? key : `${key}?`, typeOf(schema), schema.description]));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) writeFileSync(TARGET, protocolTypes());
