"""Trust of a localcloud in other issuers' tokens, as long as a test needs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from localcloud.access import administration
from localcloud.access.principals import OWNER_NAME, FederatedCredential


@contextmanager
def trusting(data: Path, *credentials: FederatedCredential, name: str = OWNER_NAME) -> Iterator[None]:
    """Has these tokens sign a principal of a data folder in inside the block."""
    for one in credentials:
        administration.trust(data, name, one)
    try:
        yield
    finally:
        for one in credentials:
            administration.distrust(data, name, one.issuer, one.subject)
