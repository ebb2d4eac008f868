"""Words that others may read: no path of this machine, no private key, no colour of a terminal."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

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


@dataclass(frozen=True)
class Redaction:
    """Where this machine keeps things.

    Attributes:
        checkout: paths in it are told from there.
        home: the user's; told as `~`.
    """

    checkout: Path
    home: Path

    def clean(self, text: str) -> str:
        """The text without what is this machine's, or secret by its look."""
        text = _PRIVATE_KEY.sub("(a private key)", _COLOURS.sub("", text))
        text = _CONTROLS.sub("", text.replace("\r\n", "\n"))
        for folder, inside, itself in self._folders():
            found = rf"(?<![\w.-]){re.escape(folder)}"
            text = re.sub(rf"{found}/(?=[\w.])", inside, text)
            text = re.sub(rf"{found}(?![\w-]|\.\w)", itself, text)
        return _PATH.sub(r"…/\1", text).strip()

    def _folders(self) -> list[tuple[str, str, str]]:
        """Each with what stands for what is in it, and for itself.

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
