"""The settings that `fpga up` writes into the stack's file: whose each value is, and what is written.

A value is the command's own if it wrote it, and only such a one follows what it stands for: a port that
moved, another client. All else is a person's and stays. What was written is noted in `.local`, by digests
alone, for a secret is among it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clients.azure.settings import NAMESPACE as AZURE
from fpga.cloud.connection import CLIENT_ID, METADATA_HOST, NAME_SERVERS, SUBSCRIPTION_ID, TENANT_ID
from fpga.files import write_whole
from surroundings import json_text
from surroundings.proxies import is_loopback

MODEL_PACKAGE: Final = "fpga-web-service:modelPackage"
MODEL_ID: Final = "fpga-web-service:modelId"
_IDENTITY: Final = (TENANT_ID, SUBSCRIPTION_ID, CLIENT_ID)
_FILE: Final = "written-settings.json"
_KEPT: Final = 2  # digests of a key: of what stands there, and of what takes its place while that is written


@dataclass(frozen=True)
class Decision:
    """The settings to write, and the keys whose values are a person's and others than would be written."""

    write: Mapping[str, str]
    theirs: tuple[str, ...]


class Notes:
    """The notes of what was written into the stack's file of a checkout: digests by key.

    Args:
        local: the folder `.local`.
    """

    def __init__(self, local: Path) -> None:
        self._file = local / _FILE
        self._digests: dict[str, list[str]]
        try:
            noted = json_text.loads(self._file.read_bytes())
            self._digests = {key: [str(one) for one in value] for key, value in noted.items()}
        except (FileNotFoundError, ValueError, TypeError, AttributeError):
            self._digests = {}  # nobody noted it: nothing counts as written

    def has(self, key: str, value: str) -> bool:
        """Whether this very value was written."""
        return _digest(value) in self._digests.get(key, ())

    def add(self, values: Mapping[str, str]) -> None:
        """Takes note of values; call it before they are written, for a run that is cut off in between."""
        for key, value in values.items():
            others = [one for one in self._digests.get(key, ()) if one != _digest(value)]
            self._digests[key] = [*others, _digest(value)][-_KEPT:]
        write_whole(self._file, f"{json.dumps(self._digests, indent=2, sort_keys=True)}\n".encode())


def decide(
    wanted: Mapping[str, str], present: Mapping[str, str], notes: Notes, *, outlived_its_stack: bool = False
) -> Decision:
    """Which of the wanted settings are written.

    Args:
        wanted: what this machine would have, by key; secrets in the clear.
        present: what the stack's file says, lists as JSON.
        outlived_its_stack: the file is older than the stack, whose state and cloud are gone with what was
            noted: what it says of a localcloud is of the one that went.
    """
    theirs = [
        key
        for key, value in wanted.items()
        if key in present
        and present[key] != value
        and not notes.has(key, present[key])
        and not (outlived_its_stack and _names_a_localcloud(key, present))
        and not (key == METADATA_HOST and _was_this_cloud(wanted, present))
    ]
    write = {key: value for key, value in wanted.items() if present.get(key) != value and key not in theirs}
    if MODEL_ID in present and MODEL_PACKAGE not in present:
        write.pop(MODEL_PACKAGE, None)
    if METADATA_HOST in theirs:
        # The stack is on another cloud: nothing of this one's belongs into its file.
        write = {key: value for key, value in write.items() if not _is_of_the_cloud(key)}
    return Decision(write, tuple(theirs))


def _is_of_the_cloud(key: str) -> bool:
    return key.startswith(AZURE) or key == NAME_SERVERS


def _was_this_cloud(wanted: Mapping[str, str], present: Mapping[str, str]) -> bool:
    """Whether a host that nobody noted is where this localcloud was: no other one has its ids."""
    same = all(present.get(key) == wanted.get(key) for key in _IDENTITY)
    return same and _is_loopback(present[METADATA_HOST])


def _names_a_localcloud(key: str, present: Mapping[str, str]) -> bool:
    if key == NAME_SERVERS:
        return all(map(_is_loopback, _listed(present[key])))
    return _is_of_the_cloud(key) and _is_loopback(present.get(METADATA_HOST, ""))


def _listed(value: str) -> list[str]:
    """A setting that takes a list, or one text."""
    try:
        listed = json_text.loads(value)
    except ValueError:
        return [value]
    return [str(one) for one in listed] if isinstance(listed, list) else [value]


def _is_loopback(address: str) -> bool:
    """Whether HOST:PORT is of this machine's loopback."""
    return is_loopback(address.rpartition(":")[0] or address)


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()
