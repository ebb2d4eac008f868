"""Replicas as the settings of a localcloud ask for them: what goes together, and which files are fit."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from localcloud.placing.credentials import Credentials
from localcloud.placing.installed import obstacle

if TYPE_CHECKING:
    from localcloud.settings import Settings

_BESIDE: Final = ("ray_token", "ray_tls", "fallback")


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
    for field, shape in (("ray_token", "the file of the cluster's token"), ("ray_tls", "the folder of its")):
        if getattr(settings, field) is None:
            named = shape if field == "ray_token" else f"{shape} ca.crt, tls.crt and tls.key"
            yield (
                f"{ray} needs {settings.named(field)}, {named}: whoever reaches a cluster without token and "
                "TLS runs code on it."
            )
    found = credentials(settings)
    if found is not None:
        yield from _unfit(settings.written("ray_token"), found.token_file, is_secret=True)
        tls = settings.written("ray_tls")
        yield from _unfit(tls, found.ca_file, is_secret=False)
        yield from _unfit(tls, found.certificate_file, is_secret=False)
        yield from _unfit(tls, found.key_file, is_secret=True)


def _unfit(written: str, file: Path, *, is_secret: bool) -> Iterator[str]:
    try:
        state = file.stat()
        if not stat.S_ISREG(state.st_mode):
            yield f"{written}: {file} is no file."
            return
        with file.open("rb") as opened:
            is_empty = not opened.read(1)
    except OSError as error:
        yield f"{written}: {file} cannot be read ({error.strerror}); `fpga cloud join` says how it is made."
        return
    if is_empty:
        yield f"{written}: {file} is empty."
    # root lets a group of this user's read what it keeps for it, as Kubernetes does with its secrets
    of_root = state.st_uid == 0 and os.geteuid() != 0
    if is_secret and state.st_mode & (stat.S_IRWXO | (stat.S_IWGRP if of_root else stat.S_IRWXG)):
        yield (
            f"{written}: {file} may be read or written by others (mode {stat.S_IMODE(state.st_mode):04o}): "
            f"`chmod 600 {file}`, and make another one if somebody has read it."
        )
