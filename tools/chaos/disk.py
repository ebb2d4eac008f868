"""A full disk: each write path while commits fail, one after another, and again once there is room."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Final
from unittest import mock

from localcloud.modelmanagement import worker
from localcloud.server import Cloud
from tests.support.localcloud import failing_disk, parts
from tests.support.localcloud.failing_disk import FailingDisk
from tools.chaos.table import Progress, Table, rounds
from tools.chaos.victim import NETWORK
from tools.chaos.writes import KINDS, Accounts, Blobs, Kind, RefusedError, Scene, StorageAccounts

PATHS: Final[tuple[type[Kind], ...]] = (
    *(kind for kind in KINDS if kind is not Blobs),
    Accounts,
    StorageAccounts,
)
"""The kinds that are written in the database, where this disk is full."""
COMMITS: Final = 6
"""More than any write needs: each of its commits fails once, and with the last one none."""
WRITES: Final = 3
_WORDS: Final = ("507", "The disk of localcloud's data folder is full")


def measure(seconds: float, progress: Progress) -> Table:
    """Writes on every path, with the disk full from the first commit on, the second, and so on."""
    counts: dict[str, Counter[str]] = {kind.name: Counter() for kind in PATHS}
    broken: list[str] = []
    with (
        tempfile.TemporaryDirectory() as name,
        Scene.made() as scene,
        failing_disk.installed() as disk,
        mock.patch.object(worker, "RETRY_INTERVAL_S", 0.05),
        Cloud(replace(parts.settings(Path(name) / "data"), scoring_network=NETWORK)) as cloud,
    ):
        kinds = [kind(scene) for kind in PATHS]
        try:
            scene.furnish_at(cloud.status())
            for kind in kinds:
                kind.meet(cloud.status())
                kind.check()
            for _ in rounds(seconds):
                for kind in kinds:
                    for after in range(COMMITS):
                        broken += _written(kind, disk, after, counts[kind.name])
                    progress(f"{sum(found['full'] for found in counts.values())} times full: {kind.name}")
        finally:
            for kind in kinds:
                kind.close()
    table = Table(("write path", "disks full", "refused in words", "taken", "lost", "goes on"), broken=broken)
    table.rows += [
        [name, *(found[one] for one in ("full", "refused", "taken", "lost", "goes on"))]
        for name, found in counts.items()
    ]
    table.add_total()
    return table


def _written(kind: Kind, disk: FailingDisk, after: int, counts: Counter[str]) -> list[str]:
    """Writes on a disk that is full after so many commits; in words, what is wrong."""
    broken = []
    counts["full"] += 1
    disk.fill(after)
    try:
        for _ in range(WRITES):
            try:
                kind.write()
                counts["taken"] += 1
            except RefusedError as error:
                counts["refused"] += 1
                if not all(words in str(error) for words in _WORDS):
                    broken.append(f"{kind.name}: refused with other words: {error}")
    finally:
        disk.heal()
    had = len(kind.ledger.lost)
    kind.check()
    counts["lost"] += len(kind.ledger.lost) - had
    broken += [f"lost: {words}" for words in kind.ledger.lost[had:]]
    try:
        kind.write()
        counts["goes on"] += 1
    except RefusedError as error:
        broken.append(f"{kind.name}: does not go on: {error}")
    return broken
