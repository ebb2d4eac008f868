"""Clients of Azure, of DNS servers, of TLS ports and of the scoring service."""
