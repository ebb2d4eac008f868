"""The password of a PKCS#12 container: from a file, a variable or a prompt; never from an argument."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

if TYPE_CHECKING:
    from certs.errors import UnreadableError
    from certs.findings import Finding
    from certs.sources.pfx import PfxSource

VARIABLE: Final = "FPGA_PFX_PASSWORD"


def source(container: Path, password_file: Path | None, roots: Path | None = None) -> PfxSource:
    """The `container`, which asks whoever sits at a terminal for a password that is needed and not given.

    Raises:
        certs.errors.UnreadableError: the password file cannot be read.
    """
    from certs.sources.pfx import PfxSource

    def ask() -> str | None:
        if sys.stdin.isatty():
            return str(typer.prompt(f"Password of {container}", hide_input=True, err=True))
        typer.echo(
            f"The password comes from --password-file, from the variable {VARIABLE}, or from a terminal.",
            err=True,
        )
        return None

    return PfxSource(container, _given(password_file), roots, ask)


def _given(file: Path | None) -> str | None:
    """The first line of the file, whatever its line ends, else the variable."""
    if file is None:
        return os.environ.get(VARIABLE)
    from certs.findings import Origin
    from certs.sources.local_file import read_file

    findings: list[Finding] = []
    data = read_file(file, Origin.of_file("password file", str(file)), findings)
    if data is None:
        raise _unreadable(file, findings[0].message, findings[0].remedy)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _unreadable(file, "is not text in UTF-8.", "Write it anew in UTF-8.") from None
    # not splitlines(): a password may hold what Unicode counts among line ends
    password = text.partition("\n")[0].partition("\r")[0]
    if not password:
        raise _unreadable(file, "has no password in its first line.", "Write it there.")
    return password


def _unreadable(file: Path, message: str, remedy: str) -> UnreadableError:
    from certs.errors import UnreadableError
    from certs.findings import error

    return UnreadableError([error("password-file-unreadable", f"password file {file}", message, remedy)])
