"""The stack's configuration, read and checked once: every problem at once, each with its remedy."""

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
