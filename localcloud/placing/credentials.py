"""The files by which machines of a cluster know each other: a token, and a certificate of its own CA.

Their names are those of Kubernetes's TLS secrets, as cert-manager writes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Credentials:
    """The places of these files on this machine.

    Attributes:
        token_file: holds the token that every process of the cluster shows (`RAY_AUTH_TOKEN_PATH`).
        tls_folder: holds `ca.crt`, `tls.crt` and `tls.key`, in PEM; the certificate is for this machine's
            address in the cluster, as server and as client.
    """

    token_file: Path
    tls_folder: Path

    @property
    def ca_file(self) -> Path:
        """The certificate of the cluster's CA."""
        return self.tls_folder / "ca.crt"

    @property
    def certificate_file(self) -> Path:
        """This machine's certificate."""
        return self.tls_folder / "tls.crt"

    @property
    def key_file(self) -> Path:
        """Its key."""
        return self.tls_folder / "tls.key"

    def environment(self) -> dict[str, str]:
        """The variables that have Ray use them, and refuse who has none.

        Source: https://docs.ray.io/en/releases-2.60.0/ray-security/token-auth.html and
        https://docs.ray.io/en/releases-2.60.0/ray-core/configure.html#tls-authentication
        """
        return {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self.token_file),
            "RAY_USE_TLS": "1",
            "RAY_TLS_CA_CERT": str(self.ca_file),
            "RAY_TLS_SERVER_CERT": str(self.certificate_file),
            "RAY_TLS_SERVER_KEY": str(self.key_file),
            "RAY_USAGE_STATS_ENABLED": "0",
        }
