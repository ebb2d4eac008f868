"""The scorers of services: where they come from, and what becomes of them when a service changes."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from clients.wire.onnx_model import warm_up
from localcloud.modelmanagement.attempts import Attempts
from localcloud.modelmanagement.models import Packages
from localcloud.modelmanagement.services import Service
from localcloud.modelmanagement.trials import Trials
from localcloud.scoring.addresses import Endpoint
from localcloud.scoring.device import Device
from localcloud.scoring.errors import CrashError, PackageError
from localcloud.scoring.scorer import Scorer

if TYPE_CHECKING:
    from localcloud.scoring.pipeline import Pipeline


@dataclass(frozen=True)
class Restored:
    """A service that answers again.

    Attributes:
        scorer: answers from now on; as a future, calls wait for it.
        load: makes what `awaited` is for, on a thread that may take its time.
        awaited: the scorer itself, or a part that it goes without; None: nothing is missing.
    """

    scorer: Scorer | Future[Scorer]
    load: Callable[[], Scorer]
    awaited: Future[Scorer] | None

    @property
    def answers(self) -> bool:
        """Whether it answers before anything is loaded."""
        return not isinstance(self.scorer, Future)


class Scorers(Protocol):
    """The scorers of all services, one for each. Its methods may be called from any thread."""

    def ready(self, service: Service, subject: str, is_wanted: Callable[[], bool]) -> Scorer:
        """The scorer of a service as it is to be, which answers by then.

        Args:
            subject: what the attempt to load its model is counted for.
            is_wanted: whether somebody still waits for it.

        Raises:
            PackageError: its model cannot be loaded.
            CrashError: earlier processes ended while they loaded it.
            CancelledError: nobody waits for it any more.
            ScoringError: it does not answer.
        """

    def restored(self, service: Service) -> Restored:
        """The scorer of a service that answered before this process began.

        Raises:
            PackageError: its package is gone.
        """

    def settle(self, service: Service) -> None:
        """Lets go of all that `ready` has begun for a service beside what it is now."""

    def forget(self, service_id: str) -> None:
        """Lets go of all that there is for a service."""

    def replicas(self, service: Service) -> Callable[[], tuple[Endpoint, ...]] | None:
        """The replicas of a service, asked for whenever they may have changed; None: it has none."""


class LocalScorers:
    """Models in this process, which services of one model share.

    Args:
        packages: the models' files.
        attempts: counts the loads of packages, any of which may end the process.
        trials: try packages before they are loaded.
    """

    def __init__(self, device: Device, packages: Packages, attempts: Attempts, trials: Trials) -> None:
        self._device, self._packages = device, packages
        self._attempts, self._trials = attempts, trials
        self._loaded: weakref.WeakValueDictionary[str, Pipeline] = weakref.WeakValueDictionary()
        self._suspects = threading.Lock()

    def ready(self, service: Service, subject: str, is_wanted: Callable[[], bool]) -> Scorer:
        """As of `Scorers`: loaded where no service has it."""
        loaded = self._loaded.get(service.model_id)
        if loaded is not None:
            return loaded
        if self._attempts.given_up(subject):
            raise CrashError(
                f"localcloud ended {self._attempts.crashes(subject)} times while it loaded the package of "
                f"the model {service.model_id}, so it is not loaded again. Register another package, or, if "
                "something else ended localcloud, deploy or update the service once more."
            )
        try:
            self._trials.require(self._packages.path(service.model_id), service.id, is_wanted)
        except OSError as error:
            raise gone(service, error) from None
        warm_up()  # it takes its time, in which nothing is to blame
        # of several that were under way when a process ended, one alone did it: they are told apart
        alone = self._suspects if self._attempts.crashes(subject) else nullcontext()
        with alone, self._attempts.counted(subject):
            loaded = self._load(service)
        return self._loaded.setdefault(service.model_id, loaded)

    def restored(self, service: Service) -> Restored:
        """As of `Scorers`: calls wait until it is loaded."""
        awaited: Future[Scorer] = Future()
        return Restored(awaited, lambda: self.ready(service, service.model_id, lambda: True), awaited)

    def settle(self, service: Service) -> None:
        """As of `Scorers`: a model goes with the last that has it."""

    def forget(self, service_id: str) -> None:
        """As of `Scorers`; as above."""

    def replicas(self, service: Service) -> None:  # noqa: ARG002 - of `Scorers`
        """As of `Scorers`: none."""
        return

    def _load(self, service: Service) -> Pipeline:
        from localcloud.scoring.pipeline import load_package  # onnxruntime and numpy, when first needed

        try:
            content = self._packages.path(service.model_id).read_bytes()
        except OSError as error:
            raise gone(service, error) from None
        return load_package(content, self._device, timeout_s=None)


def gone(service: Service, error: OSError) -> PackageError:
    """The refusal of a service whose package cannot be read."""
    return PackageError(f"The package of the model {service.model_id} is gone: {error.strerror}.")
