"""The caller of a command, as it was before the command put its own surroundings in order."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from surroundings import settle


@dataclass(frozen=True)
class Caller:
    """A caller's surroundings.

    Attributes:
        environ: its variables.
        umask: the rights that it takes from files that are made.
    """

    environ: Mapping[str, str]
    umask: int


def settled() -> Caller:
    """Puts this process's surroundings in order: what they were before."""
    environ = dict(os.environ)
    settle()
    return Caller(environ, os.umask(0o077))


def unsettled() -> Caller:
    """The surroundings of this process, which nobody has put in order."""
    mask = os.umask(0o077)
    os.umask(mask)
    return Caller(dict(os.environ), mask)
