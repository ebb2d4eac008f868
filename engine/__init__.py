"""What runs the program where Pulumi's own downloads are out of reach.

Front doors: `engine.install.install` puts a Pulumi CLI, its Python language host and the azure-native plugin
into a checkout's `.local`; `engine.environment` tells the variables that they are run with;
`engine.azurite.ensure` offers Azurite and the Node that runs it. `engine/bootstrap.py` comes before all of
them: it needs nothing but a Python and makes the virtual environment that the rest lives in.
"""

from engine.activation import environment

__all__ = ["environment"]
