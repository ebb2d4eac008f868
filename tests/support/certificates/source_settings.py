"""Settings of each source of certificates that are enough for it, without their namespace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from infra.settings import ServiceSettings
from infra.settings import certificate as certificate_settings
from infra.settings.certificate import CertificateSettings
from infra.settings.reader import Reader
from infra.settings.table import Group

SECRETS = {"fpga-web-service:pfxPassword", "fpga-web-service:certificateKey"}
S3CRET = " s3cret "
SOURCES: dict[str, dict[str, str]] = {
    "files": {"certificateFile": "README.md", "keyFile": "LICENSE"},
    "pfx": {"pfxFile": "README.md", "pfxPassword": S3CRET},
    "config": {"certificateChain": "chain\n", "certificateKey": S3CRET},
    "self_signed": {},
    "acme": {"acmeDirectory": "https://ca.example.com/directory"},
}


@dataclass(frozen=True, kw_only=True)
class Served:
    """The settings of a stack that this is about."""

    certificate: Annotated[CertificateSettings, Group()]
    service: Annotated[ServiceSettings, Group()]


def settings_of(given: dict[str, str], secrets: set[str] | None) -> tuple[CertificateSettings, list[str]]:
    """The settings, and the problems in them."""
    reader = Reader(Served, {f"fpga-web-service:{key}": value for key, value in given.items()}, secrets)
    found = reader.read().certificate
    reader.find(list(certificate_settings.contradictions(found, reader.named, production=False)))
    return found, reader.problems
