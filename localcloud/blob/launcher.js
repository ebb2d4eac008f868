"use strict";
/*
 * Runs the blob service of an unmodified Azurite, and adds the three things that localcloud promises:
 *
 * - the storage accounts come over standard input and can change while it serves. Azurite itself reads
 *   them from its environment once a minute, and without any falls back to an account whose key is public;
 * - a write is answered when it is on disk. Azurite syncs a blob's bytes but keeps what it knows about
 *   them (names, properties, where the bytes are) in memory, saved every five seconds;
 * - it ends when standard input does, so that nothing stays behind when localcloud is killed.
 *
 *   node launcher.js PACKAGE HOST PORT LOCATION CERTIFICATE KEY
 *
 * Standard input, a JSON object a line: {"id": 1, "accounts": {"name": ["key1", "key2"]}}. The list is the
 * whole truth: what other accounts held is deleted. `"accounts": null` serves none and deletes nothing.
 * Standard output, likewise: {"ready": true} after the first list, {"ack": 1}, {"error": "…"}.
 */

const { randomBytes } = require("node:crypto");
const fs = require("node:fs/promises");
const Module = require("node:module");
const path = require("node:path");
const readline = require("node:readline");

const [PACKAGE, HOST, PORT, LOCATION, CERTIFICATE, KEY] = process.argv.slice(2);
const KEEP_ALIVE_S = 5;
const COLLECTIONS = ["SERVICES", "CONTAINERS", "BLOBS", "BLOCKS"].map((name) => `$${name}_COLLECTION$`);
const READS = new Set(["GET", "HEAD", "OPTIONS"]);

function say(message) {
  process.stdout.write(JSON.stringify(message) + "\n");
}

/* Telemetry is off. Its package is two thirds of Azurite's start-up time and half of its memory, and what is
   not loaded cannot send. */
function withoutTelemetry() {
  const load = Module._load;
  Module._load = (request, ...rest) => (request === "applicationinsights" ? {} : load(request, ...rest));
}

function createServer() {
  const source = (name) => require(path.join(PACKAGE, "dist", "src", "blob", name)).default;
  const Configuration = source("BlobConfiguration");
  const Server = source("BlobServer");
  const extents = [
    { locationId: "Default", locationPath: path.join(LOCATION, "__blobstorage__"), maxConcurrency: 10 },
  ];
  const configuration = new Configuration(
    HOST,
    Number(PORT),
    KEEP_ALIVE_S,
    path.join(LOCATION, "__azurite_db_blob__.json"),
    path.join(LOCATION, "__azurite_db_blob_extent__.json"),
    extents,
    false, // access log: addresses in it would carry shared access signatures
    undefined,
    false, // debug log
    undefined,
    false, // loose: what is not supported is refused, not ignored
    true, // skipApiVersionCheck: clients are newer, or much older, than Azurite's list
    CERTIFICATE,
    KEY,
    "",
    undefined,
    true, // disableProductStyleUrl: the account is the first segment of the path
  );
  return new Server(configuration);
}

/* Loki renames a complete file into place, but syncs neither the file nor the rename. */
function makeDurable(db) {
  db.persistenceAdapter.saveDatabase = (name, text, callback) => {
    replaceFile(name, text).then(() => callback(), callback);
  };
}

async function replaceFile(name, text) {
  const file = await fs.open(name + "~", "w", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await fs.rename(name + "~", name);
  await syncFolder(path.dirname(name));
}

async function syncFolder(folder) {
  const handle = await fs.open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/* Loki joins saves that wait into one, so many writers at a time share the cost. */
function saved(db) {
  return new Promise((resolve, reject) => db.saveDatabase((error) => (error ? reject(error) : resolve())));
}

function answerWhenSaved(server, save) {
  const [listener] = server.httpServer.listeners("request");
  server.httpServer.removeAllListeners("request");
  server.httpServer.on("request", (request, response) => {
    if (!READS.has(request.method)) {
      holdUntil(response, save);
    }
    listener(request, response);
  });
}

/* Nothing of the answer leaves, not even its status, before `save` has succeeded. */
function holdUntil(response, save) {
  const write = response.write.bind(response);
  const end = response.end.bind(response);
  const held = [];
  response.write = (...parts) => {
    held.push(parts);
    return true;
  };
  response.end = (...parts) => {
    const send = () => {
      held.forEach((chunk) => write(...chunk));
      end(...parts);
    };
    // a refused write changed nothing; a save that fails leaves the caller without an answer, as it must
    const done = response.statusCode < 400 ? save() : Promise.resolve();
    done.then(send, (error) => response.destroy(error));
    return response;
  };
}

/* Where there is no account, one that nobody can know, in place of Azurite's public one. */
function setAccounts(server, accounts) {
  const entries = Object.entries(accounts ?? {});
  if (entries.length === 0) {
    entries.push([`none${randomBytes(8).toString("hex")}`, [randomBytes(64).toString("base64")]]);
  }
  process.env.AZURITE_ACCOUNTS = entries.map(([name, keys]) => [name, ...keys].join(":")).join(";");
  server.accountDataStore.refresh();
}

function deleteAllBut(db, names) {
  const gone = { accountName: { $nin: names } };
  const collections = COLLECTIONS.map((name) => db.getCollection(name)).filter((found) => found !== null);
  const stale = collections.filter((collection) => collection.findOne(gone) !== null);
  stale.forEach((collection) => collection.findAndRemove(gone));
  return stale.length > 0;
}

async function main() {
  withoutTelemetry();
  const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const server = createServer();
  const blobs = server.metadataStore.db;
  const extents = server.extentMetadataStore.db;
  [blobs, extents].forEach(makeDurable);
  const save = () =>
    Promise.all([syncFolder(path.join(LOCATION, "__blobstorage__")), saved(extents)]).then(() => saved(blobs));
  answerWhenSaved(server, save);

  let started = false;
  for (let line = await lines.next(); !line.done; line = await lines.next()) {
    const { id, accounts } = JSON.parse(line.value);
    setAccounts(server, accounts);
    if (!started) {
      await server.start();
      started = true;
      say({ ready: true });
    }
    if (accounts !== null && deleteAllBut(blobs, Object.keys(accounts))) {
      await saved(blobs);
    }
    say({ ack: id });
  }
  process.exit(0); // whatever was answered is on disk
}

process.stdout.on("error", () => process.exit(0));
main().catch((error) => {
  say({ error: error.message });
  process.exitCode = 1;
  process.stdin.destroy();
  setImmediate(() => process.exit());
});
