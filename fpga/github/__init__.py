"""GitHub, as far as a pull request's story needs it: one comment, one issue a finding, a reviewed plan."""
