"""What the tests with the real engine share."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from engine.install import Engine, install
from engine.report import ConsoleReport
from tests.support.pebble.fixtures import pebble_executable
from tests.support.stacks.local_cloud import local_cloud
from tests.support.stacks.program_stack import loaded_program, make_stack
from tests.support.stacks.pulumi_project import PulumiProject
from tests.support.stacks.two_clouds import bundle, make_apart, other_server, server

__all__ = [
    "bundle",
    "engine",
    "loaded_program",
    "local_cloud",
    "make_apart",
    "make_project",
    "make_stack",
    "other_server",
    "pebble_executable",
    "server",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder runs the engine."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, bool | None, bool | None]:
    """Coverage is not counted here: they run the engine's processes, and what integration tests run."""
    plugin = item.config.pluginmanager.getplugin("_cov")
    counted = plugin and plugin.cov_controller if item.get_closest_marker("e2e") else None
    if counted:
        counted.pause()
    try:
        return (yield)
    finally:
        if counted:
            counted.resume()


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """The engine, installed for these tests alone; only the cache is the user's.

    On a machine that has neither a CLI nor a cached one this downloads or builds it, which takes minutes.
    """
    return install(tmp_path_factory.mktemp("engine") / ".local", ConsoleReport())


@pytest.fixture
def make_project(engine: Engine, tmp_path: Path) -> Callable[..., PulumiProject]:
    """Makes projects with a folder and a state of their own: `make_project({"program/__main__.py": "…"})`."""
    made = 0

    def make(files: dict[str, str], *, main: str = "program", **options: object) -> PulumiProject:
        nonlocal made
        made += 1
        folder = tmp_path / f"project-{made}"
        project = PulumiProject(engine, folder, state=tmp_path / f"state-{made}", **options)  # type: ignore[arg-type]
        project.write(files, main=main)
        return project

    return make
