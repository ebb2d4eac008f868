"""A package of the azure-native SDK whose modules are loaded one by one, as they are used.

Its packages load all that they have where anything of them is used: for six of their thousand resources
that takes longer than all else that the program does until it declares the first one. Here a class is looked
for in the module that the SDK's generator puts it in; what is not there is found as ever, by loading all.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from types import ModuleType

SDK = "pulumi_azure_native"
_MODULES = ("dns", "resources", "storage")
_INPUTS, _ENUMS = "_inputs", "_enums"


class Piecemeal(ModuleType):
    """A package that has not run its own `__init__` yet: what it lacks is looked for in its modules."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        for module in self._candidates(name):
            whole = f"{self.__name__}.{module}"
            if whole in sys.modules or self._has(module):
                found = importlib.import_module(whole)
                value: object = vars(found).get(name, found if module == name else None)
                if value is not None:
                    setattr(self, name, value)
                    return value
        return getattr(self._loaded(), name)

    def _candidates(self, name: str) -> Iterator[str]:
        """The modules that may have a name, as the SDK's generator names them."""
        yield re.sub(r"(?<=.)(?=[A-Z])", "_", name).lower()
        yield from (_INPUTS,) if name.endswith("Args") else (_ENUMS,)

    def _has(self, module: str) -> bool:
        at = Path(self.__path__[0], module)
        return at.with_suffix(".py").exists() or at.is_dir()

    def _loaded(self) -> ModuleType:
        """This package as it is after its own `__init__`."""
        self.__class__ = ModuleType  # type: ignore[assignment]
        assert self.__spec__ is not None  # noqa: S101 - `install` gave it one
        assert self.__spec__.loader is not None  # noqa: S101
        self.__spec__.loader.exec_module(self)
        return self


def install() -> None:
    """Puts the SDK's packages in place, where none of them is loaded yet. For the program's own process."""
    if SDK in sys.modules:
        return
    for name in (SDK, *(f"{SDK}.{module}" for module in _MODULES)):
        spec = find_spec(name)
        if spec is None:  # the import says so, in its own words
            return
        package = module_from_spec(spec)
        package.__class__ = Piecemeal
        sys.modules[name] = package
