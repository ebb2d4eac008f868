"""The engine itself: programs that need no service."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import psutil

from engine.install import Engine
from tests.support.engine.host_witness import HostWitness
from tests.support.stacks.pulumi_project import PulumiProject
from tests.support.waiting import PATIENCE_S, wait_until

MakeProject = Callable[..., PulumiProject]

EMPTY = """\
import pulumi
pulumi.export("answer", 42)
"""

DYNAMIC = """\
import pulumi
from counting import Counter
counter = Counter("counter", value=pulumi.Config().require_int("value"))
pulumi.export("doubled", counter.doubled)
"""

# A provider in a module, as the project's own are: stored in the state by reference.
COUNTING = """\
from pulumi import Input, Output, ResourceOptions
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult


class CounterProvider(ResourceProvider):
    def create(self, props):
        return CreateResult("counter-1", {**props, "doubled": 2 * props["value"]})

    def diff(self, id, olds, news):
        return DiffResult(changes=olds["value"] != news["value"])

    def update(self, id, olds, news):
        return UpdateResult({**news, "doubled": 2 * news["value"]})


class Counter(Resource):
    doubled: Output[int]

    def __init__(self, name, value, opts=None):
        super().__init__(CounterProvider(), name, {"value": value, "doubled": None}, opts)
"""

WAITING = """\
import pathlib, threading
pathlib.Path({marker!r}).touch()
threading.Event().wait()
"""

CREATE_WAITS = """\
def create(self, props):
        import pathlib, threading
        pathlib.Path({marker!r}).touch()
        threading.Event().wait()
"""


def test_empty_program_goes_through_its_life(make_project: MakeProject) -> None:
    project = make_project({"program/__main__.py": EMPTY})
    project.init()
    assert project.preview().changes == {"create": 1}
    assert project.up().changes == {"create": 1}
    assert project.outputs() == {"answer": 42}
    again = project.preview("--expect-no-changes")
    assert again.changes == {"same": 1}
    assert again.complaints == []
    assert project.destroy().changes == {"delete": 1}
    assert project.resources() == []


def test_dynamic_resource_goes_through_its_life(make_project: MakeProject) -> None:
    project = make_project({"program/__main__.py": DYNAMIC, "program/counting.py": COUNTING})
    project.init({"project:value": "21"})
    assert project.preview().operations["counter"] == "create"
    assert project.up().operations["counter"] == "create"
    assert project.outputs() == {"doubled": 42}
    again = project.up("--expect-no-changes")
    assert again.changes == {"same": 2}
    assert again.complaints == []
    project.configure({"project:value": "4"})
    assert project.preview().operations["counter"] == "update"
    assert project.up().operations["counter"] == "update"
    assert project.outputs() == {"doubled": 8}
    assert project.refresh("--expect-no-changes").changes == {"same": 2}
    assert project.destroy().operations["counter"] == "delete"
    assert project.resources() == []


def test_exception_in_a_program_is_an_error_of_the_command(make_project: MakeProject) -> None:
    project = make_project({"program/__main__.py": "raise ValueError('the zone has no name')\n"})
    project.init()
    failed = project.preview(code=1)
    errors = failed.complaints
    assert len(errors) == 1
    assert "Program failed with an unhandled exception" in errors[0]
    assert "ValueError: the zone has no name" in errors[0]
    # Of the stack trace only the program's own part is shown.
    assert "runpy" not in failed.text
    assert "ValueError: the zone has no name" in project.up(code=1).text


def test_exit_code_of_a_program_is_told(make_project: MakeProject) -> None:
    project = make_project({"program/__main__.py": "raise SystemExit(3)\n"})
    project.init()
    failed = project.preview(code=1)
    assert "the program ended with exit code 3" in failed.text


def test_printed_lines_and_configuration_reach_their_ends(make_project: MakeProject) -> None:
    program = """\
import os, pathlib, pulumi
config = pulumi.Config()
print("printed", config.require("word"), pathlib.Path.cwd().name, pulumi.get_stack(), pulumi.get_project())
print("run in", "preview" if pulumi.runtime.is_dry_run() else "update")
pulumi.export("secret", config.require_secret("hidden"))
pulumi.export("known_secret", "hidden" in str(os.environ["PULUMI_CONFIG_SECRET_KEYS"]))
"""
    project = make_project({"program/__main__.py": program})
    project.init({"project:word": "ça va"}, {"project:hidden": "hunter2-in-config"})
    previewed = project.preview()
    assert "printed ça va program test project" in previewed.stdout
    assert "run in preview" in previewed.stdout
    assert "run in update" in project.up().stdout
    assert project.outputs() == {"secret": "[secret]", "known_secret": True}
    assert project.outputs(show_secrets=True)["secret"] == "hunter2-in-config"
    assert "hunter2-in-config" not in str(project.export())


def test_interrupted_preview_ends_at_once_and_takes_the_program_with_it(
    engine: Engine, make_project: MakeProject, tmp_path: Path
) -> None:
    marker = tmp_path / "started"
    witness = HostWitness(engine, tmp_path / "witness")
    program = {"program/__main__.py": WAITING.format(marker=str(marker))}
    project = make_project(program, environment=witness.environment)
    project.init()
    with project.start("preview", "--stack", project.stack) as child:
        wait_until(marker.exists)
        running = children_with(child.pid, "--monitor")
        assert len(running) == 1
        os.kill(child.pid, signal.SIGINT)
        stdout, stderr = child.communicate(timeout=PATIENCE_S)
    assert child.returncode != 0
    assert set(witness.ends()) == {0}, "the engine waits 5 s for a host that does not stop, and kills it"
    assert "Traceback" not in stdout + stderr
    assert "KeyboardInterrupt" not in stdout + stderr
    assert "preview canceled" in stdout + stderr
    wait_until(lambda: not running[0].is_running())


def test_killed_engine_leaves_no_process(make_project: MakeProject, tmp_path: Path) -> None:
    marker = tmp_path / "started"
    slow = COUNTING.replace("def create(self, props):", CREATE_WAITS.format(marker=str(marker)))
    project = make_project({"program/__main__.py": DYNAMIC, "program/counting.py": slow})
    project.init({"project:value": "1"})
    with project.start("up", "--yes", "--skip-preview", "--stack", project.stack) as child:
        wait_until(marker.exists)
        started = psutil.Process(child.pid).children(recursive=True)
        assert len(started) == 3, "language host, program, dynamic provider"
        child.kill()
        child.wait(PATIENCE_S)
        _, alive = psutil.wait_procs(started, timeout=PATIENCE_S)
    assert [one.cmdline() for one in alive] == []


def test_folder_with_spaces_and_umlauts_works(engine: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "mit Leerzeichen und ü"
    project = PulumiProject(engine, folder / "project", state=folder / "state")
    project.write({"program/__main__.py": EMPTY})
    project.init()
    assert project.up().changes == {"create": 1}


def children_with(pid: int, argument: str) -> list[psutil.Process]:
    """The processes under `pid` that have `argument` among theirs."""
    return [one for one in psutil.Process(pid).children(recursive=True) if argument in one.cmdline()]
