"""The scoring service as its callers see it."""
