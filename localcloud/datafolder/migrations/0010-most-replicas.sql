-- How many replicas of a service there may be where their number follows the calls; NULL: `replicas` it is.
ALTER TABLE services ADD COLUMN most_replicas INTEGER;
