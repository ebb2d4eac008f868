"""The README and the pages of docs/ as tests read them."""
