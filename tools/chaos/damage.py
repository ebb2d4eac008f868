"""Damaged storage: data folders of which a part is lost, cut or another's, and starts on them."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from localcloud import control
from localcloud.authority import CA_KEY
from localcloud.datafolder import schema
from localcloud.errors import StartError
from localcloud.settings import BLOBS, CA_CERTIFICATE, CLIENT_SECRET, DATABASE, PACKAGES, Settings
from localcloud.status import Status
from tests.support.localcloud import parts
from tests.support.localcloud.data_folders import content
from tools.chaos.table import Progress, Table, rounds
from tools.chaos.victim import NETWORK, Victim
from tools.chaos.writes import KINDS, Kind, Scene

WAL: Final = f"{DATABASE}-wal"
Damage = Callable[[Path, Path], None]
"""Damages a data folder; the second one is another localcloud's."""


REFUSED, WHOLE = "refused, every byte as before", "started, with all that was written"
CHANGED, WITHOUT_WORDS, LOST = "refused, and changed", "refused without words", "started, with a loss"
OUTCOMES: Final = (REFUSED, WHOLE, CHANGED, WITHOUT_WORDS, LOST)


def _cut(name: str, part: float) -> Damage:
    def cut(data: Path, _other: Path) -> None:
        os.truncate(data / name, int((data / name).stat().st_size * part))

    return cut


def _lose(*names: str) -> Damage:
    def lose(data: Path, _other: Path) -> None:
        for name in names:
            path = data / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return lose


def _exchange(*names: str) -> Damage:
    def exchange(data: Path, other: Path) -> None:
        _lose(*names)(data, other)
        if DATABASE in names:
            (data / WAL).unlink()
        for name in names:
            copy = shutil.copytree if (other / name).is_dir() else shutil.copy
            copy(other / name, data / name)

    return exchange


def _flip_a_byte(name: str) -> Damage:
    def flip(data: Path, _other: Path) -> None:
        held = bytearray((data / name).read_bytes())
        held[len(held) // 2] ^= 0xFF
        (data / name).write_bytes(held)

    return flip


def _damage_a_page(data: Path, _other: Path) -> None:
    with closing(sqlite3.connect(f"file:{data / DATABASE}?mode=ro", uri=True)) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'resource_groups'").fetchone()
    (data / WAL).unlink(missing_ok=True)
    with (data / DATABASE).open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(os.urandom(4096))


def _of_a_newer_one(data: Path, _other: Path) -> None:
    with closing(sqlite3.connect(data / DATABASE)) as db:
        db.execute(f"PRAGMA user_version = {schema.VERSION + 1}")


DAMAGES: Final[dict[str, Damage]] = {
    "the log (WAL) lost": _lose(WAL),
    "the log emptied": _cut(WAL, 0),
    "the log halved": _cut(WAL, 0.5),
    "the log cut by a tenth": _cut(WAL, 0.9),
    "a byte of the log changed": _flip_a_byte(WAL),
    "the database deleted": _lose(DATABASE),
    "the database and its log deleted": _lose(DATABASE, WAL),
    "the database emptied": _cut(DATABASE, 0),
    "the database halved": _cut(DATABASE, 0.5),
    "a page of the database overwritten": _damage_a_page,
    "another folder's database": _exchange(DATABASE),
    "another folder's packages": _exchange(PACKAGES),
    "another folder's blobs": _exchange(BLOBS),
    "another folder's secret": _exchange(CLIENT_SECRET),
    "another folder's certificates": _exchange(CA_CERTIFICATE, CA_KEY),
    "the packages lost": _lose(PACKAGES),
    "the blobs lost": _lose(BLOBS),
    "the list of blobs lost": _lose(f"{BLOBS}/__azurite_db_blob__.json"),
    "the list of blobs halved": _cut(f"{BLOBS}/__azurite_db_blob__.json", 0.5),
    "the secret lost": _lose(CLIENT_SECRET),
    "the CA certificate lost": _lose(CA_CERTIFICATE),
    "the CA key lost": _lose(CA_KEY),
    "the CA certificate emptied": _cut(CA_CERTIFICATE, 0),
    "the folder's identity halved": _cut("identity.json", 0.5),
    "a newer schema": _of_a_newer_one,
}


Found = dict[str, dict[str, object]]
"""All that there is, by kind and name."""


def measure(seconds: float, progress: Progress) -> Table:
    """Starts on every damage of a folder that was killed under load."""
    counts = {name: Counter[str]() for name in DAMAGES}
    broken: list[str] = []
    with tempfile.TemporaryDirectory() as name, Scene.made() as scene:
        folder = Path(name)
        settings = replace(parts.settings(folder / "killed" / "data"), scoring_network=NETWORK)
        written = _killed(scene, settings)
        other = replace(settings, data=folder / "other")
        control.start(other)
        control.stop(other.data)
        for number in rounds(seconds):
            for what, damage in DAMAGES.items():
                damaged = replace(settings, data=folder / "damaged")
                shutil.copytree(settings.data, damaged.data)
                damage(damaged.data, other.data)
                words = _started(scene, damaged, written, counts[what])
                broken += [f"{what}: {one}" for one in words]
                shutil.rmtree(damaged.data)
            progress(f"{(number + 1) * len(DAMAGES)} starts")
    table = Table(("damage", *OUTCOMES), broken=broken)
    table.rows += [[what, *(found[outcome] for outcome in OUTCOMES)] for what, found in counts.items()]
    table.add_total()
    return table


def _killed(scene: Scene, settings: Settings) -> Found:
    """Leaves a folder as a killed localcloud does, its newest writes in the log; what was written in it."""
    settings.data.parent.mkdir()
    victim = Victim(settings)
    status = victim.start()
    try:
        scene.furnish_at(status)
        with _reading(scene, status) as kinds:
            for kind in kinds:
                for _ in range(10):
                    kind.write()
            written = {kind.name: kind.found() for kind in kinds}
            # what is written last is in the log, which moves into the database at rest
            groups = kinds[0]
            for _ in range(10):
                groups.write()
            return written | {groups.name: groups.ledger.known()}
    finally:
        victim.kill()


@contextmanager
def _reading(scene: Scene, status: Status) -> Iterator[list[Kind]]:
    kinds = [kind(scene) for kind in KINDS]
    try:
        for kind in kinds:
            kind.meet(status)
        yield kinds
    finally:
        for kind in kinds:
            kind.close()


def _started(scene: Scene, settings: Settings, written: Found, counts: Counter[str]) -> list[str]:
    """Counts what a start on a damaged folder comes to; in words, what is wrong with that."""
    before = content(settings.data)
    try:
        status = control.start(settings)
    except StartError as error:
        if content(settings.data) != before:
            counts[CHANGED] += 1
            return [f"refused, and changed: {error}"]
        if "Traceback" in str(error):
            counts[WITHOUT_WORDS] += 1
            return [str(error)]
        counts[REFUSED] += 1
        return []
    try:
        with _reading(scene, status) as kinds:
            found = {kind.name: kind.found() for kind in kinds}
    finally:
        control.stop(settings.data)
    if found == written:
        counts[WHOLE] += 1
        return []
    counts[LOST] += 1
    return [
        f"went on without {name}: {found[name]}, and not {written[name]}"
        for name in found
        if found[name] != written[name]
    ]
