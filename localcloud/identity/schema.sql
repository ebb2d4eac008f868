-- Version 1 of the schema: it stays as it is, and what is new is a step in `localcloud/datafolder/migrations`.
-- What the tenant is: made at first start, the same ever after.
CREATE TABLE IF NOT EXISTS tenant (
    only             INTEGER PRIMARY KEY CHECK (only = 1),
    tenant_id        TEXT NOT NULL,
    subscription_id  TEXT NOT NULL,
    client_id        TEXT NOT NULL,
    client_secret    TEXT NOT NULL,
    signing_key      TEXT NOT NULL  -- RSA private key, PKCS8 PEM
) STRICT;
