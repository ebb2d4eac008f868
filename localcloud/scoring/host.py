"""The gRPC servers of all services: one for each address, with one pool of threads for all."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

import grpc

from localcloud.scoring.addresses import Endpoint, bind_problem
from localcloud.scoring.errors import BindError, TlsError
from localcloud.scoring.pipeline import Pipeline
from localcloud.scoring.prediction import Prediction, prediction_handler
from localcloud.scoring.tls import TlsMaterial, check_served

__all__ = ["BindError", "Deployment", "ScoringHost", "TlsError", "TlsMaterial"]

MESSAGE_LIMIT: Final = 64 * 1024 * 1024
"""Largest request, in bytes: an image file, or 111 images of 224 x 224 pixels as floats."""

_DRAIN_S: Final = 5.0
_OPTIONS: Final = (
    # Without this a second server on a taken port binds in silence, and gets a share of the calls.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
)


@dataclass(frozen=True)
class Deployment:
    """What answers at an address.

    Attributes:
        pipeline: scores the images.
        tls: certificate and key; None: SSL is off, and anyone may call.
        primary_key, secondary_key: either opens the service while SSL is on.
    """

    service_id: str
    address: str
    port: int
    pipeline: Pipeline
    tls: TlsMaterial | None
    primary_key: str = field(repr=False)
    secondary_key: str = field(repr=False)


class ScoringHost:
    """Runs the services' servers. Its methods may be called from any thread."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_cores(), thread_name_prefix="scoring")
        self._lock = threading.Lock()
        self._services: dict[str, _Service] = {}

    def deploy(self, deployment: Deployment) -> None:
        """Makes the service answer as declared, from now on and without a gap where that is possible.

        A new model, new keys and a new certificate are taken by the server that runs: calls under way end
        with what they began with. SSL on or off, or another address, ends it, after the calls under way, and
        starts another.

        Raises:
            TlsError: gRPC does not take this certificate and key; nothing was changed.
            BindError: the address cannot be bound.
        """
        if deployment.tls is not None:
            check_served(deployment.tls)
        with self._lock:
            service = self._services.setdefault(deployment.service_id, _Service(self._pool))
        service.deploy(deployment)

    def set_keys(self, service_id: str, primary: str, secondary: str) -> None:
        """Calls that arrive from now on need one of these keys. Nothing happens where it is not deployed."""
        with self._lock:
            service = self._services.get(service_id)
        if service is not None:
            service.set_keys((primary, secondary))

    def remove(self, service_id: str) -> None:
        """Ends a service, after the calls under way. Nothing happens where it is not deployed."""
        with self._lock:
            service = self._services.pop(service_id, None)
        if service is not None:
            service.stop(_DRAIN_S)

    def stop(self, grace_s: float = _DRAIN_S) -> None:
        """Ends all services, after the calls under way or `grace_s`; the host cannot be used afterwards."""
        with self._lock:
            services, self._services = list(self._services.values()), {}
        for ended in [service.begin_stop(grace_s) for service in services]:
            ended.wait()
        self._pool.shutdown()


class _Service:
    """One service's server. What answers, and with which certificate, changes while it runs."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._lock = threading.Lock()
        self._server: grpc.Server | None = None
        self._endpoint: Endpoint | None = None
        self._prediction: Prediction | None = None
        self._tls: TlsMaterial | None = None
        self._renewed: grpc.ServerCertificateConfiguration | None = None

    def deploy(self, deployment: Deployment) -> None:
        endpoint = Endpoint(deployment.address, deployment.port)
        tls = deployment.tls
        keys = (deployment.primary_key, deployment.secondary_key) if tls is not None else None
        prediction = Prediction(deployment.pipeline, keys)
        with self._lock:
            runs_alike = self._server is not None and self._endpoint == endpoint
            if runs_alike and (self._tls is None) == (tls is None):
                if tls is not None and tls != self._tls:
                    self._renewed = tls.configuration()
                self._tls, self._prediction = tls, prediction
                return
            self._begin_stop(_DRAIN_S).wait()
            self._tls, self._prediction, self._endpoint = tls, prediction, endpoint
            self._server = self._start(endpoint, tls)

    def set_keys(self, keys: tuple[str, str]) -> None:
        with self._lock:
            if self._prediction is not None and self._prediction.keys is not None:
                self._prediction = Prediction(self._prediction.pipeline, keys)

    def begin_stop(self, grace_s: float) -> threading.Event:
        with self._lock:
            return self._begin_stop(grace_s)

    def stop(self, grace_s: float) -> None:
        self.begin_stop(grace_s).wait()

    def _begin_stop(self, grace_s: float) -> threading.Event:
        server, self._server = self._server, None
        if server is not None:
            return server.stop(grace_s)
        ended = threading.Event()
        ended.set()
        return ended

    def _start(self, endpoint: Endpoint, tls: TlsMaterial | None) -> grpc.Server:
        server = grpc.server(self._pool, handlers=[prediction_handler(self._current)], options=_OPTIONS)
        address = f"{endpoint.address}:{endpoint.port}"
        try:
            if tls is None:
                server.add_insecure_port(address)
            else:
                self._renewed = None
                # That a fetcher may give None, grpc's documentation says and its stubs do not.
                credentials = grpc.dynamic_ssl_server_credentials(
                    tls.configuration(),
                    self._fetch_renewed,  # type: ignore[arg-type]
                    False,
                )
                server.add_secure_port(address, credentials)
        except RuntimeError as error:
            reason = bind_problem(endpoint) or str(error)
            raise BindError(f"The service's address {address} cannot be bound: {reason}.") from None
        server.start()
        return server

    def _current(self) -> Prediction:
        assert self._prediction is not None  # noqa: S101 - no server runs before it is set
        return self._prediction

    def _fetch_renewed(self) -> grpc.ServerCertificateConfiguration | None:
        """Called by gRPC for each new connection; None: the certificate is still the same."""
        renewed, self._renewed = self._renewed, None
        return renewed


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
