"""The addresses of a localcloud: those that it listens on, and those that callers are told."""
