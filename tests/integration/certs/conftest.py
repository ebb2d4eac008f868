"""What the tests of certificates share."""

from tests.support.pebble.fixtures import pebble_executable

__all__ = ["pebble_executable"]
