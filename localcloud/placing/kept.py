"""The applications of this localcloud on the cluster, kept in the data folder with their last endpoints.

By it a localcloud that starts again calls replicas before Ray answers, and knows which applications are its
own to end.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from localcloud.errors import StartError
from localcloud.files import write_private
from localcloud.placing.wanted import Wanted
from localcloud.scoring.addresses import Endpoint

FILE: Final = "placed.json"


@dataclass(frozen=True)
class Kept:
    """An application that was asked for once, and is not known to be gone.

    Attributes:
        service_id, digest: as of `Wanted`.
        endpoints: where its replicas answered last; sorted.
    """

    service_id: str
    digest: str
    endpoints: tuple[Endpoint, ...] = ()

    @property
    def application(self) -> str:
        """Its name on Ray Serve."""
        return Wanted(self.service_id, self.digest, 1).application


def read(data: Path) -> dict[str, Kept]:
    """The applications of a data folder, by name; none where there is no file.

    Raises:
        StartError: the file is damaged, or cannot be read.
    """
    path = data / FILE
    try:
        told = json.loads(path.read_bytes())
        found = [
            Kept(
                str(one["service_id"]),
                str(one["digest"]),
                tuple(Endpoint(str(address), int(port)) for address, port in one["endpoints"]),
            )
            for one in told["applications"]
        ]
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise StartError(f"{path} cannot be read ({error.strerror}).") from None
    except (ValueError, TypeError, KeyError, RecursionError):
        raise StartError(
            f"{path} is damaged: delete it; replicas that it names and that no service wants stay on the "
            "cluster then."
        ) from None
    return {one.application: one for one in found}


def write(data: Path, applications: Iterable[Kept]) -> None:
    """Keeps these.

    Raises:
        OSError: they cannot be written; what was kept before is.
    """
    told = [
        {
            "service_id": one.service_id,
            "digest": one.digest,
            "endpoints": [list(endpoint) for endpoint in one.endpoints],
        }
        for one in applications
    ]
    write_private(data / FILE, json.dumps({"applications": told}, indent=1).encode() + b"\n")
