"""What a localcloud needs for replicas, put together: files for nodes, clients of replicas, the placer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from localcloud.errors import StartError
from localcloud.placing import asked
from localcloud.placing.placement import Placement
from localcloud.scoring.device import Device
from localcloud.scoring.errors import BindError
from localcloud.settings import Settings


@contextmanager
def placed(settings: Settings, device: Device, followed: Callable[[str], None]) -> Iterator[Placement | None]:
    """The placement that settings ask for, which ends with the block; None: services score here.

    Args:
        device: has the featurizers that nodes fetch, too.
        followed: as of `Placement`.

    Raises:
        StartError: this machine cannot be of the cluster, files for nodes cannot be served, or what is kept
            of replicas is damaged.
    """
    credentials = asked.credentials(settings)
    if settings.ray is None or credentials is None:
        yield None
        return
    # for nobody else's start to take longer
    from localcloud.placing.client import Replicas
    from localcloud.placing.files import FileServer
    from localcloud.placing.placer import Placer

    address = credentials.own_address(settings.written("ray_tls"))
    placement = Placement(
        lambda wanted, shape, fallback: Replicas(shape, credentials, fallback, wanted.application),
        followed,
        has_copies=settings.fallback is not None,
    )
    with ExitStack() as ending:
        files = FileServer(credentials, placement.package, device)
        ending.callback(files.stop)
        try:
            here = files.start(address)
        except (BindError, OSError) as error:
            raise StartError(f"{settings.written('ray')}: {error}") from None
        placement.use(Placer(settings.ray, credentials, settings.data, here, placement.changed))
        ending.callback(placement.stop)
        yield placement
