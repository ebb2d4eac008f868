"""The notes of what the stand-in for azure-native makes on this machine: for a plugin that is killed, and for
`fpga adopt`.

The engine's own note of an operation ends when its plugin does: what a killed one had put would be known to
nobody, and the next create be told that it exists. So each PUT and DELETE is noted before it is sent, as
begun until the engine has the answer. The note of what was made stays: should the state be lost, it tells the
stack's own from what others made. A resource that is deleted takes its note along.

A note that cannot be written or read is none, and the work goes on without it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from surroundings import json_text

LIFE_S: Final = 7 * 24 * 3600.0
"""How long something counts as begun: who has made what is there since is not known then."""
_FOLDER: Final = "azure-native-notes"


@dataclass(frozen=True)
class Note:
    """The note of a resource.

    Attributes:
        id: resource ID.
        urn: the URN that the engine asked for, which names stack and project.
        begun: whether something was sent whose outcome the engine may not know.
        made: whether the resource was created from here, and not merely updated.
    """

    id: str
    urn: str
    begun: bool
    made: bool

    def is_made_by(self, project: str, stack: str) -> bool:
        """Whether this stack created it."""
        return self.made and self.urn.startswith(f"urn:pulumi:{stack}::{project}::")


class Notes:
    """The notes in a Pulumi home.

    Args:
        home: the folder that PULUMI_HOME names; None: nothing is noted.
    """

    def __init__(self, home: str | None) -> None:
        self._folder = Path(home).expanduser() / _FOLDER if home else None

    def get(self, identifier: str) -> Note | None:
        """The note of a resource, by its ID in any case; None: there is none."""
        with contextlib.suppress(OSError, ValueError, TypeError):
            path = self._path(identifier)
            note = Note(**json_text.loads(path.read_bytes()))
            is_fresh = time.time() - path.stat().st_mtime < LIFE_S
            return replace(note, begun=note.begun and is_fresh)
        return None

    def begin(self, identifier: str, urn: str, *, made: bool = False) -> None:
        """Notes that something is about to be sent. What was made from here stays so."""
        before = self.get(identifier)
        self._put(Note(identifier, urn, begun=True, made=made or (before is not None and before.made)))

    def end(self, identifier: str) -> None:
        """Notes that the engine has the answer."""
        note = self.get(identifier)
        if note is not None and note.begun:
            self._put(replace(note, begun=False))

    def forget(self, identifier: str) -> None:
        """Removes the note of a resource that is not there."""
        with contextlib.suppress(OSError):
            self._path(identifier).unlink()

    def _put(self, note: Note) -> None:
        with contextlib.suppress(OSError):
            path = self._path(note.id)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = path.with_name(f".{path.name}.{os.getpid()}")
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                json.dump(asdict(note), file)
            draft.replace(path)

    def _path(self, identifier: str) -> Path:
        """The file of a note.

        Raises:
            OSError: there is no place for any.
        """
        if self._folder is None:
            raise FileNotFoundError("no Pulumi home is set")
        return self._folder / f"{hashlib.sha256(identifier.lower().encode()).hexdigest()[:32]}.json"
