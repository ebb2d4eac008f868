-- Who may do what: see `localcloud/access`.
CREATE TABLE principals (
    client_id   TEXT PRIMARY KEY,          -- UUID in lower case; its object ID, too
    name        TEXT NOT NULL UNIQUE COLLATE NOCASE,
    generation  INTEGER NOT NULL,          -- of its tokens: those of another one open nothing
    created_on  TEXT NOT NULL              -- RFC 3339, UTC
) STRICT;
-- The secrets by which principals sign in. That of the tenant's own client is in `tenant`.
CREATE TABLE principal_secrets (
    client_id   TEXT NOT NULL REFERENCES principals ON DELETE CASCADE,
    digest      TEXT NOT NULL,             -- SHA-256, hexadecimal
    until       INTEGER                    -- seconds since the epoch; NULL: it is the newest
) STRICT;
CREATE INDEX principal_secrets_of ON principal_secrets (client_id);
CREATE TABLE federated_credentials (
    client_id   TEXT NOT NULL REFERENCES principals ON DELETE CASCADE,
    issuer      TEXT NOT NULL,
    subject     TEXT NOT NULL,
    audiences   TEXT NOT NULL,             -- JSON list
    UNIQUE (client_id, issuer, subject)
) STRICT;
CREATE TABLE role_assignments (
    name        TEXT PRIMARY KEY,          -- UUID in lower case
    scope       TEXT NOT NULL,             -- resource ID in lower case
    role        TEXT NOT NULL,             -- UUID of its definition
    client_id   TEXT NOT NULL REFERENCES principals ON DELETE CASCADE,
    created_on  TEXT NOT NULL,             -- RFC 3339, UTC
    UNIQUE (scope, role, client_id)
) STRICT;
CREATE INDEX role_assignments_of ON role_assignments (client_id);
-- Another number after each change of what anybody may do.
CREATE TABLE access_version (
    only        INTEGER PRIMARY KEY CHECK (only = 1),
    number      INTEGER NOT NULL
) STRICT;
INSERT INTO access_version VALUES (1, 0);
CREATE TRIGGER principal_added AFTER INSERT ON principals BEGIN UPDATE access_version SET number = number + 1; END;
CREATE TRIGGER principal_changed AFTER UPDATE ON principals BEGIN UPDATE access_version SET number = number + 1; END;
CREATE TRIGGER principal_removed AFTER DELETE ON principals BEGIN UPDATE access_version SET number = number + 1; END;
CREATE TRIGGER role_given AFTER INSERT ON role_assignments BEGIN UPDATE access_version SET number = number + 1; END;
CREATE TRIGGER role_taken AFTER DELETE ON role_assignments BEGIN UPDATE access_version SET number = number + 1; END;
-- A right ends with what it is for: what is made later by the same name is somebody else's.
CREATE TRIGGER group_deleted AFTER DELETE ON resource_groups BEGIN
    DELETE FROM role_assignments WHERE scope = OLD.id OR substr(scope, 1, length(OLD.id) + 1) = OLD.id || '/';
END;
CREATE TRIGGER resource_deleted AFTER DELETE ON resources BEGIN
    DELETE FROM role_assignments WHERE scope = OLD.id OR substr(scope, 1, length(OLD.id) + 1) = OLD.id || '/';
END;
-- The client of before may do all that it could.
INSERT INTO principals SELECT lower(client_id), 'owner', 0, strftime('%Y-%m-%dT%H:%M:%fZ', 'now') FROM tenant;
INSERT INTO role_assignments
    SELECT lower(client_id), lower('/subscriptions/' || subscription_id), '8e3af657-a8ff-443c-a75c-2fe8c4bcb635',
           lower(client_id), strftime('%Y-%m-%dT%H:%M:%fZ', 'now') FROM tenant;
