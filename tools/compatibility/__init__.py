"""Other people's clients, run as published against a localcloud: `make compatibility`."""
