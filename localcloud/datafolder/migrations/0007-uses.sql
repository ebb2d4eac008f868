-- When each principal signed in last, and since when its secrets are there: see `localcloud/access/uses.py`. All times
-- are seconds since the epoch; NULL: not known, or earlier than this table.
CREATE TABLE principal_uses (
    client_id       TEXT PRIMARY KEY REFERENCES principals ON DELETE CASCADE,
    used_on         INTEGER,
    secret_made_on  INTEGER                -- of the tenant's own client, whose secret is in `tenant`
) STRICT;
ALTER TABLE principal_secrets ADD COLUMN made_on INTEGER;
