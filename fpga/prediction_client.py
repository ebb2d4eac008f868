"""`clients.prediction.client` under the name that callers import."""

from clients.prediction.client import *  # noqa: F403
from clients.prediction.client import __all__ as __all__
