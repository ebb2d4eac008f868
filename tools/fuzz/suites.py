"""Suites of tests as fuzz targets: run by pytest again and again, with other examples each time.

Their tests are those of `make test`, which runs few examples, the same at each run; here the profile `fuzz`
(`tests/conftest.py`) has them draw many, at random.
"""

from __future__ import annotations

import random
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.report import Report
from tools.fuzz import child
from tools.fuzz.outcome import Outcome

_EXAMPLES: Final = re.compile(r"^\s*- (\d+) passing, \d+ failing", re.MULTILINE)


@dataclass(frozen=True)
class Suite:
    """Tests to be run again and again.

    Attributes:
        name: the word for it on the command line.
        summary: a line about what is fuzzed.
        tests: what pytest is given.
    """

    name: str
    summary: str
    tests: tuple[str, ...]

    def run(self, seconds: float, folder: Path, report: Report) -> Outcome:
        """Runs rounds of its tests until the time is over; the first that fails ends it.

        A round that has begun goes on for as long as it takes. What pytest said of one that failed is kept as
        a file under `findings`, and its example in hypothesis' own database, from which the next run begins.
        """
        findings = folder / "findings" / self.name
        findings.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        examples = 0
        while (took := time.monotonic() - began) < seconds:
            seed = random.randrange(2**32)  # noqa: S311 - no secret
            code, said = _pytest(self.tests, seed, report, examples)
            examples += sum(map(int, _EXAMPLES.findall(said)))
            if code != 0:
                told = findings / f"seed-{seed}.txt"
                told.write_text(said)
                return Outcome(self.name, examples, time.monotonic() - began, (told,))
        return Outcome(self.name, examples, took)


_LOCALCLOUD: Final = "tests/integration/localcloud"
SUITES: Final[tuple[Suite, ...]] = (
    Suite(
        "api",
        "localcloud's HTTPS APIs, by their OpenAPI document: what fits it, and what does not",
        (f"{_LOCALCLOUD}/test_openapi_attack.py",),
    ),
    Suite(
        "requests",
        "requests to localcloud that no client sends: forged, misspelt, made up whole",
        (f"{_LOCALCLOUD}/test_any_request.py",),
    ),
    Suite(
        "order",
        "creates, changes and deletions in any order, with restarts and kill -9, against a model of them",
        (f"{_LOCALCLOUD}/test_any_order.py",),
    ),
)


def _pytest(tests: tuple[str, ...], seed: int, report: Report, before: int) -> tuple[int, str]:
    """The exit code of a round, and all that was said in it."""
    said: list[str] = []

    def hear(line: str) -> None:
        report.progress(f"{before:,} examples in earlier rounds; this one has the seed {seed}")
        if line:
            said.append(line)

    command = [
        *(sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"),
        *("--hypothesis-profile=fuzz", f"--hypothesis-seed={seed}", "--hypothesis-show-statistics"),
        *tests,
    ]
    return child.run(command, hear), "\n".join(said)
