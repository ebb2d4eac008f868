"""The client side of ACME (RFC 8555): accounts, orders with DNS-01, renewal information (RFC 9773)."""
