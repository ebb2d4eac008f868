"""Has the Python that imports this, at its start, take the double for what runs on nodes."""

from __future__ import annotations

import importlib.abc
import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "localcloud.placing.replica":
            return None
        return importlib.util.spec_from_file_location(name, Path(__file__).with_name("replica.py"))


sys.meta_path.insert(0, _Finder())
