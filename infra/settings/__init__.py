"""The stack's configuration, read and checked once: every problem at once, each with its remedy.

What it is made of is loaded when it is used: the providers need the names of things alone, at every preview.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from infra.settings.model import ModelSettings
    from infra.settings.service import ServiceSettings
    from infra.settings.services import DeclaredService
    from infra.settings.stack import ProtectionSettings, Settings, known, read

__all__ = [
    "DeclaredService",
    "ModelSettings",
    "ProtectionSettings",
    "ServiceSettings",
    "Settings",
    "known",
    "read",
]

_MODULES: Final = {"DeclaredService": "services", "ModelSettings": "model", "ServiceSettings": "service"}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'stack')}"), name)
