"""Other people's clients, run unmodified against a localcloud: `make compatibility`."""
