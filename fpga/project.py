"""Where the project's parts lie. Standard library only: every command starts here."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROJECT: Final = "fpga-web-service"
DEFAULT_STACK: Final = "local"
_CLOUDS: Final = ("cloud", "clouds/*", "story/clouds/*")
_INSTALLED_FROM: Final = Path(__file__).resolve().parent.parent
_MANIFEST_NAME: Final = re.compile(r"^name:\s*fpga-web-service\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Project:
    """A checkout and its state.

    Attributes:
        checkout: root of the checkout.
        local: folder of everything that the commands make (`.local`, or FPGA_LOCAL).
    """

    checkout: Path
    local: Path

    @classmethod
    def here(cls) -> Project:
        """The checkout at or above the working directory, as git and pulumi look for theirs; elsewhere the
        one that this code is installed from.
        """
        checkout = _at_or_above(Path.cwd()) or _INSTALLED_FROM
        named = os.environ.get("FPGA_LOCAL")
        local = Path(named).expanduser().absolute() if named else checkout / ".local"
        return cls(checkout, local)

    @property
    def cloud(self) -> Path:
        """localcloud's data, where no other folder is named."""
        return self.local / "cloud"

    @property
    def clouds(self) -> list[Path]:
        """The data of every localcloud that this checkout has: its own, its environments', the story's."""
        return [data for where in _CLOUDS for data in sorted(self.local.glob(where)) if data.is_dir()]

    @property
    def ca_bundle(self) -> Path:
        """Roots that the program, the plugin and the clients trust: this machine's and localcloud's."""
        return self.local / "ca-bundle.pem"

    @property
    def sample(self) -> Path:
        """The photo that `fpga up` has classified."""
        return self.checkout / "samples" / "espresso.jpg"

    @property
    def stack_template(self) -> Path:
        """Committed configuration that the local stack's own starts from."""
        return self.checkout / "stacks" / "Pulumi.local.template.yaml"

    def stack_file(self, stack: str) -> Path:
        """The stack's configuration, as the engine reads and writes it."""
        return self.checkout / "stacks" / f"Pulumi.{stack}.yaml"


def _at_or_above(folder: Path) -> Path | None:
    for candidate in (folder, *folder.parents):
        manifest = candidate / "Pulumi.yaml"
        if manifest.is_file() and _MANIFEST_NAME.search(manifest.read_text(errors="replace")):
            return candidate
    return None
