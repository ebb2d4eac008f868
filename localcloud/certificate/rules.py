"""Rules of the settings that say where the server's certificate comes from. Standard library only."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from localcloud.errors import StartError
from localcloud.network import listeners

if TYPE_CHECKING:
    from localcloud.settings import Settings

OWN: Final = "own"
FILES: Final = "files"
ACME: Final = "acme"
SOURCES: Final = (OWN, FILES, ACME)
_SETTINGS: Final = {
    FILES: ("certificate_chain_file", "certificate_key_file", "certificate_roots_file"),
    ACME: (
        *("acme_directory", "acme_terms_agreed", "acme_contact", "acme_profile", "acme_roots_file"),
        *("acme_eab_key_id", "acme_eab_hmac_key_file", "acme_resolvers"),
    ),
}
_NEEDED: Final = {
    FILES: ("certificate_chain_file", "certificate_key_file"),
    ACME: ("acme_directory", "acme_terms_agreed"),
}


def check(settings: Settings) -> None:
    """Refuses settings of a source that is not chosen, and the lack of those that the chosen one needs.

    Raises:
        StartError: as said.
    """
    chosen = settings.written("certificate_source")
    for source, fields in _SETTINGS.items():
        for field in fields:
            if source != settings.certificate_source and getattr(settings, field):
                raise StartError(
                    f"{settings.written(field)} is for the source {source}: choose that with "
                    f"{settings.named('certificate_source')}, or leave it out."
                )
    for field in _NEEDED.get(settings.certificate_source, ()):
        if not getattr(settings, field):
            raise StartError(f"{chosen} needs {settings.named(field)}.")
    if settings.certificate_source == ACME:
        _check_acme(settings, chosen)


def names(settings: Settings) -> tuple[str, ...]:
    """The names and addresses that callers are told: a certificate of another's issue is for these."""
    told = [one.told_host or one.host for one in listeners.of(settings) if one.name != "dns"]
    return tuple(dict.fromkeys([*told, *([settings.name.lower()] if settings.name else [])]))


def _check_acme(settings: Settings, chosen: str) -> None:
    if settings.name is None:
        raise StartError(
            f"{chosen} needs {settings.named('name')}: an authority issues for a name that it can look up."
        )
    for one in listeners.of(settings):
        if one.name != "dns" and one.told_host is not None and _is_address(one.told_host):
            raise StartError(
                f"{settings.written(one.told_host_field)} is an address, and {chosen} is for names: give a "
                f"DNS name, or leave it out, and callers are told {settings.name}."
            )
    directory = urlsplit(settings.acme_directory or "")
    if directory.scheme != "https" or not directory.hostname:
        raise StartError(
            f"{settings.written('acme_directory')} is no directory: give its URL, which begins with https://."
        )
    if (settings.acme_eab_key_id is None) != (settings.acme_eab_hmac_key_file is None):
        raise StartError(
            f"{settings.named('acme_eab_key_id')} and {settings.named('acme_eab_hmac_key_file')} go "
            "together: give what the authority has handed out, or leave both out."
        )
    contact = settings.acme_contact
    if contact is not None and ("@" not in contact.strip("@") or ":" in contact or "," in contact):
        raise StartError(
            f"{settings.written('acme_contact')} is no mail address: give one such as ops@contoso.com."
        )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
