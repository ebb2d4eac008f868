-- Behind an edge several services have one address and port: they are no longer unique (SQLite drops no
-- constraint, so the table is made anew).
CREATE TABLE services_anew (
    sequence      INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT NOT NULL UNIQUE,
    account_id    TEXT NOT NULL,
    name          TEXT NOT NULL COLLATE NOCASE,
    model_id      TEXT NOT NULL REFERENCES models (id),
    replicas      INTEGER NOT NULL,
    state         TEXT NOT NULL,
    error         TEXT,
    address       TEXT,
    port          INTEGER,
    certificate   TEXT,
    private_key   TEXT,
    primary_key   TEXT NOT NULL,
    secondary_key TEXT NOT NULL,
    created_on    TEXT NOT NULL,
    modified_on   TEXT NOT NULL,
    UNIQUE (account_id, name)
) STRICT;
-- the order of lists goes on where it was, also where there is no service now
INSERT INTO sqlite_sequence (name, seq) SELECT 'services_anew', seq FROM sqlite_sequence WHERE name = 'services';
INSERT INTO services_anew (
    sequence, id, account_id, name, model_id, replicas, state, error, address, port, certificate, private_key,
    primary_key, secondary_key, created_on, modified_on
) SELECT
    sequence, id, account_id, name, model_id, replicas, state, error, address, port, certificate, private_key,
    primary_key, secondary_key, created_on, modified_on
FROM services;
DROP TABLE services;
ALTER TABLE services_anew RENAME TO services;
CREATE INDEX services_by_model ON services (model_id);
