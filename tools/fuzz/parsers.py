"""Parsers as fuzz targets: each read by atheris, guided by coverage, in a process of its own.

Source: the command line of LLVM's libFuzzer, which atheris is made with.
"""

from __future__ import annotations

import hashlib
import platform
import re
import shutil
import sys
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine import wheels
from engine.errors import EngineError
from engine.report import Report
from tests.support.parsers import known
from tests.support.parsers.parser import Parser, examine
from tools.fuzz import child
from tools.fuzz.outcome import Outcome

HANGS_AFTER_S: Final = 60
"""Seconds after which an input that is still being read is a finding; each parser has a limit of its own,
which counts the time of the processor alone.
"""
MEMORY_MB: Final = 2048
_TAIL: Final = 60
_EXECUTIONS: Final = re.compile(r"^#(\d+)\t")
_FINAL: Final = re.compile(r"^stat::number_of_executed_units:\s+(\d+)")


@dataclass(frozen=True)
class ParserTarget:
    """A parser to be fuzzed."""

    parser: Parser

    @property
    def name(self) -> str:
        """The parser's name."""
        return self.parser.name

    @property
    def summary(self) -> str:
        """A line about what it reads."""
        return self.parser.summary

    def run(self, seconds: float, folder: Path, report: Report) -> Outcome:
        """Has atheris try inputs, from the seeds and from what runs before found worth keeping.

        The first finding ends it: its input, and what was said of it, are files under `findings`.
        """
        try:
            atheris = wheels.ensure("atheris", report, of_python=True)
        except EngineError as error:
            return Outcome(self.name, left_out=_no_atheris(error))
        corpus, seeds, findings = (folder / part / self.name for part in ("corpus", "seeds", "findings"))
        corpus.mkdir(parents=True, exist_ok=True)
        findings.mkdir(parents=True, exist_ok=True)
        _write(self.parser.seeds(), seeds)
        before = set(findings.iterdir())
        began = time.monotonic()
        executions, said, code = _mutated(
            [
                *(sys.executable, "-m", "tools.fuzz.mutator", str(atheris), self.name),
                f"-max_total_time={max(1, round(seconds))}",
                f"-timeout={HANGS_AFTER_S}",
                f"-rss_limit_mb={MEMORY_MB}",
                f"-artifact_prefix={findings}/",
                *("-print_final_stats=1", str(corpus), str(seeds)),
            ],
            report,
        )
        took = time.monotonic() - began
        found = sorted(set(findings.iterdir()) - before)
        if code != 0:
            told = findings / f"{found[0].name if found else 'failure'}.txt"
            told.write_text("\n".join([*said, *_how_to_repeat(self.name, found), ""]))
            found.append(told)
        return Outcome(self.name, executions, took, tuple(found))


def targets() -> list[ParserTarget]:
    """A target for each parser that is known."""
    return [ParserTarget(parser) for parser in known.PARSERS]


def replay(name: str, file: Path) -> int:
    """Has the parser of that name read a file, and says how it ends.

    Returns:
        The exit code; what the parser raises on anything but a documented refusal is raised.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        print(f"error: {file} cannot be read: {error.strerror}", file=sys.stderr)
        return 1
    examine(known.named(name), content)
    print(f"{name}: {len(content)} bytes were read or refused as they should be.")
    return 0


def _no_atheris(error: EngineError) -> str:
    python = f"Python {sys.version_info[0]}.{sys.version_info[1]}"
    return (
        f"atheris cannot be installed for {python} on {platform.system()} {platform.machine()}; its wheels "
        "are for Linux on x86-64. `make test` tries these parsers, too, with fewer inputs. "
        f"({str(error).splitlines()[0]})"
    )


def _how_to_repeat(name: str, found: list[Path]) -> list[str]:
    return [f"Repeat it: .local/venv/bin/python -m tools.fuzz --input {found[0]} {name}"] if found else []


def _write(seeds: Iterable[bytes], folder: Path) -> None:
    """Writes the seeds anew: one that is gone from the code is gone from the folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for seed in seeds:
        (folder / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)


def _mutated(command: list[str], report: Report) -> tuple[int, list[str], int]:
    """The number of executions, the last lines that were said, and the exit code of a run of atheris."""
    executions = 0
    tail: deque[str] = deque(maxlen=_TAIL)

    def hear(line: str) -> None:
        nonlocal executions
        if found := _EXECUTIONS.match(line) or _FINAL.match(line):
            executions = int(found[1])
            report.progress(f"{executions:,} executions")
        elif line:
            tail.append(line)

    code = child.run(command, hear)
    return executions, list(tail), code
