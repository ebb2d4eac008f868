"""The scorers of services whose models run on other machines."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime
from pathlib import Path
from typing import Final

from localcloud.modelmanagement.models import Packages
from localcloud.modelmanagement.scorers import LocalScorers, Restored, gone
from localcloud.modelmanagement.services import Service
from localcloud.modelmanagement.trials import Trials, digest_of
from localcloud.placing.placement import Placement
from localcloud.placing.wanted import Wanted
from localcloud.scoring.addresses import Endpoint
from localcloud.scoring.errors import PackageError, StoppingError
from localcloud.scoring.scorer import ModelShape, Scorer

WAIT_S: Final = 300.0
"""How long an operation waits for replicas: a node may have to come first."""
_NONE: Final = "No replica of the service answers now"


class PlacedScorers:
    """Clients of replicas, beside which this process has a copy of the model where it is asked for.

    A package is tried here before anybody else has it.

    Args:
        local: makes the copies; None: there are none.
    """

    def __init__(
        self, placement: Placement, packages: Packages, trials: Trials, local: LocalScorers | None
    ) -> None:
        self._placement, self._packages, self._trials, self._local = placement, packages, trials, local
        self._digests: dict[str, str] = {}  # by model, whose package stays as it is

    def ready(self, service: Service, subject: str, is_wanted: Callable[[], bool]) -> Scorer:
        """As of `Scorers`: once as many replicas answer as there are to be."""
        copy = None if self._local is None else self._local.ready(service, subject, is_wanted)
        package, wanted = self._package(service)
        scorer = self._placement.scorer(
            wanted, package, self._trials.shape(package, service.id, is_wanted), copy
        )
        self._placement.wait(wanted, WAIT_S, lambda: not is_wanted())
        return scorer

    def restored(self, service: Service) -> Restored:
        """As of `Scorers`: at once, with the replicas that answered last."""
        package, wanted = self._package(service)
        shape = self._trials.known_shape(wanted.digest)
        if shape is None:
            awaited: Future[Scorer] = Future()
            return Restored(awaited, lambda: self._begun(service), awaited)
        if self._local is None:
            scorer = self._placement.scorer(wanted, package, shape, None)
            return Restored(scorer, lambda: scorer, None)
        local, copy = self._local, Future[Scorer]()
        return Restored(
            self._placement.scorer(wanted, package, shape, _Awaited(shape, copy)),
            lambda: local.ready(service, service.model_id, lambda: True),
            copy,
        )

    def settle(self, service: Service) -> None:
        """As of `Scorers`: other models of it go, and their replicas end behind their calls."""
        try:
            _, wanted = self._package(service)
        except PackageError:  # what was begun for it cannot be told from it
            return
        self._placement.settle(service.id, wanted)

    def forget(self, service_id: str) -> None:
        """As of `Scorers`."""
        self._placement.settle(service_id, None)

    def replicas(self, service: Service) -> Callable[[], tuple[Endpoint, ...]]:
        """As of `Scorers`."""
        _, wanted = self._package(service)
        return lambda: self._placement.endpoints(wanted.application)

    def _begun(self, service: Service) -> Scorer:
        """The scorer of a service that has never been placed; its replicas may still be on their way."""
        copy = None if self._local is None else self._local.ready(service, service.model_id, lambda: True)
        package, wanted = self._package(service)
        return self._placement.scorer(wanted, package, self._trials.shape(package, service.id), copy)

    def _package(self, service: Service) -> tuple[Path, Wanted]:
        package = self._packages.path(service.model_id)
        digest = self._digests.get(service.model_id)
        if digest is None:
            try:
                digest = self._digests[service.model_id] = digest_of(package)
            except OSError as error:
                raise gone(service, error) from None
        return package, Wanted(service.id, digest, service.replicas, service.most_replicas)


class _Awaited:
    """A copy of a model that is still being loaded.

    Args:
        copy: of the model.
    """

    computes_here = True

    def __init__(self, shape: ModelShape, copy: Future[Scorer]) -> None:
        self.shape, self._copy = shape, copy

    def answer(self, message: bytes, timeout_s: float | None) -> bytes:
        """As of `Scorer`."""
        try:
            copy = self._copy.result(timeout_s)
        except NotInTime:
            raise StoppingError(f"{_NONE}, and its copy here is still being loaded.") from None
        except Exception:
            raise StoppingError(f"{_NONE}, and its copy here could not be loaded.") from None
        return copy.answer(message, timeout_s)
