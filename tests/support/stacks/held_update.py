"""A project whose update stays in the middle of a create for as long as a test wants it to."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from engine.install import Engine
from tests.support.stacks.pulumi_project import PulumiProject

PROGRAM = """\
import pulumi
from things import Thing
secret = pulumi.Config().require_secret("word")
first = Thing("first", "before", secret)
second = Thing("second", "gated", secret, pulumi.ResourceOptions(depends_on=[first]))
pulumi.export("word", Thing("third", "after", secret, pulumi.ResourceOptions(depends_on=[second])).secret)
"""

# What is made is a file in a folder, by name: one that is there is taken over. The gated one is made, told in
# the log, and only answered when the gate opens: a FIFO, whose reader waits for a writer to come and go.
THINGS = """\
import os, pathlib
from pulumi import Output
from pulumi.dynamic import CreateResult, Resource, ResourceProvider


class ThingProvider(ResourceProvider):
    def create(self, props):
        remote = pathlib.Path(os.environ["THINGS"])
        (remote / props["kind"]).touch()
        gate = os.environ.get("GATE")
        if gate and props["kind"] == "gated":
            tell(remote, "begin")
            with open(gate) as waiting:
                waiting.read()
            tell(remote, "end")
        return CreateResult(props["kind"], props)


def tell(remote, what):
    descriptor = os.open(remote / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, f"{what} {os.getpid()}\\n".encode())
    os.close(descriptor)


class Thing(Resource):
    secret: Output[str]

    def __init__(self, name, kind, secret, opts=None):
        super().__init__(ThingProvider(), name, {"kind": kind, "secret": secret}, opts)
"""

WORD = "horse-battery-staple-4711"


class HeldUpdate(PulumiProject):
    """A project of three resources; the create of the second one can be held."""

    def __init__(self, engine: Engine, folder: Path, *, environment: Mapping[str, str] | None = None) -> None:
        self.things = folder / "things"
        self._gate = folder / "gate"
        super().__init__(
            engine,
            folder / "project",
            state=folder / "state",
            environment={"THINGS": str(self.things), **(environment or {})},
        )
        self.things.mkdir()
        os.mkfifo(self._gate)
        self.write({"program/__main__.py": PROGRAM, "program/things.py": THINGS})
        self.init(secrets={"project:word": WORD})

    @contextmanager
    def starting(self) -> Iterator[subprocess.Popen[str]]:
        """An `up` whose second create is held when it comes to it."""
        plain = self.environment
        self.environment = {**plain, "GATE": str(self._gate)}
        try:
            run = self.start("up", "--yes", "--skip-preview", "--stack", self.stack)
            with run as child:
                self.environment = plain
                yield child
        finally:
            self.environment = plain

    def log(self) -> list[str]:
        """What the second create has told so far: `begin` and `end`, each with its process."""
        file = self.things / "log"
        return file.read_text().splitlines() if file.exists() else []

    @property
    def is_held(self) -> bool:
        """Whether a run is in the middle of the second create."""
        return sum(1 if line.startswith("begin") else -1 for line in self.log()) > 0

    def let_go(self) -> None:
        """Opens the gate for the run that is held: returns when it is through."""
        self._gate.open("w").close()
