"""The lock that an update holds on its stack, in a folder or in blob storage, and whether its holder lives.

A `pulumi` that was killed leaves its lock behind: a JSON file that names its maker (`pid`, `username`,
`hostname`, `timestamp`; pulumi 3.250, `backend/diy/lock.go`).
"""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.state_url import SCHEME, folder_of
from fpga.errors import CommandError
from fpga.stacks.state_container import NOBODY, SIGN_IN, StateContainer
from surroundings import json_text

_LOCKS: Final = ".pulumi/locks/organization/fpga-web-service"
_WRITING_S: Final = 60.0
_FRACTION: Final = r"\.\d+"


@dataclass(frozen=True)
class Lock:
    """Who holds a stack: a process of this host, or of another (`host`).

    Attributes:
        since: when it was taken, as RFC 3339 has it; empty: it does not say.
    """

    host: str
    pid: int
    user: str = ""
    since: str = ""

    @property
    def is_of_this_host(self) -> bool:
        """Whether its holder runs, or ran, on this machine."""
        return self.host == socket.gethostname()

    @property
    def is_dead(self) -> bool:
        """Whether the holder is known to have ended; of another host's nothing is known."""
        if not self.is_of_this_host:
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False

    def __str__(self) -> str:
        since = f", since {re.sub(_FRACTION, '', self.since)}" if self.since else ""
        return f"{self.user or 'someone'}@{self.host}, process {self.pid}{since}"


def locks(url: str, stack: str, environ: Mapping[str, str]) -> list[Lock]:
    """The locks on a stack of this project; one that is just being written or gone is left out.

    Args:
        url: of the backend: file:// or azblob://.
        environ: the variables by which the CLI signs in to it.

    Raises:
        CommandError: the backend does not answer, or refuses.
    """
    container = StateContainer.parse(url, environ)
    contents = (
        _in_folder(folder_of(url), stack) if container is None else _in_container(container, stack, environ)
    )
    return [lock for lock in map(_parse, contents) if lock is not None]


def is_half_taken(url: str, stack: str) -> bool:
    """Whether a run was killed while it wrote its lock to a folder: the CLI takes that for one, and fails.

    What is younger than a minute is taken for one that is just being written.
    """
    if not url.startswith(SCHEME):
        return False
    oldest = time.time() - _WRITING_S
    for file in _files(folder_of(url), stack):
        try:
            if file.stat().st_mtime < oldest and _parse(file.read_bytes()) is None:
                return True
        except FileNotFoundError:
            continue
    return False


def _parse(content: bytes) -> Lock | None:
    try:
        told = json_text.loads(content)
        return Lock(
            str(told["hostname"]),
            int(told["pid"]),
            str(told.get("username", "")),
            str(told.get("timestamp", "")),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _in_folder(folder: Path, stack: str) -> Iterable[bytes]:
    for file in _files(folder, stack):
        try:
            yield file.read_bytes()
        except FileNotFoundError:
            continue


def _files(folder: Path, stack: str) -> list[Path]:
    """All that the CLI takes for locks: also what a killed run did not come to rename into its place."""
    return sorted(one for one in (folder / _LOCKS / stack).glob("*") if one.suffix != ".attrs")


def _in_container(container: StateContainer, stack: str, environ: Mapping[str, str]) -> list[bytes]:
    from azure.core.exceptions import AzureError, ResourceNotFoundError

    found = []
    try:
        with container.client(environ) as client:
            prefix = f"{container.prefix}{_LOCKS}/{stack}/"
            for name in list(client.list_blob_names(name_starts_with=prefix)):
                try:
                    found.append(client.download_blob(name).readall())
                except ResourceNotFoundError:
                    continue
    except AzureError as error:
        first_line = str(error).strip().splitlines()[0]
        remedy = f"\n{SIGN_IN}" if NOBODY in first_line else ""
        raise CommandError(
            f"The locks in the container {container.name} of {container.endpoint(environ)} cannot be read: "
            f"{first_line}{remedy}"
        ) from None
    return found
