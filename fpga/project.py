"""Where the project's parts lie. Standard library only: every command starts here."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CHECKOUT: Final = Path(__file__).resolve().parent.parent
DEFAULT_STACK: Final = "local"


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
        """The checkout that this code belongs to."""
        named = os.environ.get("FPGA_LOCAL")
        local = Path(named).expanduser().absolute() if named else CHECKOUT / ".local"
        return cls(CHECKOUT, local)

    @property
    def cloud(self) -> Path:
        """localcloud's data, where no other folder is named."""
        return self.local / "cloud"

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
