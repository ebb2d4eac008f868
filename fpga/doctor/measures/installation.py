"""What is installed in a checkout."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from fpga.doctor.checks.installation import Engine, Environment, Python
from fpga.project import Project

_BESIDE = ("pulumi-language-python-exec", "pulumi-resource-pulumi-python", "pulumi-language-python")
"""The files beside a CLI that was built here (`engine.install`)."""
_PROGRAMS = ("make", "git")


def python() -> Python:
    """The Python that runs this."""
    from engine import bootstrap

    listed = re.findall(r'"Programming Language :: Python :: 3\.([0-9]+)"', bootstrap.PROJECT.read_text())
    return Python(tuple(sys.version_info[:3]), sys.executable, [int(one) for one in listed])


def environment(project: Project) -> Environment:
    """The checkout's virtual environment."""
    from engine import bootstrap

    venv = project.local / "venv"
    stamp = venv / bootstrap.STAMP
    code = bootstrap.CHECKOUT
    made_for = stamp.read_text() if stamp.is_file() else ""
    return Environment(
        checkout=project.checkout,
        venv=venv,
        is_there=(venv / "bin" / "python").exists(),
        # another checkout's lock is not known to this code
        is_current=code != project.checkout or made_for == bootstrap.key(venv),
        prefix=Path(sys.prefix),
        code=code,
    )


def engine(project: Project) -> Engine:
    """The Pulumi CLI of the checkout; it is run, for its version."""
    from engine import pulumi_cli
    from engine.errors import EngineError

    folder = project.local / "bin"
    pulumi = folder / "pulumi"
    wanted = pulumi_cli.pinned()
    if not pulumi.exists():
        return Engine(wanted, None)
    # the official one has its own beside itself, and is a link
    missing = [] if pulumi.is_symlink() else [one for one in _BESIDE if not (folder / one).exists()]
    if not (project.local / "activate").exists():
        missing.append("activate")
    try:
        return Engine(wanted, pulumi_cli.cli_version(pulumi), missing=missing)
    except EngineError as error:
        return Engine(wanted, None, str(error).rstrip("."))


def missing_programs() -> list[str]:
    """The programs that are needed from the machine, and are not on PATH."""
    return [one for one in _PROGRAMS if shutil.which(one) is None]
