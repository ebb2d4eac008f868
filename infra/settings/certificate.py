"""The settings that say where the certificate comes from; each belongs to some of the sources."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from infra.settings import acme as acme_settings
from infra.settings.acme import AcmeSettings
from infra.settings.reader import NAMESPACE, Reader

SOURCES: Final = ("files", "pfx", "config", "self_signed", "acme")
ISSUING: Final = ("self_signed", "acme")
_PATHS: Final = {
    # setting: the sources that take it, and what it is where they need it
    "certificateFile": (("files",), "the PEM file with the certificate and its chain"),
    "keyFile": (("files",), "the PEM file with the certificate's private key"),
    "pfxFile": (("pfx",), "the PKCS#12 file with the certificate, its chain and its private key"),
    "rootsFile": (("files", "pfx", "config"), ""),
}
_ROOTS: Final = "the PEM file with the root that issued the certificate, where callers do not know it"


@dataclass(frozen=True)
class CertificateSettings:
    """Where the certificate comes from. Paths are absolute; those that are None are not used.

    Attributes:
        source: one of `SOURCES`.
        pfx_password: of the container; None: it has none.
        chain, key: PEM, where they stand in the configuration itself.
        roots_file: PEM with the root that issued the chain, where callers' systems do not know it.
        minimum_days: a chain with fewer days left is refused.
        generation: from 1; one that is raised has a source that issues certificates issue anew.
        acme: the authority, where the source is `acme`.
    """

    source: str
    certificate_file: Path | None
    key_file: Path | None
    pfx_file: Path | None
    pfx_password: str | None = field(repr=False)
    chain: str | None
    key: str | None = field(repr=False)
    roots_file: Path | None
    minimum_days: int
    acme: AcmeSettings | None = None
    generation: int = 1


def read(reader: Reader, *, production: bool, ssl_enabled: bool) -> CertificateSettings:
    """The settings of the source that is chosen. Those of another one are refused, for they have no effect;
    those that are missing, while SSL is on.
    """
    source = reader.choice(
        "certificateSource", SOURCES, default="files", about="Where the certificate comes from"
    )
    if production and source == "self_signed":
        reader.refuse(
            "certificateSource",
            "is 'self_signed' on a stack with production: true: self-signed certificates are for development "
            "only; use files, pfx or config with a chain from a certification authority, or acme",
        )
    paths: dict[str, Path | None] = {}
    for setting, (users, what) in _PATHS.items():
        paths[setting] = reader.path(
            setting,
            required=what if source in users and ssl_enabled else "",
            about=_about(what or _ROOTS, users),
        )
        _refuse_unused(reader, setting, source, users, is_set=paths[setting] is not None)
    password = reader.secret("pfxPassword", about=_about("the container's password", ("pfx",)))
    _refuse_unused(reader, "pfxPassword", source, ("pfx",), is_set=password is not None)
    of_chain, of_key = "the certificate and its chain in PEM", "the certificate's private key in PEM"
    chain = reader.optional("certificateChain", about=_about(of_chain, ("config",)))
    key = reader.secret("certificateKey", about=_about(of_key, ("config",)))
    for setting, value, what, flag in (
        ("certificateChain", chain, of_chain, "--plaintext"),
        ("certificateKey", key, of_key, "--secret"),
    ):
        _refuse_unused(reader, setting, source, ("config",), is_set=value is not None)
        if source == "config" and ssl_enabled and value is None:
            command = f"pulumi config set {flag} {NAMESPACE}:{setting} < FILE"
            reader.refuse(setting, f"is not set: it is {what}: `{command}`")
    generation = reader.integer(
        "certificateGeneration",
        default=1,
        low=1,
        high=1_000_000,
        about=_about("raised by one, the certificate is issued anew before it is due", ISSUING),
    )
    is_set = reader.is_set("certificateGeneration")
    _refuse_unused(reader, "certificateGeneration", source, ISSUING, is_set=is_set)
    return CertificateSettings(
        source=source,
        certificate_file=paths["certificateFile"],
        key_file=paths["keyFile"],
        pfx_file=paths["pfxFile"],
        pfx_password=password,
        chain=chain,
        key=key,
        roots_file=paths["rootsFile"],
        minimum_days=reader.integer(
            "minimumDays",
            default=1,
            low=0,
            high=3650,
            about="A certificate with fewer days left is refused",
        ),
        acme=acme_settings.read(reader, used=source == "acme"),
        generation=generation,
    )


def _about(what: str, users: tuple[str, ...]) -> str:
    return f"{what[0].upper()}{what[1:]}; with certificateSource {' or '.join(users)}"


def _refuse_unused(
    reader: Reader, setting: str, source: str, users: tuple[str, ...], *, is_set: bool
) -> None:
    if is_set and source in SOURCES and source not in users:
        reader.refuse(
            setting,
            f"is not used with certificateSource {source}: remove it, or set certificateSource to "
            f"{' or '.join(users)}",
        )
