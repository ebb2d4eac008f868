"""The gRPC servers of all services: one for each address, whose calls share what `calls` has."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent import futures
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import grpc

from localcloud.edge.entrance import Upstream
from localcloud.scoring.addresses import Endpoint, UnixSocket, bind_problem
from localcloud.scoring.calls import Calls, Stage
from localcloud.scoring.counting import CountingInterceptor
from localcloud.scoring.counts import Counted, Counts, summed
from localcloud.scoring.errors import BindError, StoppingError
from localcloud.scoring.methods import Methods
from localcloud.scoring.model_facts import loaded
from localcloud.scoring.photo import PhotoScores, score_photo
from localcloud.scoring.scorer import CountsElsewhere, Scorer
from localcloud.scoring.served import ModelName, ServedModel
from localcloud.scoring.tls import TlsMaterial, check_served
from localcloud.scoring.under_way import UnderWay
from localcloud.scoring.web.host import WebHost, WebListener

if TYPE_CHECKING:
    from localcloud.edge.edge import Edge

MESSAGE_LIMIT: Final = 64 * 1024 * 1024
"""Largest request, in bytes: an image file, or 111 images of 224 x 224 pixels as floats."""

_DRAIN_S: Final = 5.0
_REPLACED_DRAIN_S: Final = 30.0
"""How long calls may go on whose server has a successor: they hold nobody up."""

_OPTIONS: Final = (
    # Without this a second server on a taken port binds in silence, and gets a share of the calls.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
    # A connection that says nothing is closed.
    ("grpc.server_handshake_timeout_ms", 30_000),
)

_INNER_OPTIONS: Final = (
    *_OPTIONS,
    # An edge asks all that may take a call of a placed service whether they are there, time and again.
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 100),
    ("grpc.keepalive_permit_without_calls", 1),
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Deployment:
    """A service as it is to answer at an address.

    Attributes:
        scorer: scores the images; as a future, it is still being loaded, and calls wait for it.
        tls: certificate and key; None: SSL is off, and anyone may call.
        primary_key, secondary_key: either opens the service while SSL is on.
        model: what the model is called.
        http_port: where it answers HTTP, too; None: nowhere.
        replicas: gives those that score, for an edge to call them; asked whenever that is told of the
            service. None: there are none.
    """

    service_id: str
    address: str
    port: int
    scorer: Scorer | Future[Scorer]
    tls: TlsMaterial | None
    primary_key: str = field(repr=False)
    secondary_key: str = field(repr=False)
    model: ModelName
    http_port: int | None = None
    replicas: Callable[[], tuple[Endpoint, ...]] | None = None


class ScoringHost:
    """The host of the services' servers. Its methods may be called from any thread.

    Args:
        edge: takes the calls, and hands them on; None: the servers listen at the services' addresses.
    """

    def __init__(self, calls: Calls | None = None, edge: Edge | None = None) -> None:
        self._calls, self._edge = calls or Calls(), edge
        self._web = WebHost(self._calls)
        self._lock = threading.Lock()
        self._services: dict[str, _Service] = {}

    def deploy(self, deployment: Deployment) -> None:
        """Makes the service answer as declared, from now on and without a gap where that is possible.

        A new model, new keys and a new certificate are taken by the server that runs: calls under way end
        with what they began with. With SSL on or off, or at another address, another server takes its place
        at once, while the calls under way go on to their end: a port refuses connections for some
        milliseconds. Two listeners at a time would leave none, and lose what the older one had accepted.

        Raises:
            TlsError: gRPC does not take this certificate and key; nothing was changed.
            BindError: the address cannot be bound.
        """
        with self._lock:
            service = self._services.setdefault(
                deployment.service_id, _Service(deployment.service_id, self._calls, self._web)
            )
            others = [] if self._edge is not None else list(self._services.items())
        if self._edge is None:
            endpoint = Endpoint(deployment.address, deployment.port)
            for service_id, other in others:
                if other is not service and other.endpoint == endpoint:
                    raise BindError(
                        f"The service {service_id} has this address, too: several services share one behind "
                        "an edge alone. Start localcloud with --edge again, or delete one of them and deploy "
                        "it anew."
                    )
            service.deploy(deployment)
        else:
            service.deploy_behind(self._edge, deployment)

    def place(self, service_id: str, tls: TlsMaterial | None, another: Callable[[], Endpoint]) -> Endpoint:
        """The endpoint of a new service: one that another service has, where an edge can tell them apart.

        Args:
            another: gives one that none has.

        Raises:
            BindError: there is none.
        """
        return another() if self._edge is None else self._edge.place(service_id, tls, another)

    def trouble(self) -> str | None:
        """The reason why no service can be called now, a sentence; None: there is none."""
        if self._edge is None or self._edge.status().pid is not None:
            return None
        return "its edge does not run, and is being started again."

    def follow(self, service_id: str) -> None:
        """Has an edge call the replicas that a service has now. Nothing happens where there is none."""
        with self._lock:
            service = self._services.get(service_id)
        if service is not None and self._edge is not None:
            try:
                service.follow(self._edge)
            except BindError as error:  # it does when it can
                log.warning("the edge does not follow the service %s yet: %s", service_id, error)

    def set_keys(self, service_id: str, primary: str, secondary: str) -> None:
        """Calls that arrive from now on need one of these keys. Nothing happens where it is not deployed."""
        with self._lock:
            service = self._services.get(service_id)
        if service is not None:
            service.set_keys((primary, secondary))
            self.follow(service_id)

    def remove(self, service_id: str) -> None:
        """Ends a service, after the calls under way. Nothing happens where it is not deployed."""
        with self._lock:
            service = self._services.pop(service_id, None)
        if self._edge is not None:
            self._edge.hide(service_id)
        if service is not None:
            for ended in service.begin_stop(_DRAIN_S):
                ended.wait()
            self._calls.wrong_keys.forget(service_id)
            if self._edge is not None:
                self._edge.settle()

    def counted(self) -> dict[str, Counted]:
        """The counts of each service that is deployed, by its ID."""
        with self._lock:
            services = list(self._services.items())
        return {service_id: service.counted() for service_id, service in services}

    def counts(self, service_id: str) -> Counts | None:
        """The counters of a service; None: it is not deployed."""
        with self._lock:
            service = self._services.get(service_id)
        return None if service is None else service.counts

    def score_photo(self, service_id: str, peer: str, photo: bytes) -> PhotoScores:
        """The scores of a photo that a person who may call the service has dropped onto the page.

        Raises:
            StoppingError: the service does not answer now.
            ScoringError: as of `photo.score_photo`.
        """
        with self._lock:
            service = self._services.get(service_id)
        model = None if service is None else service.model
        if service is None or model is None:
            raise StoppingError("The service does not answer now.")
        return score_photo(service_id, model, self._calls, service.counts, peer, photo)

    def in_progress(self) -> dict[Stage, dict[str, int]]:
        """The calls that have a place now, by the service's ID."""
        return self._calls.in_progress()

    def places(self) -> dict[Stage, int]:
        """The places that there are for calls of all services together."""
        return self._calls.places()

    def stop(self, grace_s: float = _DRAIN_S) -> None:
        """Ends all services, after the calls under way or `grace_s`; the host cannot be used afterwards."""
        with self._lock:
            services, self._services = list(self._services.values()), {}
        if self._edge is not None:
            self._edge.close_ports()
        for ended in [ended for service in services for ended in service.begin_stop(grace_s)]:
            ended.wait()
        if self._edge is not None:
            self._edge.stop()
        self._web.stop()
        self._calls.stop()


class _Service:
    """The servers of one service: a listener, and those that it has replaced, until their calls end."""

    def __init__(self, service_id: str, calls: Calls, web: WebHost) -> None:
        self._service_id, self._calls, self._web = service_id, calls, web
        self.counts = Counts()
        self._lock = threading.Lock()
        self._listener: _Listener | None = None
        self._replaced: list[tuple[_Listener, _Ending]] = []
        self._inner: UnixSocket | None = None  # behind an edge
        self._elsewhere_lock = threading.Lock()
        self._elsewhere_of: Scorer | None = None
        self._elsewhere = self._elsewhere_before = summed()
        self._replicas: Callable[[], tuple[Endpoint, ...]] | None = None

    def deploy(self, deployment: Deployment) -> None:
        endpoint = Endpoint(deployment.address, deployment.port)
        tls = deployment.tls
        keys = (deployment.primary_key, deployment.secondary_key) if tls is not None else None
        model = ServedModel(deployment.scorer, keys, deployment.model)
        with self._lock:
            runs = self._listener
            if runs is not None and tls is not None:
                check_served(tls)  # while it runs: a new listener finds out by itself
            if runs is not None and runs.endpoint == endpoint and (runs.tls is None) == (tls is None):
                runs.change(model, tls)
                return
            if runs is None:
                self._listener = self._listening(endpoint, tls, model, deployment.http_port)
                return
            self._listener = None
            ended = runs.begin_stop(_REPLACED_DRAIN_S)
            self._replaced = [one for one in self._replaced if not one[1].is_over]
            self._replaced.append((runs, ended))
            try:
                self._listener = self._listening(endpoint, tls, model, deployment.http_port)
            except BindError:
                # should gRPC ever close the port with the last call only
                ended.wait(_DRAIN_S)
                self._listener = self._listening(endpoint, tls, model, deployment.http_port)

    def deploy_behind(self, edge: Edge, deployment: Deployment) -> None:
        """As `deploy`, behind an edge: it shows the certificate, and the server is there for it alone."""
        tls = deployment.tls
        keys = (deployment.primary_key, deployment.secondary_key) if tls is not None else None
        model = ServedModel(deployment.scorer, keys, deployment.model)
        if tls is not None:
            check_served(tls)
        with self._lock:
            runs = self._listener
            if runs is None or self._inner is None:
                self._inner = edge.inner()
                runs = _Listener(self._service_id, self._calls, self.counts, self._inner, None, model)
            else:
                runs.change(model, None)
            endpoint = Endpoint(deployment.address, deployment.port)
            try:
                replicas = deployment.replicas
                upstream = None if replicas is None else Upstream(replicas(), keys)
                edge.show(self._service_id, endpoint, tls, self._inner, upstream)
            except BindError:
                if self._listener is None:
                    runs.begin_stop(0)
                raise
            self._listener, self._replicas = runs, replicas

    def follow(self, edge: Edge) -> None:
        """Has the edge call the replicas that there are now, with the keys of now."""
        with self._lock:
            if self._listener is not None and self._replicas is not None:
                edge.follow(self._service_id, Upstream(self._replicas(), self._listener.model.keys))

    def _listening(
        self, endpoint: Endpoint, tls: TlsMaterial | None, model: ServedModel, http_port: int | None
    ) -> _Listener:
        listener = _Listener(self._service_id, self._calls, self.counts, endpoint, tls, model)
        if http_port is not None:
            listener.open_web(self._web, Endpoint(endpoint.address, http_port))
        return listener

    def counted(self) -> Counted:
        """Its counts, with those of replicas: of the models of before as they were told last."""
        model = self.model
        scorer = None if model is None else loaded(model.scorer)
        with self._elsewhere_lock:
            if scorer is not self._elsewhere_of:
                self._elsewhere_before = summed(self._elsewhere_before, self._elsewhere)
                self._elsewhere_of, self._elsewhere = scorer, summed()
            told: object = scorer
            if isinstance(told, CountsElsewhere):
                self._elsewhere = told.counted()
            return summed(self.counts.now(), self._elsewhere_before, self._elsewhere)

    @property
    def model(self) -> ServedModel | None:
        """The model that answers; None: nothing does."""
        with self._lock:
            return None if self._listener is None else self._listener.model

    @property
    def endpoint(self) -> Endpoint | UnixSocket | None:
        """Where it listens; None: nowhere."""
        listener = self._listener
        return None if listener is None else listener.endpoint

    def set_keys(self, keys: tuple[str, str]) -> None:
        with self._lock:
            if self._listener is not None:
                self._listener.set_keys(keys)

    def begin_stop(self, grace_s: float) -> list[_Ending]:
        """Ends everything after `grace_s` at the latest, as what it gives tells."""
        with self._lock:
            listeners = [replaced for replaced, _ in self._replaced]
            if self._listener is not None:
                listeners.append(self._listener)
            self._listener, self._replaced = None, []
            return [one.begin_stop(grace_s) for one in listeners]


class _Ending:
    """The end of a listener: of its calls, and of its requests over HTTP."""

    def __init__(self, calls: threading.Event, web: Future[None] | None) -> None:
        self._calls, self._web = calls, web

    @property
    def is_over(self) -> bool:
        """Whether all have ended."""
        return self._calls.is_set() and (self._web is None or self._web.done())

    def wait(self, timeout_s: float | None = None) -> None:
        """Waits until all have, or so long for each."""
        self._calls.wait(timeout_s)
        if self._web is not None:
            futures.wait([self._web], timeout_s)


class _Listener:
    """A gRPC server at an endpoint, with TLS or without; what answers, and the certificate, change in place.

    Raises:
        TlsError: gRPC does not take the certificate and key.
        BindError: the endpoint is taken.
    """

    def __init__(
        self,
        service_id: str,
        calls: Calls,
        counts: Counts,
        endpoint: Endpoint | UnixSocket,
        tls: TlsMaterial | None,
        model: ServedModel,
    ) -> None:
        self.endpoint, self.tls = endpoint, tls
        self._service_id, self._counts = service_id, counts
        self._web: WebListener | None = None
        self._model = model
        self._renewed: grpc.ServerCertificateConfiguration | None = None
        self._methods = Methods(service_id, self._current, calls, counts)
        self._methods.follow(model)
        handlers = self._methods.handlers()
        self._under_way = UnderWay(endpoint)
        interceptors = [CountingInterceptor(counts), self._under_way]
        options = _OPTIONS if isinstance(endpoint, Endpoint) else _INNER_OPTIONS
        self._server = grpc.server(calls.threads, handlers, interceptors, options=options)
        address = endpoint.target
        try:
            if tls is None:
                self._server.add_insecure_port(address)
            else:
                # That a fetcher may give None, grpc's documentation says and its stubs do not.
                credentials = grpc.dynamic_ssl_server_credentials(
                    tls.configuration(),
                    self._fetch_renewed,  # type: ignore[arg-type]
                    False,
                )
                self._server.add_secure_port(address, credentials)
        except RuntimeError as error:
            reason = bind_problem(endpoint) if isinstance(endpoint, Endpoint) else None
            if reason is None and tls is not None:
                check_served(tls)
            reason = reason or str(error)
            raise BindError(f"The service's address {address} cannot be bound: {reason}.") from None
        self._server.start()

    @property
    def model(self) -> ServedModel:
        """The model that answers calls from now on."""
        return self._model

    def open_web(self, web: WebHost, endpoint: Endpoint) -> None:
        """Answers HTTP there, too."""
        self._web = web.listen(self._service_id, endpoint, self.tls, self._current, self._counts)

    def change(self, model: ServedModel, tls: TlsMaterial | None) -> None:
        """Takes another model, other keys, another certificate: for the calls and connections from now on."""
        if tls is not None and tls != self.tls:
            self._renewed = tls.configuration()
            if self._web is not None:
                self._web.show(tls)
        self.tls, self._model = tls, model
        self._methods.follow(model)

    def set_keys(self, keys: tuple[str, str]) -> None:
        if self._model.keys is not None:
            self._model = replace(self._model, keys=keys)

    def begin_stop(self, grace_s: float) -> _Ending:
        """Takes no call any more; ends when those under way have, or after `grace_s`."""
        self._methods.end()
        web = self._web.begin_stop(grace_s) if self._web is not None else None
        return _Ending(self._under_way.begin_end(self._server, grace_s), web)

    def _current(self) -> ServedModel:
        return self._model

    def _fetch_renewed(self) -> grpc.ServerCertificateConfiguration | None:
        """Called by gRPC for each new connection; None: the certificate is still the same."""
        renewed, self._renewed = self._renewed, None
        return renewed
