"""Kill storms: a localcloud under load is killed at random moments, and read back each time it is up."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from localcloud import control
from localcloud.datafolder import backup
from localcloud.datafolder.backup import BackupError
from localcloud.settings import DATABASE
from localcloud.status import Status
from tests.support.localcloud import parts, scoring_parts
from tests.support.localcloud.data_plane import FPGA, OFF, DataPlane, endpoint, opens
from tests.support.waiting import wait_until
from tools.chaos.table import Progress, Table, rounds
from tools.chaos.victim import NETWORK, StartFailed, Victim
from tools.chaos.writes import KINDS, NO_ANSWER, Kind, Scene

LONGEST_LOAD_S: Final = 4.0
LONGEST_START_S: Final = 1.5


@dataclass
class Storm:
    """A localcloud, and those who write to it.

    Attributes:
        broken: in words, what was found broken.
        kills: how often it was killed, by the moment.
        writes: how many writes were acknowledged, by the moment and the kind.
        lost, helpless: how many of them were lost, and how many starts failed, by the moment.
    """

    scene: Scene
    victim: Victim
    kinds: list[Kind]
    broken: list[str] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)
    writes: Counter[tuple[str, str]] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    helpless: Counter[str] = field(default_factory=Counter)
    chance: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 - to be repeated

    def start(self) -> Status:
        """Starts the localcloud; all kinds go on with it."""
        status = self.victim.start()
        for kind in self.kinds:
            kind.meet(status)
        return status

    def come_back(self, moment: str) -> None:
        """Starts it after a kill, and reads back what was written."""
        self.start()
        for kind in self.kinds:
            had, lost = kind.acknowledged, len(kind.ledger.lost)
            kind.acknowledged = kind.ledger.acknowledged
            self.writes[moment, kind.name] += kind.acknowledged - had
            kind.check()
            self.lost[moment] += len(kind.ledger.lost) - lost
            self.broken += [f"{moment}: lost: {words}" for words in kind.ledger.lost[lost:]]

    def kill(self, moment: str, *, whole: bool = True) -> None:
        """Kills it, alone or with its children."""
        self.victim.kill(whole=whole)
        self.kills[moment] += 1

    @contextmanager
    def load(self, moment: str) -> Iterator[None]:
        """Has every kind write, until the localcloud is killed in the block."""
        over = threading.Event()

        def work(kind: Kind) -> None:
            try:
                while not over.is_set():
                    kind.write()
            except NO_ANSWER as error:
                if self.victim.runs:
                    self.broken.append(f"{moment}: {kind.name}: no answer: {error}")
            except Exception as error:
                self.broken.append(f"{moment}: {kind.name}: {error}")

        threads = [threading.Thread(target=work, args=[kind]) for kind in self.kinds]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join()

    def pause(self, longest_s: float) -> None:
        """Lets a random time pass."""
        threading.Event().wait(self.chance.uniform(0, longest_s))


def under_load(storm: Storm, moment: str) -> None:
    """Kills it while all kinds write."""
    with storm.load(moment):
        storm.pause(LONGEST_LOAD_S)
        storm.kill(moment, whole=storm.chance.random() < 0.5)
    storm.come_back(moment)


def during_starts(storm: Storm, moment: str) -> None:
    """Kills it while it starts, after a kill under load."""
    with storm.load(moment):
        storm.pause(LONGEST_LOAD_S / 8)
        storm.kill(moment)
    for _ in range(2):
        storm.victim.begin()
        storm.pause(LONGEST_START_S)
        storm.kill(moment)
    storm.come_back(moment)


def during_backup(storm: Storm, moment: str) -> None:
    """Kills it, or who backs it up, while a backup is written under load; a file that is there is whole."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "backup.tar"
        program = "import sys; from pathlib import Path; from localcloud.datafolder import backup\n"
        program += "backup.write(Path(sys.argv[1]), Path(sys.argv[2]), lambda _: None)"
        command = [sys.executable, "-c", program, str(storm.victim.settings.data), str(file)]
        with (
            storm.load(moment),
            subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as writer,
        ):
            storm.pause(LONGEST_LOAD_S / 4)
            if storm.chance.random() < 0.5:
                writer.kill()
            storm.kill(moment)
            writer.wait()
        storm.come_back(moment)
        if file.exists():
            try:
                backup.restore(file, Path(folder) / "restored", lambda _: None)
            except BackupError as error:
                storm.broken.append(f"{moment}: {error}")
                storm.helpless[moment] += 1


def within_a_load(storm: Storm, moment: str) -> None:
    """Kills it twice, or more often, while it loads one model; the service comes all the same."""
    data = storm.victim.settings.data
    with closing(DataPlane(control.status(data))) as plane:
        model_id = _slow_model(storm, plane)
        accepted = plane.call("POST", "services", FPGA | OFF | {"modelId": model_id, "name": "slow"})
    for number in range(2 + storm.chance.randrange(2)):
        if number:
            storm.victim.start()
        wait_until(lambda: _is_loading(data), 60)
        storm.pause(0.2)
        storm.kill(moment)
    storm.come_back(moment)
    with closing(DataPlane(control.status(data))) as plane:
        plane.use_account("slow")
        operation = plane.finish(accepted)
        service = plane.service(accepted.json()["id"])
        storm.writes[moment, "services"] += 1
        if operation["state"] != "Succeeded" or not opens(endpoint(service), None, None):
            storm.lost[moment] += 1
            storm.broken.append(f"{moment}: the service is {operation}")
        plane.finish(plane.call("DELETE", f"services/{service['id']}"))


def _slow_model(storm: Storm, plane: DataPlane) -> str:
    """The ID of a model that takes a second to load."""
    content = scoring_parts.package(
        {
            "service_def.json": scoring_parts.definition(scoring_parts.onnx_stage()),
            "m.onnx": scoring_parts.folded_model(1500, products=4),
        }
    )
    plane.use_account("slow")
    listed = plane.call("GET", "models")
    if listed.status_code == 404:
        plane.make_account("slow")
        return plane.register(storm.scene.packages.put("/c/slow.zip", content), "slow")
    (model,) = listed.json()["value"]
    model_id: str = model["id"]
    return model_id


def _is_loading(data: Path) -> bool:
    with closing(sqlite3.connect(f"file:{data / DATABASE}?mode=ro", uri=True)) as db:
        return db.execute("SELECT 1 FROM loads").fetchone() is not None


MOMENTS: Final[dict[str, Callable[[Storm, str], None]]] = {
    "under load": under_load,
    "during starts": during_starts,
    "during a backup": during_backup,
    "twice within one load of a model": within_a_load,
}
_IN_TURN: Final = [*3 * ["under load", "during starts"], *MOMENTS]


def measure(seconds: float, progress: Progress) -> Table:
    """The storms, one kill after another until the time is over, each moment once at least."""
    with tempfile.TemporaryDirectory() as folder, Scene.made() as scene:
        settings = replace(parts.settings(Path(folder) / "data"), scoring_network=NETWORK)
        storm = Storm(scene, Victim(settings), [])
        try:
            scene.furnish_at(storm.victim.start())
            storm.victim.kill()
            storm.kinds = [kind(scene) for kind in KINDS]
            storm.start()
            for kind in storm.kinds:
                kind.check()
            _storm(storm, seconds, progress)
        finally:
            for kind in storm.kinds:
                kind.close()
            storm.victim.kill()
    return _table(storm)


def _storm(storm: Storm, seconds: float, progress: Progress) -> None:
    for number in rounds(seconds):
        for moment in MOMENTS if number == 0 else [_IN_TURN[number % len(_IN_TURN)]]:
            try:
                MOMENTS[moment](storm, moment)
            except StartFailed as error:
                storm.helpless[moment] += 1
                storm.broken.append(f"{moment}: it does not start: {error}")
                return
            progress(
                f"{storm.kills.total()} kills, {storm.writes.total():,} acknowledged writes, "
                f"{storm.lost.total()} lost"
            )


def _table(storm: Storm) -> Table:
    names = [kind.name for kind in storm.kinds]
    table = Table(("killed", "kills", *names, "lost", "needing a person"), broken=storm.broken)
    for moment in MOMENTS:
        writes = [storm.writes[moment, name] for name in names]
        table.rows.append([moment, storm.kills[moment], *writes, storm.lost[moment], storm.helpless[moment]])
    table.add_total()
    return table
