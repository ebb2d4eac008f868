"""What every test may count on."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import configuration, settings

from surroundings import variables

# The same examples at each run, however slow the machine, and nothing of them kept.
settings.register_profile("project", derandomize=True, database=None, deadline=None)
settings.load_profile("project")
configuration.set_hypothesis_home_dir(Path(__file__).parent.parent / ".local" / "hypothesis")

# As every process of the project begins; the streams are pytest's.
variables.apply(os.environ)

# `make test` hands these on: a make that a test runs would be its sub-make, with its targets' words and jobs.
for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
    os.environ.pop(name, None)

# A shell starts what runs in its background with interrupts ignored, and children inherit that: the tests of
# Ctrl-C would then wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    """A test that runs a command in this process leaves no umask of the command's behind."""
    before = os.umask(0o077)
    os.umask(before)
    yield
    os.umask(before)
