"""The rules that a chain and its key must satisfy, one module a concern; `certs.checks` asks them all."""
