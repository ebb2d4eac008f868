-- The key that seals secrets of this folder, wrapped by the operator's: see `localcloud/datafolder/encryption.py`.
CREATE TABLE encryption (
    only        INTEGER PRIMARY KEY CHECK (only = 1),
    key_id      TEXT NOT NULL,             -- of the operator's key
    wrapped     BLOB NOT NULL,             -- the data key
    settled     INTEGER NOT NULL           -- 1: nothing in clear of before is left in the folder
) STRICT;
