"""The finding of a check: how something stands, in words, with the remedy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Standing(StrEnum):
    """The standing of what was looked at."""

    FINE = "fine"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Finding:
    """A finding.

    Attributes:
        check: what was looked at, such as `disk room`.
        told: what was found, in words.
        remedy: what to do about it; empty where it is fine.
    """

    check: str
    standing: Standing
    told: str
    remedy: str = ""


def fine(check: str, told: str) -> Finding:
    """A finding that asks for nothing."""
    return Finding(check, Standing.FINE, told)


def warning(check: str, told: str, remedy: str) -> Finding:
    """A finding of what works, and surprises somebody."""
    return Finding(check, Standing.WARNING, told, remedy)


def error(check: str, told: str, remedy: str) -> Finding:
    """A finding of what cannot work."""
    return Finding(check, Standing.ERROR, told, remedy)


def or_fine(problems: Sequence[Finding], check: str, told: str) -> list[Finding]:
    """The problems; where there are none, that it is fine."""
    return list(problems) or [fine(check, told)]
