// Runs deploy/mongo/users.js as mongosh would, on a database that only writes down which commands it is given: one line of JSON each.
import { readFileSync } from "node:fs";
import { runInThisContext } from "node:vm";

const say = (command) => console.log(JSON.stringify(command));
const database = {
  getRole: () => null,
  getUser: () => null,
  createRole: ({ role, ...fields }) => say({ name: "createRole", value: role, fields }),
  createUser: ({ user, ...fields }) => say({ name: "createUser", value: user, fields }),
};
globalThis.db = { getSiblingDB: () => database };
globalThis.process = process;
runInThisContext(readFileSync(process.argv[2], "utf8"), { filename: process.argv[2] });
