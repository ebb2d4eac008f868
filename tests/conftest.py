"""What every test may count on."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, configuration, settings
from hypothesis.database import DirectoryBasedExampleDatabase

from surroundings import variables

# The same examples at each run, however slow the machine, and nothing of them kept.
settings.register_profile("project", derandomize=True, database=None, deadline=None)
settings.load_profile("project")
# Others at each run, and many: `make fuzz` asks for this one, and keeps what fails.
settings.register_profile(
    "fuzz",
    deadline=None,
    max_examples=1000,
    print_blob=True,
    database=DirectoryBasedExampleDatabase(Path(__file__).parent.parent / ".local" / "fuzz" / "hypothesis"),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
configuration.set_hypothesis_home_dir(Path(__file__).parent.parent / ".local" / "hypothesis")

# As every process of the project begins; the streams are pytest's.
variables.apply(os.environ)

# `make test` hands these on: a make that a test runs would be its sub-make, with its targets' words and jobs.
for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
    os.environ.pop(name, None)

# A shell starts what runs in its background with interrupts (SIGINT, SIGQUIT) ignored, and children inherit
# that: the tests of Ctrl-C, and of a process that is ended so, would then wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """One worker more than there are cores: a quarter of the time a test waits for another process."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (cores or 1) + 1


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    """A test that runs a command in this process leaves no umask of the command's behind."""
    before = os.umask(0o077)
    os.umask(before)
    yield
    os.umask(before)


@pytest.fixture(autouse=True)
def _imported() -> Iterator[None]:
    """A test in which a provider imports ahead leaves no thread that imports while the next one runs."""
    yield
    if ahead := sys.modules.get("infra.providers.ahead"):
        ahead.require("proof")
