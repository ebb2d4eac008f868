"""The variable that keeps the secrets of a stack's two clouds apart.

The azure-native plugin looks for the management server's secret where the engine hands it on, and else in
ARM_CLIENT_SECRET, which is the other cloud's. An empty one is handed on, too.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Final

from fpga.cloud.connection import MANAGEMENT_HOST
from fpga.project import Project

VARIABLE: Final = "FPGA_MANAGEMENT_CLIENT_SECRET"


def keep(project: Project, stack: str, variables: MutableMapping[str, str]) -> None:
    """Sets the variable, empty, where nobody has set it and the stack's file names a management server."""
    try:
        names_server = MANAGEMENT_HOST.encode() in project.stack_file(stack).read_bytes()
    except OSError:  # previews say that
        return
    if names_server:
        variables.setdefault(VARIABLE, "")
