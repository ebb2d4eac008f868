"""The labels of PEM blocks (RFC 7468), and what those of certificates and keys stand for."""

from __future__ import annotations

CERTIFICATE = ("CERTIFICATE", "X509 CERTIFICATE")
REQUEST = ("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")
PARAMETERS = "EC PARAMETERS"


def is_private(label: str) -> bool:
    """Whether a block of that label holds a private key, in whatever format."""
    return label.endswith("PRIVATE KEY")
