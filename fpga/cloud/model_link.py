"""`.local/model-package`: the default model package, where a committed configuration can name it."""

from __future__ import annotations

from pathlib import Path

from fpga.files import link_whole
from fpga.project import MODEL_PACKAGE, Project


def link(project: Project, package: Path) -> str:
    """Has `.local/model-package` lead to the built package: the path as a configuration names it."""
    project.local.mkdir(mode=0o700, parents=True, exist_ok=True)
    link_whole(project.path(MODEL_PACKAGE), package)
    return MODEL_PACKAGE
