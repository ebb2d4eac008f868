"""A small GitHub on a real socket: what the commands ask of the REST API, with tokens and permissions."""
