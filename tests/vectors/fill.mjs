// Writes the hashes of expected states into the vectors, and lays the files out again: `node tests/vectors/fill.mjs`.
// The canonical form is written here once more, in ten lines, so that no code under test decides what is expected.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));

export function canonical(value) {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  const members = Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`);
  return `{${members.join(",")}}`;
}

const sha256 = (text) => createHash("sha256").update(text, "utf8").digest("hex");
const lines = (values) => values.map((value) => `    ${JSON.stringify(value)}`).join(",\n");

function layOut({ about, fixtures, cases, ...rest }) {
  const fields = [`  "about": ${JSON.stringify(about)}`];
  if (fixtures) fields.push(`  "fixtures": ${JSON.stringify(fixtures)}`);
  for (const [key, values] of Object.entries({ ...rest, ...(cases && { cases }) })) fields.push(`  "${key}": [\n${lines(values)}\n  ]`);
  return `{\n${fields.join(",\n")}\n}\n`;
}

const files = [...readdirSync(`${here}apply`).map((name) => `apply/${name}`), "numbers.json", "paths.json", "versions.json", "values.json"];
for (const file of files) {
  const vectors = JSON.parse(readFileSync(here + file, "utf8"));
  for (const one of vectors.cases ?? []) {
    if (one.result?.state) one.result.hash = sha256(canonical(one.result.state));
    if (file === "values.json" && one.canonical !== undefined) one.hash = sha256(one.canonical);
  }
  writeFileSync(here + file, layOut(vectors));
}
