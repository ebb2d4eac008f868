"""The shell that called: what its variables name, and its limits."""

from __future__ import annotations

import os
import resource
from collections.abc import Mapping
from pathlib import Path

from fpga.doctor.checks.shell import NAMING_FILES, Activation, NamedFile
from fpga.project import Project

_BEGIN = b"-----BEGIN "
_PASSPHRASE = "PULUMI_CONFIG_PASSPHRASE_FILE"  # noqa: S105 - a variable's name


def named_files(environ: Mapping[str, str]) -> list[NamedFile]:
    """The files that the variables name."""
    found = [(name, environ[name]) for name in NAMING_FILES if environ.get(name)]
    return [NamedFile(name, path, _trouble(Path(path), is_pem=name != _PASSPHRASE)) for name, path in found]


def activation(environ: Mapping[str, str], project: Project) -> Activation:
    """What the shell is activated for."""
    from fpga.project import DEFAULT_STACK

    folder = project.stack_file(DEFAULT_STACK).parent
    names = {file.name.removeprefix("Pulumi.").removesuffix(".yaml") for file in folder.glob("Pulumi.*.yaml")}
    stacks = sorted({name for name in names if not name.endswith(".template")} | {DEFAULT_STACK})
    return Activation(environ, project.local, stacks)


def home_trouble(environ: Mapping[str, str]) -> str:
    """Why the home folder cannot be used; empty: it can, or the cache is elsewhere."""
    if environ.get("FPGA_CACHE"):
        return ""
    home = environ.get("HOME") or os.environ.get("HOME", "")
    if not home:
        return "the system knows none of this user"
    path = Path(home)
    if not path.is_absolute():
        return "it is no absolute path"
    if not path.is_dir():
        return f"{home} is no folder"
    cache = next(one for one in (path / ".cache", path) if one.is_dir())
    return "" if os.access(cache, os.W_OK | os.X_OK) else f"this user may not write to {cache}"


def open_files() -> int | None:
    """The most files that a process of this user may have open; None: there is no limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if hard == resource.RLIM_INFINITY else hard


def _trouble(path: Path, *, is_pem: bool) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if is_pem and _BEGIN not in content:
        return "holds no certificate in PEM"
    return "" if content.strip() else "is empty"
