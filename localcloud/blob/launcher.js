"use strict";
/*
 * Runs the blob service of an unmodified Azurite, and adds the five things that localcloud promises:
 *
 * - the storage accounts come over standard input and can change while it serves. Azurite itself reads
 *   them from its environment once a minute, and without any falls back to an account whose key is public;
 * - a write is answered when it is on disk. Azurite syncs a blob's bytes but keeps what it knows about
 *   them (names, properties, where the bytes are) in memory, saved every five seconds;
 * - a write that finds the disk full is refused with 507, in words that say so;
 * - the account is in the host of a request or in its path, by the host. Azurite itself takes each name with a
 *   dot in it for an account's, that of the server, too;
 * - it ends when standard input does, so that nothing stays behind when localcloud is killed.
 *
 *   node launcher.js PACKAGE HOST PORT LOCATION [SUFFIX…]
 *
 * Standard input, a JSON object a line: {"id": 1, "accounts": {"name": ["key1", "key2"]}, "deleted": ["name"],
 * "certificate": "PEM", "key": "PEM"}.
 * The list is whom it serves; what deleted accounts held is deleted. What others held, which the list does not
 * have, stays: its account takes a name that none can have (`name.aside.DATE`), and is deleted a month later,
 * when the list changes. `"accounts": null` serves none and changes nothing. Each list brings the certificate
 * and its key for the connections from then on. {"drain": 10}, the last line of a starter that ends in order:
 * requests under way have so many seconds, as long as standard input is open.
 * Standard output, likewise: {"ready": true} after the first list, {"ack": 1}, {"aside": ["name"]}, {"error": "…"},
 * {"usage": {"name": BYTES}} at the start and, at most once a second, after writes.
 */

const { randomBytes } = require("node:crypto");
const fs = require("node:fs/promises");
const Module = require("node:module");
const path = require("node:path");
const readline = require("node:readline");

const [PACKAGE, HOST, PORT, LOCATION, ...SUFFIXES] = process.argv.slice(2);
const KEEP_ALIVE_S = 5;
const QUIET_MS = 250;
const COLLECTIONS = ["SERVICES", "CONTAINERS", "BLOBS", "BLOCKS"].map((name) => `$${name}_COLLECTION$`);
const ASIDE = /\.aside\.(.+)$/;
const KEEP_ASIDE_MS = 30 * 24 * 3600 * 1000;
const FULL = new Set(["ENOSPC", "EDQUOT"]);
const LEAST_ROOM = 1 << 20; // bytes
const USAGE_INTERVAL_MS = 1000;
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

/* `ACCOUNT.blob.SUFFIX`, with or without a port; a suffix that nobody named is no account's. */
function isHostStyle(host) {
  const name = host.toLowerCase().replace(/:\d+$/, "").replace(/\.$/, "");
  const rest = name.slice(name.indexOf(".") + 1);
  return SUFFIXES.some((suffix) => rest === `blob.${suffix}`);
}

/* In the place of one switch for all requests: of those that come, of those in a batch, and of what is copied. */
function takeAccountsByHost() {
  const contexts = require(
    path.join(PACKAGE, "dist", "src", "blob", "middlewares", "blobStorageContext.middleware"),
  );
  const {
    blobStorageContextMiddleware: take,
    internalBlobStorageContextMiddleware: takeOfBatch,
    extractStoragePartsFromPath: partsOf,
  } = contexts;
  contexts.default = (skipApiVersionCheck, _, loose) => (request, response, next) => {
    request.headers.host = request.headers.host?.toLowerCase();
    take(request, response, next, skipApiVersionCheck, !isHostStyle(request.hostname ?? ""), loose);
  };
  contexts.internalBlobStorageContextMiddleware = (context, request, response, host, where, next, skip, _, loose) =>
    takeOfBatch(context, request, response, host, where, next, skip, !isHostStyle(host ?? ""), loose);
  contexts.extractStoragePartsFromPath = (host, where) => partsOf(host, where, !isHostStyle(host));
}

function createServer(shown) {
  takeAccountsByHost();
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
    "certificate", // no file, as the next one: both come with the lists
    "key",
    "",
    undefined,
    true, // disableProductStyleUrl: `takeAccountsByHost` decides
  );
  configuration.getCert = () => shown;
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

/* Whether a write failed for want of room: by what it failed with, or by what the disk has left. */
async function isFull(error) {
  if (error !== undefined && FULL.has(error.code)) {
    return true;
  }
  try {
    const { bavail, bsize } = await fs.statfs(LOCATION);
    return bavail * bsize < LEAST_ROOM;
  } catch {
    return false;
  }
}

/* Azure's error for a disk that is full, in the place of the answer that is held. */
function refuseForWantOfRoom(response, end) {
  const code = "InsufficientStorage";
  const message = "The disk of localcloud's data folder is full: make room, and try again.";
  const error = `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  const id = response.getHeader("x-ms-request-id");
  response.getHeaderNames().forEach((name) => response.removeHeader(name));
  if (id !== undefined) {
    response.setHeader("x-ms-request-id", id);
  }
  response.setHeader("x-ms-error-code", code);
  response.setHeader("content-type", "application/xml");
  response.statusCode = 507;
  response.statusMessage = "Insufficient Storage";
  end(error);
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
    const fail = async (error) => {
      if (await isFull(error)) {
        refuseForWantOfRoom(response, end);
      } else if (error === undefined) {
        send();
      } else {
        response.destroy(error); // a save that fails leaves the caller without an answer, as it must
      }
    };
    if (response.statusCode < 400) {
      save().then(send, fail);
    } else if (response.statusCode >= 500) {
      void fail();
    } else {
      send(); // a refused write changed nothing
    }
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

/* That of before goes on to be shown where this one cannot be. */
function showCertificate(server, shown) {
  try {
    server.httpServer.setSecureContext(shown);
  } catch (error) {
    say({ error: error.message });
  }
}

/* Takes no connection any more; those that there are end behind the request that they have, or is on its way. */
function drained(http, patienceMs) {
  http.prependListener("request", (_request, response) => response.setHeader("connection", "close"));
  return new Promise((resolve) => {
    setTimeout(resolve, patienceMs);
    http.close(resolve);
    const idle = setInterval(() => http.closeIdleConnections(), QUIET_MS);
    http.once("close", () => clearInterval(idle));
  });
}

function collections(db) {
  return COLLECTIONS.map((name) => db.getCollection(name)).filter((found) => found !== null);
}

function deleteAccounts(db, isGone) {
  const gone = { accountName: { $where: isGone } };
  const stale = collections(db).filter((collection) => collection.findOne(gone) !== null);
  stale.forEach((collection) => collection.findAndRemove(gone));
  return stale.length > 0;
}

/* Their bytes stay where they are: Azurite collects what no account has. */
function moveAside(db, names) {
  const foreign = (name) => !names.includes(name) && !ASIDE.test(name);
  const date = new Date().toISOString();
  const moved = new Set();
  collections(db).forEach((collection) =>
    collection.findAndUpdate({ accountName: { $where: foreign } }, (found) => {
      moved.add(found.accountName);
      found.accountName = `${found.accountName}.aside.${date}`;
    }),
  );
  return [...moved];
}

function isOld(name) {
  const date = ASIDE.exec(name)?.[1];
  return date !== undefined && Date.now() - Date.parse(date) > KEEP_ASIDE_MS;
}

/* Bytes by account: blobs, their snapshots, and blocks that no list has committed. */
function usage(db) {
  const found = {};
  const count = (name, size) => {
    found[name] = (found[name] ?? 0) + size;
  };
  const all = (name) => db.getCollection(name)?.data ?? [];
  all("$BLOBS_COLLECTION$").forEach((blob) => count(blob.accountName, blob.properties?.contentLength ?? 0));
  all("$BLOCKS_COLLECTION$").forEach((block) => count(block.accountName, block.size ?? 0));
  return found;
}

/* Called after each change, it says once what all those of a second come to. */
function usageTeller(db) {
  let waits = false;
  return () => {
    if (!waits) {
      waits = true;
      setTimeout(() => {
        waits = false;
        say({ usage: usage(db) });
      }, USAGE_INTERVAL_MS).unref();
    }
  };
}

/* Azurite collects what no blob refers to at its start, too: it goes by a list that may be lost. */
function collectLater(collector) {
  const collect = collector.markSweep.bind(collector);
  let isStart = true;
  collector.markSweep = () => {
    const now = isStart ? Promise.resolve() : collect();
    isStart = false;
    return now;
  };
}

async function main() {
  withoutTelemetry();
  const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const first = await lines.next();
  const { certificate, key, drain } = first.done ? { drain: 0 } : JSON.parse(first.value);
  if (drain !== undefined) {
    return;
  }
  const server = createServer({ cert: certificate, key });
  const blobs = server.metadataStore.db;
  const extents = server.extentMetadataStore.db;
  [blobs, extents].forEach(makeDurable);
  const tellUsage = usageTeller(blobs);
  const save = () => {
    tellUsage();
    return Promise.all([syncFolder(path.join(LOCATION, "__blobstorage__")), saved(extents)]).then(() =>
      saved(blobs),
    );
  };
  answerWhenSaved(server, save);
  collectLater(server.gcManager);

  let started = false;
  /* Before the accounts are served: one of a name that was there before begins with nothing. */
  const forget = async (deleted, accounts) => {
    if (accounts === null) {
      return;
    }
    const names = new Set(deleted);
    const removed = deleteAccounts(blobs, (name) => names.has(name) || (started && isOld(name)));
    const aside = moveAside(blobs, Object.keys(accounts));
    if (removed || aside.length > 0) {
      tellUsage();
      await saved(blobs);
    }
    if (aside.length > 0) {
      say({ aside });
    }
  };
  for (let line = first; !line.done; line = await lines.next()) {
    const { id, accounts, deleted, certificate: cert, key, drain: patience } = JSON.parse(line.value);
    if (patience !== undefined) {
      await Promise.race([drained(server.httpServer, patience * 1000), lines.next()]);
      break;
    } else if (started) {
      await forget(deleted, accounts);
      setAccounts(server, accounts);
      showCertificate(server, { cert, key });
    } else {
      setAccounts(server, null);
      await server.start();
      await forget(deleted, accounts);
      setAccounts(server, accounts);
      say({ ready: true });
      say({ usage: usage(blobs) });
    }
    started = true;
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
