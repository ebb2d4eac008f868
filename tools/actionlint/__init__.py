"""actionlint, the linter of GitHub workflows: compiled once a user from its Go modules."""
