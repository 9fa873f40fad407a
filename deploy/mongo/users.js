/* global db -- mongosh gives the script its database */
// MongoDB users, one for each service that uses it; the gateway has none. Run once by an administrator on the primary:
//   AUTHORITY_PASSWORD=... SYNC_PASSWORD=... MIGRATION_PASSWORD=... OPERATOR_PASSWORD=... mongosh "mongodb://admin@mongo/?replicaSet=stateward" users.js
// The database is STATEWARD_DATABASE, or `stateward`. Running it again sets roles and passwords anew.

const name = process.env.STATEWARD_DATABASE || "stateward";
const target = db.getSiblingDB(name);
const on = (collection, ...actions) => ({ resource: { db: name, collection }, actions });
const documents = ["campaigns", "characters", "actors", "items", "encounters"];

// Reads sessions, sets their sync mark, and writes the campaign's documents. It can neither make a session nor touch the journal.
const syncRole = {
  privileges: [
    on("gameSessions", "find", "update"),
    on("sessionUpdates", "find"),
    // What each document was when its session began: the measure for changes by somebody else.
    on("sessionBases", "find"),
    ...documents.map((collection) => on(collection, "find", "insert", "update", "remove")),
  ],
  roles: [],
};
if (target.getRole("stateward-sync")) {
  target.updateRole("stateward-sync", syncRole);
} else {
  target.createRole({ role: "stateward-sync", ...syncRole });
}

// Reads sessions and journals. It writes nothing: repairs are the authority's, at its request. `epoch new --all`, which is run while all
// authorities are down, is run with the authority's user.
const operatorRole = {
  privileges: ["gameSessions", "sessionUpdates", "sessionBackups"].map((collection) => on(collection, "find")),
  roles: [],
};
if (target.getRole("stateward-operator")) {
  target.updateRole("stateward-operator", operatorRole);
} else {
  target.createRole({ role: "stateward-operator", ...operatorRole });
}

// Puts sessions and documents of ours in the place of old ones, or back, and makes the indexes. It reads journals and the old states, and
// keeps what it replaced; it changes no document in place and drops nothing.
const migrationRole = {
  privileges: [
    on("gameSessions", "find", "insert", "remove", "createIndex"),
    on("sessionUpdates", "find", "createIndex"),
    on("sessionBases", "find", "insert", "update", "remove"),
    on("migrationBackups", "find", "insert", "update", "remove", "createIndex"),
    // `documents` has the old ones of every kind side by side.
    ...[...documents, "documents"].map((collection) => on(collection, "find", "insert", "remove", "createIndex")),
    ...["gameStates", "gamestates"].map((collection) => on(collection, "find")),
  ],
  roles: [],
};
if (target.getRole("stateward-migration")) {
  target.updateRole("stateward-migration", migrationRole);
} else {
  target.createRole({ role: "stateward-migration", ...migrationRole });
}

const user = (user, password, role) => {
  if (!password) throw new Error(`no password for ${user}`);
  const account = { pwd: password, roles: [{ role, db: name }], mechanisms: ["SCRAM-SHA-256"] };
  if (target.getUser(user)) {
    target.updateUser(user, account);
  } else {
    target.createUser({ user, ...account });
  }
};
// The authority makes the indexes, writes sessions and journal, and imports campaigns.
user("state-authority", process.env.AUTHORITY_PASSWORD, "readWrite");
user("sync-worker", process.env.SYNC_PASSWORD, "stateward-sync");
user("stateward", process.env.OPERATOR_PASSWORD, "stateward-operator");
// Drop it after the migration: db.dropUser("migration-job").
user("migration-job", process.env.MIGRATION_PASSWORD, "stateward-migration");
