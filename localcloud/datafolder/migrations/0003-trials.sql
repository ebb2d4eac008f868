-- The packages that have been tried and run: see `localcloud/modelmanagement/trials.py`.
CREATE TABLE trials (
    digest        TEXT PRIMARY KEY,        -- SHA-256 of the zip file, hexadecimal
    runtime       TEXT NOT NULL            -- by what it was run: name and version
) STRICT;
