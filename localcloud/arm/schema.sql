-- Version 1 of the schema: it stays as it is, and what is new is a step in `localcloud/datafolder/migrations`.
-- Resource Manager: groups, and every other resource as one row, whatever its provider.
-- Keys are resource IDs in lower case; the case a caller wrote is kept beside them.
CREATE TABLE IF NOT EXISTS resource_groups (
    id           TEXT PRIMARY KEY,  -- /subscriptions/s/resourcegroups/name, lower case
    name         TEXT NOT NULL,
    location     TEXT NOT NULL,
    tags         TEXT NOT NULL,     -- JSON object
    created_on   TEXT NOT NULL      -- RFC 3339, UTC
) STRICT;

CREATE TABLE IF NOT EXISTS resources (
    id           TEXT PRIMARY KEY,  -- the resource ID in lower case
    display_id   TEXT NOT NULL,     -- as it was first written
    group_id     TEXT NOT NULL REFERENCES resource_groups (id) ON DELETE CASCADE,
    parent_id    TEXT REFERENCES resources (id) ON DELETE CASCADE,
    type         TEXT NOT NULL,     -- lower case: microsoft.network/dnszones/a
    name         TEXT NOT NULL,     -- the last segment, as it was first written
    body         TEXT NOT NULL,     -- JSON: location, tags, sku, kind, properties
    etag         TEXT NOT NULL,
    created_on   TEXT NOT NULL,
    modified_on  TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS resources_by_group ON resources (group_id, type);
CREATE INDEX IF NOT EXISTS resources_by_parent ON resources (parent_id, type);
CREATE INDEX IF NOT EXISTS resources_by_type ON resources (type, name COLLATE NOCASE);

CREATE TABLE IF NOT EXISTS provider_registrations (
    subscription_id  TEXT NOT NULL,
    namespace        TEXT NOT NULL,  -- lower case
    PRIMARY KEY (subscription_id, namespace)
) STRICT;

CREATE TABLE IF NOT EXISTS storage_keys (
    account_id   TEXT PRIMARY KEY REFERENCES resources (id) ON DELETE CASCADE,
    key1         TEXT NOT NULL,      -- base64, 64 bytes
    key2         TEXT NOT NULL
) STRICT;
