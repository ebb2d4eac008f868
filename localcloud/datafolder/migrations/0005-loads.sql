-- The loads of packages that are under way, and what the next process judges by, should this one end meanwhile.
-- How many processes each has ended is in `attempts`. See `localcloud/modelmanagement/attempts.py`.
CREATE TABLE loads (
    subject       TEXT PRIMARY KEY,        -- as in `attempts`
    thread        INTEGER NOT NULL,        -- that loads, as a report of a crash names it
    memory_kills  INTEGER                  -- by the system until then; NULL: it does not tell
) STRICT;
