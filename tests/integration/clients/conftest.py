"""What the tests of the clients share."""

from __future__ import annotations

from tests.support.localcloud.deployed_service import authority, bundle, deployed

__all__ = ["authority", "bundle", "deployed"]
