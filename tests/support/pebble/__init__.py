"""Pebble, Let's Encrypt's ACME server for tests: built once a machine from its Go modules, and run."""
