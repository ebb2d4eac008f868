"""The places of the project's parts. Standard library only: every command starts here.

This is the one reader of FPGA_LOCAL, and the one resolver of `.local/…`, among the commands and the tools.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROJECT: Final = "fpga-web-service"
DEFAULT_STACK: Final = "local"
MODEL_PACKAGE: Final = ".local/model-package"
"""The default model package, as a committed configuration names it."""
VARIABLE: Final = "FPGA_LOCAL"
"""The variable that names another folder than `.local`."""
_LOCAL: Final = ".local"
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
        named = os.environ.get(VARIABLE)
        local = Path(named).expanduser().absolute() if named else checkout / _LOCAL
        return cls(checkout, local)

    def path(self, written: str) -> Path:
        """The absolute path of one that a file names: from the checkout, or from `local` (`.local/…`)."""
        path = Path(written).expanduser()
        if path.parts[:1] == (_LOCAL,):
            return self.local.joinpath(*path.parts[1:])
        return self.checkout / path

    @property
    def is_own(self) -> bool:
        """Whether `local` is the checkout's own folder, and no other that FPGA_LOCAL names."""
        return self.local == self.checkout / _LOCAL

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
