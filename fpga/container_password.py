"""The password of a PKCS#12 container: from a file, a variable or a prompt; never from an argument."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

if TYPE_CHECKING:
    from datetime import datetime

    from certs.errors import UnreadableError
    from certs.sources.source import Obtained

VARIABLE: Final = "FPGA_PFX_PASSWORD"


def obtain(container: Path, password_file: Path | None, roots: Path | None, now: datetime) -> Obtained:
    """What is in `container`. Who sits at a terminal is asked for a password, if one is needed and not given.

    Raises:
        certs.errors.UnreadableError: the password file, or `roots`, cannot be read.
    """
    from certs.sources.pfx import PfxSource

    source = PfxSource(container, _given(password_file), roots)
    obtained = source.obtain([], now)
    if not any(finding.code == "pfx-password-missing" for finding in obtained.reading.read_findings):
        return obtained
    if sys.stdin.isatty():
        password = typer.prompt(f"Password of {container}", hide_input=True, err=True)
        return replace(source, password=password).obtain([], now)
    typer.echo(
        f"The password comes from --password-file, from the variable {VARIABLE}, or from a terminal.",
        err=True,
    )
    return obtained


def _given(file: Path | None) -> str | None:
    """The first line of the file, else the variable."""
    if file is None:
        return os.environ.get(VARIABLE)
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as why:
        raise _unreadable(file, f"cannot be read: {why.strerror}.", "Correct its path.") from None
    except UnicodeDecodeError:
        raise _unreadable(file, "is not text in UTF-8.", "Write it anew in UTF-8.") from None
    password = text.splitlines()[0] if text else ""
    if not password:
        raise _unreadable(file, "has no password in its first line.", "Write it there.")
    return password


def _unreadable(file: Path, message: str, remedy: str) -> UnreadableError:
    from certs.errors import UnreadableError
    from certs.findings import error

    return UnreadableError([error("password-file-unreadable", f"password file {file}", message, remedy)])
