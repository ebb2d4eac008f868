"""Replicas of services on other machines, which Ray Serve places and heals.

This process knows no Ray: a child of it does (`driver`), and what runs on the nodes (`replica`).
"""

from typing import Final

LOCAL: Final = "local"
"""The setting `fallback` as a copy of the model in this process."""
