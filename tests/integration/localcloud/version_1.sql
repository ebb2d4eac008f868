-- A database of localcloud 0.1.0 before schemas had versions, as `sqlite3 .dump` tells it; its secrets are left out.
BEGIN TRANSACTION;
CREATE TABLE address_pool (
    only          INTEGER PRIMARY KEY CHECK (only = 1),
    start         INTEGER NOT NULL
) STRICT;
CREATE TABLE models (
    sequence      INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order of lists
    id            TEXT NOT NULL UNIQUE,               -- its package is the file models/ID.zip
    account_id    TEXT NOT NULL,
    name          TEXT NOT NULL,
    version       INTEGER NOT NULL,                   -- 1, 2, … among the models of one name
    mime_type     TEXT NOT NULL,
    url           TEXT NOT NULL,                      -- where it came from, without the signature
    created_on    TEXT NOT NULL                       -- RFC 3339, UTC
) STRICT;
INSERT INTO "models" VALUES(1,'0b0f7a58-8f0e-4a6f-9b5d-0c1f8f5f4a10','/subscriptions/9cb252ed-4342-4e5e-bd60-17f77803fb1f/resourcegroups/rg/providers/microsoft.machinelearningmodelmanagement/accounts/acc','espresso',1,'application/zip','https://packages.example/espresso.zip','2026-11-28T12:00:00.0000000Z');
CREATE TABLE operations (
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
CREATE TABLE provider_registrations (
    subscription_id  TEXT NOT NULL,
    namespace        TEXT NOT NULL,  -- lower case
    PRIMARY KEY (subscription_id, namespace)
) STRICT;
INSERT INTO "provider_registrations" VALUES('9cb252ed-4342-4e5e-bd60-17f77803fb1f','microsoft.machinelearningmodelmanagement');
INSERT INTO "provider_registrations" VALUES('9cb252ed-4342-4e5e-bd60-17f77803fb1f','microsoft.network');
INSERT INTO "provider_registrations" VALUES('9cb252ed-4342-4e5e-bd60-17f77803fb1f','microsoft.resources');
INSERT INTO "provider_registrations" VALUES('9cb252ed-4342-4e5e-bd60-17f77803fb1f','microsoft.storage');
CREATE TABLE resource_groups (
    id           TEXT PRIMARY KEY,  -- /subscriptions/s/resourcegroups/name, lower case
    name         TEXT NOT NULL,
    location     TEXT NOT NULL,
    tags         TEXT NOT NULL,     -- JSON object
    created_on   TEXT NOT NULL      -- RFC 3339, UTC
) STRICT;
INSERT INTO "resource_groups" VALUES('/subscriptions/9cb252ed-4342-4e5e-bd60-17f77803fb1f/resourcegroups/rg','rg','eastus2','{"a": "b"}','2026-11-28T21:07:26.516474Z');
CREATE TABLE resources (
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
INSERT INTO "resources" VALUES('/subscriptions/9cb252ed-4342-4e5e-bd60-17f77803fb1f/resourcegroups/rg/providers/microsoft.machinelearningmodelmanagement/accounts/acc','/subscriptions/9cb252ed-4342-4e5e-bd60-17f77803fb1f/resourceGroups/rg/providers/Microsoft.MachineLearningModelManagement/accounts/acc','/subscriptions/9cb252ed-4342-4e5e-bd60-17f77803fb1f/resourcegroups/rg',NULL,'microsoft.machinelearningmodelmanagement/accounts','acc','{"location": "eastus2", "tags": {}, "sku": {"name": "S1", "capacity": 1}, "properties": {}}','176cd4f2-6d88-4c8e-bb92-48c40f650741','2026-11-28T21:07:26.538380Z','2026-11-28T21:07:26.538380Z');
INSERT INTO "resources" VALUES('/subscriptions/9cb252ed-4342-4e5e-bd60-17f77803fb1f/resourcegroups/rg/providers/microsoft.network/dnszones/contoso.com','/subscriptions/9cb252ed-4342-4e5e-bd60-17f77803fb1f/resourceGroups/rg/providers/Microsoft.Network/dnsZones/contoso.com','/subscriptions/9cb252ed-4342-4e5e-bd60-17f77803fb1f/resourcegroups/rg',NULL,'microsoft.network/dnszones','contoso.com','{"location": "global", "tags": {}, "properties": {}}','1d5d39fc-a10f-4e90-88b4-690f6b95a676','2026-11-28T21:07:26.558539Z','2026-11-28T21:07:26.558539Z');
INSERT INTO "resources" VALUES('/subscriptions/9cb252ed-4342-4e5e-bd60-17f77803fb1f/resourcegroups/rg/providers/microsoft.network/dnszones/contoso.com/ns/@','/subscriptions/9cb252ed-4342-4e5e-bd60-17f77803fb1f/resourceGroups/rg/providers/Microsoft.Network/dnsZones/contoso.com/NS/@','/subscriptions/9cb252ed-4342-4e5e-bd60-17f77803fb1f/resourcegroups/rg','/subscriptions/9cb252ed-4342-4e5e-bd60-17f77803fb1f/resourcegroups/rg/providers/microsoft.network/dnszones/contoso.com','microsoft.network/dnszones/ns','@','{"properties": {"TTL": 172800, "NSRecords": [{"nsdname": "ns1-01.azure-dns.localhost."}, {"nsdname": "ns2-01.azure-dns.localhost."}]}}','6aea32c3-ee95-4c54-835e-fc11fda9e93e','2026-11-28T21:07:26.558654Z','2026-11-28T21:07:26.558654Z');
INSERT INTO "resources" VALUES('/subscriptions/9cb252ed-4342-4e5e-bd60-17f77803fb1f/resourcegroups/rg/providers/microsoft.network/dnszones/contoso.com/soa/@','/subscriptions/9cb252ed-4342-4e5e-bd60-17f77803fb1f/resourceGroups/rg/providers/Microsoft.Network/dnsZones/contoso.com/SOA/@','/subscriptions/9cb252ed-4342-4e5e-bd60-17f77803fb1f/resourcegroups/rg','/subscriptions/9cb252ed-4342-4e5e-bd60-17f77803fb1f/resourcegroups/rg/providers/microsoft.network/dnszones/contoso.com','microsoft.network/dnszones/soa','@','{"properties": {"TTL": 3600, "SOARecord": {"host": "ns1-01.azure-dns.localhost.", "email": "hostmaster.azure-dns.localhost.", "serialNumber": 2, "refreshTime": 3600, "retryTime": 300, "expireTime": 2419200, "minimumTTL": 300}}}','589fe2bc-562c-40c2-a50c-c61a2fda55ab','2026-11-28T21:07:26.558697Z','2026-11-28T21:07:26.574441Z');
INSERT INTO "resources" VALUES('/subscriptions/9cb252ed-4342-4e5e-bd60-17f77803fb1f/resourcegroups/rg/providers/microsoft.network/dnszones/contoso.com/a/www','/subscriptions/9cb252ed-4342-4e5e-bd60-17f77803fb1f/resourceGroups/rg/providers/Microsoft.Network/dnsZones/contoso.com/A/www','/subscriptions/9cb252ed-4342-4e5e-bd60-17f77803fb1f/resourcegroups/rg','/subscriptions/9cb252ed-4342-4e5e-bd60-17f77803fb1f/resourcegroups/rg/providers/microsoft.network/dnszones/contoso.com','microsoft.network/dnszones/a','www','{"properties": {"ARecords": [{"ipv4Address": "203.0.113.7"}], "TTL": 60}}','13977870-2ef3-4c45-8343-ddd1dcf4fffa','2026-11-28T21:07:26.574313Z','2026-11-28T21:07:26.574313Z');
CREATE TABLE services (
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
CREATE TABLE storage_keys (
    account_id   TEXT PRIMARY KEY REFERENCES resources (id) ON DELETE CASCADE,
    key1         TEXT NOT NULL,      -- base64, 64 bytes
    key2         TEXT NOT NULL
) STRICT;
CREATE TABLE tenant (
    only             INTEGER PRIMARY KEY CHECK (only = 1),
    tenant_id        TEXT NOT NULL,
    subscription_id  TEXT NOT NULL,
    client_id        TEXT NOT NULL,
    client_secret    TEXT NOT NULL,
    signing_key      TEXT NOT NULL  -- RSA private key, PKCS8 PEM
) STRICT;
INSERT INTO "tenant" VALUES(1,'babd703d-0c4f-499b-a34f-2235f717c592','9cb252ed-4342-4e5e-bd60-17f77803fb1f','8e82481a-92fc-42e4-ada1-65edafced811','@CLIENT_SECRET@','@SIGNING_KEY@');
CREATE INDEX resources_by_group ON resources (group_id, type);
CREATE INDEX resources_by_parent ON resources (parent_id, type);
CREATE INDEX resources_by_type ON resources (type, name COLLATE NOCASE);
CREATE INDEX models_by_account ON models (account_id, name);
CREATE INDEX services_by_model ON services (model_id);
CREATE INDEX operations_unfinished ON operations (sequence) WHERE finished_on IS NULL;
CREATE INDEX operations_by_service ON operations (service_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('models',1);
COMMIT;
