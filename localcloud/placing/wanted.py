"""The replicas that a service is to have, and those that it has. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from localcloud.scoring.addresses import Endpoint

APPLICATION: Final = "localcloud-application"
"""The metadata in which a caller says whose replica it means: `Wanted.application`, or a service's ID."""


@dataclass(frozen=True)
class Wanted:
    """A service's model as replicas are to answer with it.

    Attributes:
        service_id: the ID of the service.
        digest: SHA-256 of the package's file, in hexadecimal digits.
        replicas: how many there are to be, 1 at least.
        most: how many there may be where Ray follows the calls under way; None: `replicas` it is.
    """

    service_id: str
    digest: str
    replicas: int
    most: int | None = None

    @property
    def application(self) -> str:
        """The name of the application on Ray Serve: another model is another application beside it."""
        return f"{self.service_id}-{self.digest[:16]}"


@dataclass(frozen=True)
class Placed:
    """The replicas of a service that answer now.

    Attributes:
        service_id, digest: as of `Wanted`.
        endpoints: where each of them takes calls, with mutual TLS; sorted.
        wanted: how many there are to be.
        trouble: the reason why there are fewer, a sentence; None: there is none, or it is not known.
    """

    service_id: str
    digest: str
    endpoints: tuple[Endpoint, ...]
    wanted: int
    trouble: str | None = None
