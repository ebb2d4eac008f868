"""The story of a pull request, played on this machine: `make story` (docs/pull-requests.md tells it)."""
