"""The redaction of events for others to read: no secret, no path of this machine, no terminal colour.

It is applied once, where events are read (`fpga.plan.events`); what comes after holds nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from engine import signatures
from fpga.project import Project
from infra import catalogue

MASK: Final = {signatures.KEY: signatures.SECRET}
"""What stands in a secret's place, as the engine writes it."""
_SECRET_NAMES: Final = frozenset(name for kind in catalogue.KINDS for name in kind.secrets)
"""Properties that are secret whether marked so or not."""
CERTIFICATE_BEGIN: Final = "-----BEGIN CERTIFICATE-----"

# what a terminal takes for colours, and what the engine writes for them
_COLOURS: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|<\{%[^%]*%\}>")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
# to its end line, or to where the text was cut
_PRIVATE_KEY: Final = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)", re.DOTALL
)
# An absolute path of two parts or more, also in a file: URL. Those of Azure's resources and of other URLs are
# none of a machine; a relative one, and one in the home folder, has been told so.
_PATH: Final = re.compile(
    r"(?:(?<=file://)|(?<![\w./~…$}>-]))/"
    r"(?!(?:subscriptions|resourceGroups|providers|api|metadata)/)(?:[\w.@+%#-]+/)+([\w.@+%#-]+)",
    re.IGNORECASE,
)


def is_secret(value: object) -> bool:
    """Whether a mask stands here: the engine's or ours."""
    return isinstance(value, Mapping) and signatures.KEY in value


def hides(name: str, value: object) -> bool:
    """Whether a property is secret: by its mask, by its name, or by its look."""
    if is_secret(value) or (isinstance(value, str) and "PRIVATE KEY-----" in value):
        return True
    return name in _SECRET_NAMES and value is not None and not isinstance(value, (Mapping, list))


@dataclass(frozen=True)
class Redaction:
    """The places where this machine keeps things.

    Attributes:
        checkout: paths in it are told from there.
        home: the user's; told as `~`.
    """

    checkout: Path
    home: Path

    @classmethod
    def of(cls, project: Project) -> Redaction:
        """The places of a checkout, for the user whose process this is."""
        return cls(project.checkout, Path.home())

    def clean(self, text: str) -> str:
        """The text without what is this machine's, or secret by its look."""
        text = _PRIVATE_KEY.sub("(a private key)", _COLOURS.sub("", text))
        text = _CONTROLS.sub("", text.replace("\r\n", "\n"))
        for folder, inside, itself in self._folders:
            if folder in text:
                found = rf"(?<![\w.-]){re.escape(folder)}"
                text = re.sub(rf"{found}/(?=[\w.])", inside, text)
                text = re.sub(rf"{found}(?![\w-]|\.\w)", itself, text)
        return _PATH.sub(r"…/\1", text).strip()

    def properties(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """A resource's properties as they may be told: secrets masked, texts clean, certificates whole."""
        return {name: self._property(name, value) for name, value in told.items()}

    def _property(self, name: str, value: Any) -> Any:
        if hides(name, value):
            return MASK
        if isinstance(value, Mapping):
            return self.properties(value)
        if isinstance(value, list):
            return [self._property(name, inner) for inner in value]
        if isinstance(value, str) and CERTIFICATE_BEGIN not in value:
            return self.clean(value)
        return value

    @cached_property
    def _folders(self) -> list[tuple[str, str, str]]:
        """The folders, each with what is told in place of paths in it, and in place of itself.

        Each as it is called and as URLs call it. Longest first, so that a checkout in the home folder is told
        as the checkout.
        """
        named = {
            (name, inside, itself)
            for folder, inside, itself in ((self.checkout, "", "the checkout"), (self.home, "~/", "~"))
            for one in (folder, folder.resolve())
            for name in (str(one), quote(str(one)))
        }
        return sorted((one for one in named if one[0] != "/"), key=lambda one: -len(one[0]))
