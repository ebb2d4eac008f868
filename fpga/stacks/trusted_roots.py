"""The roots by which a stack's clouds are trusted: the bundle that SSL_CERT_FILE names."""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path
from typing import Final

from fpga.cloud.connection import MANAGEMENT_ROOTS
from fpga.errors import CommandError
from fpga.project import Project
from fpga.stacks import yaml_text

VARIABLE: Final = "SSL_CERT_FILE"


def own_file(project: Project, stack: str) -> Path:
    """The bundle of a stack whose cloud is a localcloud of its own; it may not exist."""
    return project.local / "roots" / f"{stack}.pem"


def select(project: Project, stack: str, variables: MutableMapping[str, str]) -> None:
    """Has SSL_CERT_FILE name what the stack's clouds are trusted by; another stack's bundle is let go of.

    The azure-native plugin has one list of roots for all clouds: where the stack's file names roots of a
    management server, they stand beside the others, in a bundle that is made here.
    """
    own = own_file(project, stack)
    if own.is_file():
        variables[VARIABLE] = str(own)
    elif Path(variables.get(VARIABLE, "")).parent == own.parent:  # another stack's
        del variables[VARIABLE]
    of_server = _of_management_server(project, stack)
    if of_server is not None:
        from fpga.cloud import local_cloud

        bundle = own.with_name(f"{stack}.both.pem")
        others = Path(variables[VARIABLE]) if variables.get(VARIABLE) else None
        local_cloud.write_bundle(project, of_server, bundle, others)
        variables[VARIABLE] = str(bundle)


def _of_management_server(project: Project, stack: str) -> Path | None:
    """The roots that the stack's file names; None: none, or nothing that could be read: previews say that."""
    file = project.stack_file(stack)
    try:
        text = file.read_bytes()
        if MANAGEMENT_ROOTS.encode() not in text:
            return None
        roots = project.path(str(yaml_text.load(text, str(file))["config"][MANAGEMENT_ROOTS]))
    except (OSError, CommandError, LookupError, TypeError):
        return None
    return roots if roots.is_file() else None
