"""Replicas as the settings of a localcloud ask for them, and what of that cannot work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from localcloud.cluster.credentials import Credentials
from localcloud.cluster.installed import obstacle
from localcloud.errors import StartError

if TYPE_CHECKING:
    from localcloud.settings import Settings

_BESIDE: Final = ("ray_token", "ray_tls", "fallback")
_NEEDED: Final = {
    "ray_token": "the file of the cluster's token",
    "ray_tls": "the folder of its ca.crt, tls.crt and tls.key",
}


def credentials(settings: Settings) -> Credentials | None:
    """The files by which the cluster's machines know this one; None: no replicas are asked for."""
    if settings.ray is None or settings.ray_token is None or settings.ray_tls is None:
        return None
    return Credentials(settings.ray_token, settings.ray_tls)


def problems(settings: Settings) -> Iterator[str]:
    """What is wrong with these settings, a sentence each with the setting as somebody wrote it."""
    if settings.ray is None:
        for field in _BESIDE:
            if getattr(settings, field) is not None:
                yield (
                    f"{settings.written(field)} is for replicas, and none are asked for: give "
                    f"{settings.named('ray')}, too."
                )
        return
    ray = settings.written("ray")
    if (why := obstacle()) is not None:
        yield f"{ray} {why}"
    for field, what in _NEEDED.items():
        if getattr(settings, field) is None:
            yield (
                f"{ray} needs {settings.named(field)}, {what}: whoever reaches a cluster without token and "
                "TLS runs code on it."
            )
    found = credentials(settings)
    if found is not None:
        try:
            found.check(settings.written("ray_token"), settings.written("ray_tls"))
        except StartError as error:
            yield str(error)
