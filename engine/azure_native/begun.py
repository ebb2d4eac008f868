"""The creates that are under way, noted on disk: what a plugin that was killed alone leaves to the next one.

The engine notes what is under way in its state, and lets go of that when the plugin is gone: what was made
would be in no state. A note stands in the Pulumi home from before the PUT until the plugin has its answer.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

FOLDER: Final = "begun"
"""The folder of notes in the Pulumi home."""
LIFE_S: Final = 7 * 24 * 3600.0
"""How long a note counts: who has made what is there since is not known then."""


def folder(variables: Mapping[str, str]) -> Path | None:
    """Where notes are kept; None where no Pulumi home is set: then there are none."""
    home = variables.get("PULUMI_HOME")
    return Path(home).expanduser() / FOLDER if home else None


class Begun:
    """The notes of one cloud and subscription, by the resource's URN and ID. No secret is in them.

    Args:
        folder: made when it is needed; None: nothing is noted.
        cloud: the host that is asked, and the subscription.
    """

    def __init__(self, folder: Path | None, *cloud: str) -> None:
        self._folder = folder
        self._cloud = cloud

    @contextmanager
    def noted(self, urn: str, identifier: str) -> Iterator[None]:
        """Has the create noted meanwhile, however the block ends, but for the end of the process."""
        note = self._file(urn, identifier)
        if note is None:
            yield
            return
        note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(
            os.open(note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w"
        ) as file:
            json.dump({"urn": urn, "id": identifier}, file)
        try:
            yield
        finally:
            note.unlink(missing_ok=True)

    def has(self, urn: str, identifier: str) -> bool:
        """Whether a plugin was killed while it created that resource."""
        note = self._file(urn, identifier)
        with suppress(OSError):
            return note is not None and time.time() - note.stat().st_mtime < LIFE_S
        return False

    def forget(self, urn: str, identifier: str) -> None:
        """Forgets a note: the state knows the resource, or it is gone."""
        note = self._file(urn, identifier)
        if note is not None:
            note.unlink(missing_ok=True)

    def _file(self, urn: str, identifier: str) -> Path | None:
        if self._folder is None:
            return None
        named = "\0".join((*self._cloud, urn, identifier.lower()))
        return self._folder / f"{hashlib.sha256(named.encode()).hexdigest()}.json"
