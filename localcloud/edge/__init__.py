"""The edge: a program before the services' own servers, where somebody asks for it."""

from typing import Final

ENVOY: Final = "envoy"
"""The program that there is."""
