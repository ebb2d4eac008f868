"""A plan as Markdown for a comment on a pull request.

What a plan holds comes from a pull request: every value is escaped, so that it can neither end a table, nor
be HTML, nor mention anyone. GitHub takes 65,536 characters (its REST API, "Create an issue comment").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from fpga.plan import wording
from fpga.plan.model import Change, Plan

LIMIT: Final = 65_536  # characters
_ITEM_LIMIT: Final = 4_000  # characters of one message
_CELL_LIMIT: Final = 300
_SPECIAL: Final = re.compile(r"[\\`*_{}\[\]<>&|~#!$\"']")
_NOTE_ROOM: Final = 200  # characters for the note that something was left out


@dataclass(frozen=True)
class _Block:
    """Lines that can be left out from the end, between lines that cannot."""

    head: str
    lines: tuple[str, ...]
    tail: str = ""

    def cut(self, room: int) -> tuple[str, int]:
        """The block as far as it has room, and the number of lines left out; empty where no line has room."""
        room -= len(self.head) + len(self.tail) + 2
        kept: list[str] = []
        for line in self.lines:
            room -= len(line) + 1
            if room < 0:
                break
            kept.append(line)
        if self.lines and not kept:
            return "", len(self.lines)
        parts = [part for part in (self.head, *kept, self.tail) if part]
        return "\n".join(parts), len(self.lines) - len(kept)


def render(plan: Plan, limit: int = LIMIT) -> str:
    """The plan: a heading with a summary, what matters, and the details collapsed.

    Args:
        limit: characters that it may have; what has no room is left out, and a note says so.
    """
    text, left_out = f"### {escape(wording.summary(plan))}\n", 0
    for block in _blocks(plan):
        part, missing = block.cut(limit - len(text) - _NOTE_ROOM)
        left_out += missing
        if part:
            text += f"\n{part}\n"
    if left_out:
        lines = "1 line is" if left_out == 1 else f"{left_out} lines are"
        text += f"\n_{lines} left out for the length of a comment: `fpga plan` shows all._\n"
    return text


def escape(text: str) -> str:
    """Text that Markdown and GitHub take for nothing but text, on one line."""
    text = _SPECIAL.sub(lambda found: f"&#{ord(found[0])};", _cut(text, _ITEM_LIMIT))
    text = text.replace("://", "&#58;//").replace("www.", "www&#46;").replace("@", "@<!-- -->")
    return "<br>".join(line.strip() for line in text.splitlines())


def code(text: str) -> str:
    """A value: in it GitHub looks for no mentions and no links."""
    return f"<code>{escape(_cut(text, _CELL_LIMIT))}</code>" if text else ""


def _blocks(plan: Plan) -> list[_Block]:
    parts = wording.told_parts(plan)
    blocks = [
        _list("**Errors**", [_fenced(message) for message in plan.errors]),
        _list("**Policy**", _policy(plan)),
        _overview(plan, parts),
        *(block for name, part in parts for block in _part(part, _title(plan, name))),
        _list("**Warnings**", [_fenced(message) for message in plan.warnings]),
        *(_details(change) for _, part in parts for change in part.changes if change.differences),
        _Block(f"Digest of the plan: {code(plan.digest())}", ()) if plan.succeeded else _Block("", ()),
    ]
    return [block for block in blocks if block.head]


def _overview(plan: Plan, parts: Sequence[tuple[str, Plan]]) -> _Block:
    """A line for each service that changes, and one for all others: of many, all have room here."""
    if not plan.services:
        return _Block("", ())
    told, folded = [(name, part) for name, part in parts if name], wording.folded(plan)
    if not told:
        return _Block(folded, ())
    rows = tuple(
        f"| {code(name)} | {wording.part_summary(part)} | {wording.noticed(part)} |" for name, part in told
    )
    head = "| Service | | Callers notice |\n|---|---|---|"
    return _Block(head, rows, f"\n{folded}" if folded else "")


def _title(plan: Plan, name: str) -> str:
    return f"#### {escape(wording.part_title(name))}\n\n" if plan.services else ""


def _part(plan: Plan, title: str) -> Iterator[_Block]:
    """One service's, or what services share; the title is the first block's, and goes where that goes."""
    for block in (
        _changes(plan),
        _facts("Certificate", wording.certificate_rows(plan), wording.certificate_notes(plan)),
        _facts("Authentication keys", wording.key_rows(plan), plan.keys.callers if plan.keys else ()),
        _facts("DNS", wording.record_rows(plan), ()),
        _drift(plan),
    ):
        if block.head:
            yield replace(block, head=f"{title}{block.head}")
            title = ""


def _list(title: str, items: Sequence[str]) -> _Block:
    return _Block(f"{title}\n" if items else "", tuple(items))


def _policy(plan: Plan) -> list[str]:
    return [
        f"- **{escape(wording.policy_level(one.enforcement))}** {code(one.rule)} ({escape(one.pack)})"
        + (f" on {code(one.name)}" if one.name else "")
        + f": {escape(one.message)}"
        for one in plan.policy
    ]


def _changes(plan: Plan) -> _Block:
    two = any(change.cloud for change in plan.changes)
    rows = tuple(
        f"| {change.operation} | {code(change.name)} | {escape(change.kind)} "
        + (f"| {code(change.cloud)} " if two else "")
        + f"| {escape(wording.reason(change))} |"
        for change in plan.changes
    )
    head = "| | Resource | Type | Cloud | Why |" if two else "| | Resource | Type | Why |"
    rule = "|---" * (head.count("|") - 1) + "|"
    return _Block(f"{head}\n{rule}" if rows else "", rows)


def _facts(title: str, rows: Sequence[wording.Row], notes: Sequence[str]) -> _Block:
    if not rows and not notes:
        return _Block("", ())
    lines = [f"| {escape(name)} | {code(before)} | {code(after)} |" for name, before, after in rows]
    head = f"**{title}**\n" + ("\n| | Before | After |\n|---|---|---|" if rows else "")
    return _Block(head, tuple(lines), "\n" + "\n".join(escape(note) for note in notes) if notes else "")


def _drift(plan: Plan) -> _Block:
    lines = []
    for one in plan.drift:
        who = f"{code(one.name)} ({escape(one.kind)})" + (f" on {code(one.cloud)}" if one.cloud else "")
        if one.gone:
            lines.append(f"- {who} is gone")
        for difference in one.differences:
            before, after = wording.sides(difference)
            lines.append(f"- {who} {code(difference.path)}: {code(before)} became {code(after)}")
    return _list("**Drift**: changed by others since the last update", lines)


def _details(change: Change) -> _Block:
    title = f"{change.operation} {code(change.name)} ({escape(change.kind)})"
    rows = []
    for difference in change.differences:
        before, after = wording.sides(difference)
        rows.append(f"| {code(difference.path)} | {code(before)} | {code(after)} |")
    head = f"<details><summary>{title}</summary>\n\n| Property | Before | After |\n|---|---|---|"
    return _Block(head, tuple(rows), "\n</details>")


def _fenced(message: str) -> str:
    """In a block that ends where it is to end: its fence is longer than any run of backticks in it."""
    message = _cut(message, _ITEM_LIMIT)
    longest: Callable[[str], int] = len
    runs = re.findall(r"`+", message)
    fence = "`" * max(3, 1 + max(map(longest, runs), default=0))
    return f"{fence}text\n{message}\n{fence}"


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
