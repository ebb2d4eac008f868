-- What callers are told of a package's model (`localcloud/scoring/scorer.py`), JSON; NULL: it was tried before
-- this was kept, and is tried again where somebody has to know.
ALTER TABLE trials ADD COLUMN shape TEXT;
