-- The data folder that the database belongs to: see `localcloud/datafolder/folder.py`.
CREATE TABLE folder (
    only      INTEGER PRIMARY KEY CHECK (only = 1),
    id        TEXT NOT NULL,               -- UUID, as in `identity.json`
    commits   INTEGER NOT NULL,            -- of transactions that changed something
    settled   INTEGER NOT NULL             -- 1: the folders of packages and blobs carry the identity too
) STRICT;
