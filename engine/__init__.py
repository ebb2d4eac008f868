"""The Pulumi engine and its plugins, also where Pulumi's own downloads are out of reach.

Front doors: `engine.install.install` puts a Pulumi CLI, its Python language host and the azure-native plugin
into a checkout's `.local`; `engine.environment` tells the variables that they are run with;
`engine.azurite.ensure` offers Azurite and the Node that runs it. `engine/bootstrap.py` comes before all of
them: it needs nothing but a Python and makes the virtual environment that the rest lives in.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path


def environment(local: Path) -> dict[str, str]:
    """This process's variables with those of the engine in `local` over them (see `engine.activation`)."""
    # Late, because the language host and the plugin, which start with each run, import this package and not
    # that.
    from engine import activation

    return activation.environment(local)
