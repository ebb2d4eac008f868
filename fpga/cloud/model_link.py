"""`.local/model-package`: the default model package, where a committed configuration can name it."""

from __future__ import annotations

import os
from pathlib import Path

from fpga.project import Project
from fpga.stacks.template import MODEL_PACKAGE


def link(project: Project, package: Path) -> str:
    """Has `.local/model-package` lead to the built package: the path as a configuration names it."""
    place = project.local / Path(MODEL_PACKAGE).name
    if not (place.is_symlink() and place.readlink() == package):
        project.local.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = place.with_name(f".{place.name}.{os.getpid()}")
        draft.symlink_to(package)
        draft.replace(place)
    return MODEL_PACKAGE
