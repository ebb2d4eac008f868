"""Rules of the settings that say where the server's certificate comes from. Standard library only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from localcloud.errors import StartError
from localcloud.network import listeners

if TYPE_CHECKING:
    from localcloud.settings import Settings

OWN: Final = "own"
FILES: Final = "files"
SOURCES: Final = (OWN, FILES)
_SETTINGS: Final = {
    FILES: ("certificate_chain_file", "certificate_key_file", "certificate_roots_file"),
}
_NEEDED: Final = {
    FILES: ("certificate_chain_file", "certificate_key_file"),
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


def names(settings: Settings) -> tuple[str, ...]:
    """The names and addresses that callers are told: a certificate of another's issue is for these."""
    told = [one.told_host or one.host for one in listeners.of(settings) if one.name != "dns"]
    return tuple(dict.fromkeys([*told, *([settings.name.lower()] if settings.name else [])]))
