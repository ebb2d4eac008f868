-- Version 1 of the schema: it stays as it is, and what is new is a step in `localcloud/datafolder/migrations`.
-- The data plane of Model Management accounts. Accounts are rows of `resources`, known here by their key.
CREATE TABLE IF NOT EXISTS models (
    sequence      INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order of lists
    id            TEXT NOT NULL UNIQUE,               -- its package is the file models/ID.zip
    account_id    TEXT NOT NULL,
    name          TEXT NOT NULL,
    version       INTEGER NOT NULL,                   -- 1, 2, … among the models of one name
    mime_type     TEXT NOT NULL,
    url           TEXT NOT NULL,                      -- where it came from, without the signature
    created_on    TEXT NOT NULL                       -- RFC 3339, UTC
) STRICT;
CREATE INDEX IF NOT EXISTS models_by_account ON models (account_id, name);

CREATE TABLE IF NOT EXISTS services (
    sequence      INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT NOT NULL UNIQUE,
    account_id    TEXT NOT NULL,
    name          TEXT NOT NULL COLLATE NOCASE,
    model_id      TEXT NOT NULL REFERENCES models (id),
    replicas      INTEGER NOT NULL,
    state         TEXT NOT NULL,                      -- of the last operation: NotStarted … Failed
    error         TEXT,                               -- JSON {code, message, details}, where it does not answer
    address       TEXT,                               -- IPv4, with `port`; NULL where it answers nowhere
    port          INTEGER,
    certificate   TEXT,                               -- PEM chain, leaf first; NULL: SSL is off
    private_key   TEXT,                               -- PEM, PKCS #8
    primary_key   TEXT NOT NULL,
    secondary_key TEXT NOT NULL,
    created_on    TEXT NOT NULL,
    modified_on   TEXT NOT NULL,
    UNIQUE (account_id, name),
    UNIQUE (address, port)
) STRICT;
CREATE INDEX IF NOT EXISTS services_by_model ON services (model_id);

-- The worker's queue, in order of `sequence`, and the memory of what became of each.
CREATE TABLE IF NOT EXISTS operations (
    sequence      INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT NOT NULL UNIQUE,
    account_id    TEXT NOT NULL,
    service_id    TEXT NOT NULL,                      -- outlives the service
    action        TEXT NOT NULL CHECK (action IN ('Create', 'Update', 'Delete')),
    state         TEXT NOT NULL,
    change        TEXT,                               -- JSON, of an update, while it is not finished
    error         TEXT,                               -- JSON {code, message, details}
    created_on    TEXT NOT NULL,
    finished_on   TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS operations_unfinished ON operations (sequence) WHERE finished_on IS NULL;
CREATE INDEX IF NOT EXISTS operations_by_service ON operations (service_id);

-- What may end the process is written down before it is begun, and deleted once it has ended: what a start
-- finds here ended the processes before it, or was under way when something else did.
CREATE TABLE IF NOT EXISTS attempts (
    subject       TEXT PRIMARY KEY,                   -- ID of an operation, or of a model that a start loads
    begun         INTEGER NOT NULL                    -- how often, one process after another
) STRICT;

-- Where the search for a service's next address begins: behind the last one, and round, so that a freed
-- address is not handed out again soon.
CREATE TABLE IF NOT EXISTS address_pool (
    only          INTEGER PRIMARY KEY CHECK (only = 1),
    start         INTEGER NOT NULL
) STRICT;
