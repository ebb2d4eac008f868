"""The localclouds of a checkout: whether they run, as which version, and until when they are trusted."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from fpga.doctor.finding import Finding, error, fine, or_fine, warning

_CLOUD: Final = "localcloud"
_CERTIFICATES: Final = "certificates"
_LEFT_BEHIND: Final = "left behind"
_DUE_DAYS: Final = 14


@dataclass(frozen=True)
class Cloud:
    """A localcloud by its data folder.

    Attributes:
        is_default: whether commands act on it where none is named.
        is_running: whether its lock is held.
        trouble: why it does not tell its status, or its folder cannot be used; empty: nothing is wrong.
        version: the version that runs, in words.
        own: the version of the checkout, in words.
        standing: `the same`, or how the one that runs stands to the checkout's (`older`, `newer`, `another`).
        holder: the user whose process holds the folder, where that is another one.
    """

    data: Path
    is_default: bool
    is_running: bool
    trouble: str = ""
    version: str = ""
    own: str = ""
    standing: str = "the same"
    holder: str = ""


@dataclass(frozen=True)
class Certificate:
    """A certificate that somebody trusts.

    Attributes:
        subject: whose it is, such as `the service fpga at 127.80.0.1:50051`.
        remedy: what makes another one.
    """

    subject: str
    expires: datetime
    remedy: str


@dataclass(frozen=True)
class Leftover:
    """Something that a process left behind that was killed."""

    what: str
    remedy: str


def clouds(found: Sequence[Cloud]) -> list[Finding]:
    """Whether each localcloud can be used, and is of the checkout's version."""
    return [one for cloud in found for one in _cloud(cloud)] or [
        fine(_CLOUD, "there is none yet: `make up` makes one")
    ]


def certificates(found: Sequence[Certificate], now: datetime) -> list[Finding]:
    """Whether certificates are valid, and for how many days."""
    problems = []
    for one in found:
        days = (one.expires - now).total_seconds() / 86400
        if days < 0:
            told = f"that of {one.subject} ended at {one.expires:%Y-%m-%d %H:%M} UTC"
            problems.append(error(_CERTIFICATES, told, one.remedy))
        elif days < _DUE_DAYS:
            told = f"that of {one.subject} ends in {days:.0f} days, at {one.expires:%Y-%m-%d %H:%M} UTC"
            problems.append(warning(_CERTIFICATES, told, one.remedy))
    if not found:
        return [fine(_CERTIFICATES, "there is none yet")]
    least = min(int((one.expires - now).total_seconds() // 86400) for one in found)
    return or_fine(problems, _CERTIFICATES, f"{len(found)} looked at, valid for {least} days at least")


def left_behind(found: Sequence[Leftover]) -> list[Finding]:
    """Whether killed processes left something in the way."""
    problems = [warning(_LEFT_BEHIND, one.what, one.remedy) for one in found]
    return or_fine(problems, _LEFT_BEHIND, "nothing")


def _cloud(cloud: Cloud) -> list[Finding]:
    option = "" if cloud.is_default else f" --data {shlex.quote(str(cloud.data))}"
    if cloud.holder:
        told = f"{cloud.data} is held by a process of the user {cloud.holder}"
        stop = f"`sudo -u {cloud.holder} fpga cloud down{option}`"
        remedy = f"have {cloud.holder} stop it ({stop}), or use another folder"
        return [error(_CLOUD, told, remedy)]
    if cloud.trouble:
        log = f"`fpga logs{option}` shows its log"
        return [error(_CLOUD, cloud.trouble, f"{log}; `fpga cloud down{option}` ends it")]
    if not cloud.is_running:
        told = f"the one of {cloud.data} does not run"
        return [warning(_CLOUD, told, f"`fpga cloud up{option}` starts it")]
    if cloud.standing != "the same":
        told = f"the one of {cloud.data} runs as {cloud.version}, and this checkout is {cloud.own}"
        again = (
            "`fpga up` restarts it in place" if cloud.is_default else f"`fpga cloud down{option}`, then up"
        )
        remedy = (
            again if cloud.standing != "newer" else f"bring this checkout up to date (git pull), or {again}"
        )
        return [warning(_CLOUD, told, remedy)]
    return [fine(_CLOUD, f"runs on {cloud.data} as {cloud.version}")]
