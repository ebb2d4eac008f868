"""What cert-manager is asked for: the certificate of HTTPS, and the CA of the Ray cluster."""

from __future__ import annotations

from typing import Final

from fpga.cloud.kubernetes import parts
from fpga.cloud.kubernetes.wanted import Manifest, Wanted

_API: Final = "cert-manager.io/v1"
_TEN_YEARS: Final = "87600h"


def certificates(wanted: Wanted) -> list[Manifest]:
    """Certificates and their issuer; none where no issuer is named."""
    if wanted.issuer is None:
        return []
    https = _certificate(
        wanted,
        f"{wanted.name}-tls",
        parts.SERVER,
        {"dnsNames": [wanted.dns_name], "usages": ["server auth"], "issuerRef": wanted.issuer_reference},
    )
    if not wanted.workers:
        return [https]
    own = f"{wanted.ray}-ca"
    itself = {"name": own, "kind": "Issuer", "group": "cert-manager.io"}
    key = {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Never"}
    ca = {"isCA": True, "commonName": own, "duration": _TEN_YEARS, "privateKey": key, "issuerRef": itself}
    return [
        https,
        {
            "apiVersion": _API,
            "kind": "Issuer",
            "metadata": parts.metadata(wanted, own, parts.RAY),
            "spec": {"selfSigned": {}},
        },
        _certificate(wanted, own, parts.RAY, ca),
    ]


def _certificate(wanted: Wanted, name: str, part: str, spec: Manifest) -> Manifest:
    return {
        "apiVersion": _API,
        "kind": "Certificate",
        "metadata": parts.metadata(wanted, name, part),
        "spec": {"secretName": name, **spec},
    }
