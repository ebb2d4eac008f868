"""The report on a certificate chain, for a person and for a program."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cryptography import x509
    from rich.console import Console, Group
    from rich.tree import Tree

    from certs.bundle import Reading
    from certs.checks import Checked, Unfit
    from certs.describe import Description
    from certs.findings import Finding

_BAR_WIDTH = 30  # columns
_WIDTH = 120  # columns of what is no terminal: a fingerprint fits
_COLOURS = {"error": "red", "warning": "yellow", "mended": "cyan"}
_WORDS = {"error": "refused", "warning": "warning", "mended": "mended"}


class Verdict(Enum):
    """The verdict on a chain."""

    FIT = "fit"
    DUE = "due"  # fit, and due for renewal
    SHOWN = "shown"  # read, and not judged
    REFUSED = "refused"
    UNREADABLE = "unreadable"

    @property
    def exit_code(self) -> int:
        """The exit code of the command."""
        return _EXIT_CODES[self]


_EXIT_CODES = {
    Verdict.FIT: 0,
    Verdict.SHOWN: 0,
    Verdict.REFUSED: 1,
    Verdict.UNREADABLE: 2,
    Verdict.DUE: 3,
}


@dataclass(frozen=True)
class CertificateReport:
    """A chain, leaf first, the root that it stands on where that is known, and the findings, worst first.

    Attributes:
        key: the private key in words, such as `P-256`; None: there is none, or it could not be read.
        now: the moment of all days that are left (with a time zone).
    """

    verdict: Verdict
    chain: tuple[x509.Certificate, ...]
    root: x509.Certificate | None
    key: str | None
    findings: tuple[Finding, ...]
    now: datetime = field(repr=False)

    @classmethod
    def judged(cls, judgement: Checked | Unfit, now: datetime) -> CertificateReport:
        """The report of what was judged: of that chain, and no other that the file may hold."""
        from certs.checks import Unfit

        if isinstance(judgement, Unfit):
            verdict = Verdict.REFUSED if judgement.is_read else Verdict.UNREADABLE
        elif any(finding.code == "renewal-due" for finding in judgement.findings):
            verdict = Verdict.DUE
        else:
            verdict = Verdict.FIT
        return cls._of(verdict, judgement.reading, judgement.findings, now)

    @classmethod
    def shown(cls, reading: Reading, findings: Sequence[Finding], now: datetime) -> CertificateReport:
        """The report of a chain that is looked at, and not judged; it needs no key."""
        from certs.findings import errors_in

        found = (*findings, *reading.absences(wants_key=False))
        if not reading.is_read(wants_key=False):
            verdict = Verdict.UNREADABLE
        else:
            verdict = Verdict.REFUSED if errors_in(found) else Verdict.SHOWN
        return cls._of(verdict, reading.arranged(now=now), found, now)

    @classmethod
    def _of(
        cls, verdict: Verdict, reading: Reading, findings: Sequence[Finding], now: datetime
    ) -> CertificateReport:
        from certs.keys import kind

        key = None if reading.key is None else kind(reading.key.public_key())
        return cls(verdict, reading.chain, reading.anchor or reading.root, key, tuple(findings), now)

    @classmethod
    def unreadable(cls, findings: Sequence[Finding], now: datetime) -> CertificateReport:
        """The report of what could not be read at all."""
        return cls(Verdict.UNREADABLE, (), None, None, tuple(findings), now)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields: `verdict`, `chain` (leaf first), `root`, `key`, `findings`."""
        from certs.describe import describe

        return {
            "verdict": self.verdict.value,
            "chain": [describe(one, self.now).to_dict() for one in self.chain],
            "root": None if self.root is None else describe(self.root, self.now).to_dict(),
            "key": self.key,
            "findings": [finding.to_dict() for finding in self.findings],
        }

    def print(self) -> None:
        """Prints the chain as a tree, the root on top, then each finding with its remedy."""
        from rich.console import Console

        console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else _WIDTH)
        if self.chain:
            console.print(self._tree())
        _print_findings(console, self.findings)

    def _tree(self) -> Tree:
        from rich.text import Text
        from rich.tree import Tree

        above = [one for one in ([] if self.root is None else [self.root]) if one not in self.chain]
        names = [*self._names(above, "root, held by callers"), *self._names(self.chain[::-1], "")]
        if not above and not names[0].self_signed:
            names.insert(0, _Node(Text(f"{names[0].issuer} (not given)", "dim"), "", self_signed=False))
        tree = branch = Tree(names[0].label)
        for node in names[1:]:
            branch = branch.add(node.label)
        return tree

    def _names(self, certificates: Sequence[x509.Certificate], note: str) -> Iterator[_Node]:
        from certs.describe import describe

        for one in certificates:
            told = describe(one, self.now)
            is_leaf = one == self.chain[0]
            yield _Node(_label(one, told, self.now, note, is_leaf), told.issuer, told.is_self_signed)


@dataclass(frozen=True)
class _Node:
    label: Any
    issuer: str
    self_signed: bool


def _label(
    certificate: x509.Certificate, told: Description, now: datetime, note: str, is_leaf: bool
) -> Group:
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    from certs.chain import name_of

    title = Text(told.subject or name_of(certificate), "bold")
    if note:
        title.append(f" ({note})", "not bold dim")
    lifetime = (told.not_after - told.not_before).days
    left = min(max(told.days_left, 0), lifetime)
    colour = "red" if left == 0 else "yellow" if now >= told.renewal_due_at else "green"
    bar = ProgressBar(
        lifetime or 1,
        left,
        width=_BAR_WIDTH,
        complete_style=colour,
        finished_style=colour,
    )
    days = Table.grid(padding=(0, 1))
    days.add_row(bar, Text(_time_left(told, now, lifetime), colour))
    rows = Table.grid(padding=(0, 2))
    if is_leaf:
        rows.add_row("names", Text(", ".join(told.dns_names) or "none"))
    rows.add_row("key", told.key)
    rows.add_row("valid", f"{told.not_before:%Y-%m-%d %H:%M} to {told.not_after:%Y-%m-%d %H:%M} UTC")
    rows.add_row("left", days)
    if is_leaf:
        rows.add_row("renewal", f"due from {told.renewal_due_at:%Y-%m-%d %H:%M} UTC")
        rows.add_row("SHA-256", Text(told.fingerprint_sha256, overflow="fold"))
    return Group(title, rows)


def _time_left(told: Description, now: datetime, lifetime: int) -> str:
    if now < told.not_before:
        return "not valid yet"
    if now > told.not_after:
        return "expired"
    return f"{told.days_left} of {lifetime} days"


def _print_findings(console: Console, findings: Sequence[Finding]) -> None:
    from rich.text import Text

    for finding in findings:
        line = Text(f"{_WORDS[finding.severity]}: ", f"bold {_COLOURS[finding.severity]}")
        # Not wrapped: a remedy holds commands that are to be copied.
        console.print(
            line.append(f"{finding.subject}: {finding.message}", "not bold default"), soft_wrap=True
        )
        if finding.remedy:
            console.print(Text(f"    {finding.remedy}"), soft_wrap=True)
