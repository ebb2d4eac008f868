"""Findings: one for each thing that a check found wrong or doubtful, or that was put right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath
from shlex import quote
from typing import Literal

Severity = Literal["error", "warning", "mended"]

_RANK: dict[Severity, int] = {"error": 0, "warning": 1, "mended": 2}


@dataclass(frozen=True)
class Finding:
    """A finding. No attribute ever holds a part of a private key.

    Attributes:
        code: a stable slug that tests and scripts may rely on; the words may change.
        severity: an `error` keeps the certificate from the service; a `warning` does not; `mended` says that
            the text was odd and that what is used is its canonical form.
        subject: names the file, the setting or the certificate.
        message: says what is wrong and what was seen.
        remedy: says how to mend it.
    """

    code: str
    severity: Severity
    subject: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        text = f"{self.subject}: {self.message}"
        return f"{text} {self.remedy}" if self.remedy else text

    def to_dict(self) -> dict[str, str]:
        """The finding as JSON-ready fields."""
        return {
            "code": self.code,
            "severity": self.severity,
            "subject": self.subject,
            "message": self.message,
            "remedy": self.remedy,
        }


@dataclass(frozen=True)
class Origin:
    """The origin of a text.

    Attributes:
        label: names it in messages.
        file: its file, in the commands that a remedy proposes.
    """

    label: str
    file: str

    @property
    def source(self) -> str:
        """The file as an argument of a shell command."""
        return quote(self.file)

    @property
    def converted(self) -> str:
        """The file that a shell command writes: beside this one, never over it."""
        return self.beside("converted")

    def beside(self, what: str) -> str:
        """A file beside this one for `what` is made of it, as an argument of a shell command."""
        path = PurePath(self.file)
        return quote(str(path.parent / f"{path.stem}-{what}.pem"))

    @classmethod
    def of_file(cls, kind: str, path: str) -> Origin:
        """The origin of a file, labelled with what it should hold: `of_file("key file", "tls.key")`."""
        return cls(f"{kind} {path}", path)


CERTIFICATE_ORIGIN = Origin("certificate file", "chain.pem")
KEY_ORIGIN = Origin("key file", "key.pem")


def error(code: str, subject: str, message: str, remedy: str = "") -> Finding:
    """A finding that keeps the certificate from the service."""
    return Finding(code, "error", subject, message, remedy)


def warning(code: str, subject: str, message: str, remedy: str = "") -> Finding:
    """A finding that a person should know of."""
    return Finding(code, "warning", subject, message, remedy)


def mended(code: str, subject: str, message: str) -> Finding:
    """A finding about an oddity that the canonical form no longer has."""
    return Finding(code, "mended", subject, message)


def errors_in(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The errors among `findings`."""
    return tuple(finding for finding in findings if finding.severity == "error")


def sort(findings: Iterable[Finding]) -> list[Finding]:
    """`findings` without repetitions, errors first, else in the order in which they were made."""
    return sorted(dict.fromkeys(findings), key=lambda finding: _RANK[finding.severity])


def printable(text: str, limit: int = 120) -> str:
    """`text` (a name out of a certificate, which anyone may have made) fit for a terminal and a log."""
    clean = "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"
