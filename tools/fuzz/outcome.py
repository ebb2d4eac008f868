"""The outcome of a fuzz target: how much was run, what was found, and the table of all of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.table import Table

from engine.report import Report, duration


@dataclass(frozen=True)
class Outcome:
    """The run of one target.

    Attributes:
        target: its name.
        executions: inputs, or examples, that were tried.
        seconds: how long it ran.
        findings: files, each with an input that failed, or with the words of the failure.
        left_out: the reason why it was not run at all; empty: it was.
    """

    target: str
    executions: int = 0
    seconds: float = 0.0
    findings: tuple[Path, ...] = ()
    left_out: str = ""

    @property
    def verdict(self) -> str:
        """The last column of the table."""
        if self.left_out:
            return "left out"
        return "FOUND" if self.findings else "nothing found"


class Target(Protocol):
    """A thing that can be fuzzed for a while."""

    @property
    def name(self) -> str:
        """The word for it on the command line."""

    @property
    def summary(self) -> str:
        """A line about what is fuzzed."""

    def run(self, seconds: float, folder: Path, report: Report) -> Outcome:
        """Runs it.

        Args:
            seconds: how long, at most; a finding may end it before.
            folder: keeps what was found, and what the next run goes on from.
            report: is told how it goes.
        """


def show(outcomes: Iterable[Outcome], console: Console) -> None:
    """Prints a line for each target, and below them where findings are kept and what was left out."""
    outcomes = list(outcomes)
    table = Table("target", box=None, pad_edge=False, show_edge=False)
    for title in ("executions", "time", "findings"):
        table.add_column(title, justify="right")
    table.add_column("")
    for one in outcomes:
        ran = ("-", "-", "-") if one.left_out else _figures(one)
        table.add_row(one.target, *ran, one.verdict)
    console.print(table)
    for one in outcomes:
        for finding in one.findings:
            console.print(f"{one.target}: {finding}", soft_wrap=True, markup=False, highlight=False)
    for reason in dict.fromkeys(one.left_out for one in outcomes if one.left_out):
        names = ", ".join(one.target for one in outcomes if one.left_out == reason)
        console.print(f"Left out: {names}. {reason}", soft_wrap=True, markup=False, highlight=False)


def _figures(one: Outcome) -> tuple[str, str, str]:
    return f"{one.executions:,}", duration(one.seconds), str(len(one.findings))
