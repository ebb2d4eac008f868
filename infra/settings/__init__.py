"""The stack's configuration, read and checked once: every problem at once, each with its remedy."""

from infra.settings.stack import ModelSettings, ProtectionSettings, ServiceSettings, Settings, known, read

__all__ = ["ModelSettings", "ProtectionSettings", "ServiceSettings", "Settings", "known", "read"]
