"""A plan on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from fpga.plan import wording

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from fpga.plan.model import Change, Plan

_COLOURS: Final = {
    "create": "green",
    "import": "green",
    "update": "yellow",
    "replace": "magenta",
    "delete": "red",
    "forget": "cyan",
}


def show(plan: Plan, console: Console) -> None:
    """Prints the plan: what stops it, what changes and why, and what callers will notice."""
    from rich.text import Text

    for level, messages, colour in (("error", plan.errors, "red"), ("warning", plan.warnings, "yellow")):
        for message in messages:
            console.print(Text(f"{level}: ", f"bold {colour}").append(message, "not bold default"))
    for finding in plan.policy:
        colour = "red" if finding.stops else "yellow"
        line = Text(f"{wording.policy_level(finding.enforcement)}: ", f"bold {colour}")
        line.append(f"{finding.rule}", "bold default").append(f" ({finding.pack})", "dim not bold default")
        where = f" {finding.name}:" if finding.name else ""
        console.print(line.append(f"{where} {finding.message}", "not bold default"))
    for name, part in wording.told_parts(plan):
        if plan.services:
            console.print(Text(wording.part_title(name), "bold underline"))
        _part(part, console)
    if told := wording.folded(plan):
        console.print(Text(told, "dim"))
    console.print(Text(wording.summary(plan), "bold"))


def _part(plan: Plan, console: Console) -> None:
    """The changes of one service, or of all that services share, what callers will notice, and drift."""
    for change in plan.changes:
        console.print(_heading(change))
        if change.differences:
            console.print(_rows([(one.path, *wording.sides(one)) for one in change.differences]))
    _facts(console, "certificate", wording.certificate_rows(plan), wording.certificate_notes(plan))
    _facts(console, "keys", wording.key_rows(plan), plan.keys.callers if plan.keys else ())
    _facts(console, "DNS", wording.record_rows(plan), ())
    _drift(plan, console)


def _heading(change: Change) -> Table:
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 1))
    where = f" on {change.cloud}" if change.cloud else ""
    name = Text(change.name, "bold").append(f" ({change.kind}){where}", "not bold dim")
    grid.add_row(Text(change.operation, _COLOURS[change.operation]), name)
    if why := wording.reason(change):
        grid.add_row("", Text(why))
    return grid


def _facts(console: Console, title: str, rows: Sequence[wording.Row], notes: Sequence[str]) -> None:
    from rich.text import Text

    if rows or notes:
        console.print(Text(title, "bold"))
    if rows:
        console.print(_rows(rows))
    for note in notes:
        console.print(Text(f"  {note}", "yellow"))


def _drift(plan: Plan, console: Console) -> None:
    from rich.text import Text

    for one in plan.drift:
        said = "gone" if one.gone else "changed by others"
        line = Text("drift ", "red").append(one.name, "bold default")
        where = f" on {one.cloud}" if one.cloud else ""
        console.print(line.append(f" ({one.kind}){where}: {said}", "not bold default"))
        if one.differences:
            console.print(_rows([(each.path, *wording.sides(each)) for each in one.differences]))


def _rows(rows: Sequence[wording.Row]) -> Table:
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    # whatever the width, no value is cut: a fingerprint is to be compared
    for ratio in (2, 3, 3):
        grid.add_column(overflow="fold", ratio=ratio)
    grid.expand = False
    for name, before, after in rows:
        grid.add_row(Text(f"  {name}", "dim"), Text(before), Text(after, "bold"))
    return grid
