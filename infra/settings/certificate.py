"""The settings that say where the certificate comes from; each belongs to some of the sources."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

from infra.settings import acme, certificate_names
from infra.settings.acme import AcmeSettings
from infra.settings.kinds import choice, integer, path, secret, text
from infra.settings.reader import Named
from infra.settings.table import Group, Setting, When

SOURCES: Final = ("files", "pfx", "config", "self_signed", "acme")

SOURCE: Final = "certificateSource"
ISSUING: Final = ("self_signed", "acme")
"""The sources that issue certificates; the others bring them."""

_FILES: Final = When(SOURCE, ("files",))
_PFX: Final = When(SOURCE, ("pfx",))
_CONFIG: Final = When(SOURCE, ("config",))
_BROUGHT: Final = When(SOURCE, ("files", "pfx", "config"))
_ISSUED: Final = When(SOURCE, ISSUING)
_ABOUT_SOURCE: Final = f"Where the certificate comes from: {', '.join(SOURCES)}"
_SERVED: Final = When("sslEnabled", ("true",))

_A_PATH: Final = "it is the path of {about}"
_A_TEXT: Final = "it is {about}: `pulumi config set --plaintext {name} < FILE`"
_A_SECRET: Final = "it is {about}: `pulumi config set --secret {name} < FILE`"  # noqa: S105 - a sentence


@dataclass(frozen=True, kw_only=True)
class CertificateSettings:
    """The source of the certificate. Paths are absolute; those that are None are not used.

    Attributes:
        source: one of `SOURCES`.
        pfx_password: of the container; None: it has none.
        chain, key: PEM, where they stand in the configuration itself.
        roots_file: PEM with the root that issued the chain, where callers' systems do not know it.
        minimum_days: a chain with fewer days left is refused.
        names: more names that it is for, beside the FQDN, in A-labels; the first label may be `*`.
        generation: from 1; one that is raised has a source that issues certificates issue anew.
        acme: the authority, where the source is `acme`.
    """

    source: Annotated[str, Setting(SOURCE, choice(*SOURCES), _ABOUT_SOURCE)] = "files"
    generation: Annotated[
        int,
        Setting(
            "certificateGeneration",
            integer(1, 1_000_000),
            "Raised by one, the certificate is issued anew before it is due",
            _ISSUED,
        ),
    ] = 1
    names: Annotated[
        tuple[str, ...],
        Setting(
            certificate_names.KEY,
            certificate_names.KIND,
            "More names that the certificate is for, at or under the zone, such as *.contoso.com",
            _ISSUED,
        ),
    ] = ()
    certificate_file: Annotated[
        Path | None,
        Setting(
            "certificateFile",
            path(),
            "The PEM file with the certificate and its chain",
            _FILES,
            required=_SERVED,
            missing=_A_PATH,
        ),
    ] = None
    key_file: Annotated[
        Path | None,
        Setting(
            "keyFile",
            path(),
            "The PEM file with the certificate's private key",
            _FILES,
            required=_SERVED,
            missing=_A_PATH,
        ),
    ] = None
    pfx_file: Annotated[
        Path | None,
        Setting(
            "pfxFile",
            path(),
            "The PKCS#12 file with the certificate, its chain and its private key",
            _PFX,
            required=_SERVED,
            missing=_A_PATH,
        ),
    ] = None
    pfx_password: Annotated[
        str | None, Setting("pfxPassword", secret(), "The container's password", _PFX)
    ] = field(default=None, repr=False)
    chain: Annotated[
        str | None,
        Setting(
            "certificateChain",
            text(),
            "The certificate and its chain in PEM",
            _CONFIG,
            required=_SERVED,
            missing=_A_TEXT,
        ),
    ] = None
    key: Annotated[
        str | None,
        Setting(
            "certificateKey",
            secret(),
            "The certificate's private key in PEM",
            _CONFIG,
            required=_SERVED,
            missing=_A_SECRET,
        ),
    ] = field(default=None, repr=False)
    roots_file: Annotated[
        Path | None,
        Setting(
            "rootsFile",
            path(),
            "The PEM file with the root that issued the certificate, where callers do not know it",
            _BROUGHT,
        ),
    ] = None
    acme: Annotated[AcmeSettings | None, Group(when=When(SOURCE, ("acme",)))] = None
    minimum_days: Annotated[
        int, Setting("minimumDays", integer(0, 3650), "A certificate with fewer days left is refused")
    ] = 1


def contradictions(
    settings: CertificateSettings, named: Named, *, production: bool
) -> Iterator[tuple[str, str]]:
    """The settings that do not go together: the key of each, and what is wrong with it."""
    if production and settings.source == "self_signed":
        yield (
            SOURCE,
            "is 'self_signed' on a stack with production: true: self-signed certificates are for development "
            "only; use files, pfx or config with a chain from a certification authority, or acme",
        )
    if settings.acme is not None:
        yield from acme.contradictions(settings.acme, named)
