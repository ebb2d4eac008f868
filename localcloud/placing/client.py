"""The client of a service's replicas: balances calls over them, and tries again what one of them lost."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from typing import Final

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from clients.wire.tensorflow_serving import METHOD
from localcloud.cluster.credentials import Credentials
from localcloud.placing import mutual_tls, told_counts
from localcloud.placing.wanted import APPLICATION
from localcloud.scoring.addresses import Endpoint
from localcloud.scoring.counts import Counted, summed
from localcloud.scoring.entry import PEER
from localcloud.scoring.errors import BusyError, InputError, ScoringError, StoppingError
from localcloud.scoring.health import CHECK
from localcloud.scoring.places import BOUNDED
from localcloud.scoring.scorer import ModelShape, Scorer
from localcloud.scoring.turns import cores

PATIENCE_S: Final = 10.0
"""How long a call waits for a replica where none answers."""

PATIENCE_WITH_FALLBACK_S: Final = 1.0
"""How long none may have answered before the fallback does."""

MOST_TRIES: Final = 5
"""Replicas that a call is given to, one after the other: it may be the call that ends them."""

_PROBE_TIMEOUT_S: Final = 10.0
_PROBE_AGAIN_S: Final = 0.3
_COUNTS_TIMEOUT_S: Final = 1.0

_NONE: Final = "No replica of the service answers now: call again later."
_LATE: Final = "No replica of the service answered within the call's deadline."
_LOST: Final = f"{MOST_TRIES} replicas of the service were lost with this call, one after the other."
_CLOSED: Final = "The service ends: call again."


class _Replica:
    """A replica, its connection and its calls. What changes is its owner's, under its lock."""

    def __init__(self, endpoint: Endpoint, credentials: Credentials) -> None:
        self.endpoint = endpoint
        self.channel = mutual_tls.channel(endpoint, credentials)
        # bytes go through as they are
        self.predict = self.channel.unary_unary(METHOD, None, None)
        self.check = self.channel.unary_unary(
            CHECK, HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString
        )
        self.counts = self.channel.unary_unary(told_counts.METHOD, None, None)
        self.counted = summed()
        self.under_way = 0
        self.turn = 0  # the number of the last call that it was given
        self.answers = False  # connected, and its health is SERVING
        self.times = 0  # that it was found to
        self.is_gone = False  # no longer followed


class Replicas:
    """A scorer whose calls go to the replica that has the fewest under way.

    A call whose replica dies, falls silent or ends goes to another one: scoring changes nothing. Each that
    failed gets no call until its health says that it serves.

    Args:
        shape: of the model.
        credentials: this machine's in the cluster.
        fallback: answers where no replica does; None: StoppingError.
        application: whose replicas are meant; one that has come to stand at an endpoint of theirs refuses.
    """

    def __init__(
        self,
        shape: ModelShape,
        credentials: Credentials,
        fallback: Scorer | None = None,
        application: str | None = None,
    ) -> None:
        self._shape, self._credentials, self._fallback = shape, credentials, fallback
        # Who calls is known to this process, and bounded by it.
        self._meant = () if application is None else ((APPLICATION, application),)
        self._metadata = ((PEER, BOUNDED), *self._meant)
        self._changed = threading.Condition(threading.Lock())
        self._replicas: dict[Endpoint, _Replica] = {}
        self._turn = 0
        self._alone_since = time.monotonic()  # since when none answers, where none does
        self._is_closed = False
        self._counted_before = summed()  # of replicas that are gone
        self._here = threading.BoundedSemaphore(cores())

    @property
    def shape(self) -> ModelShape:
        return self._shape

    @property
    def computes_here(self) -> bool:
        return False

    def follow(self, endpoints: Collection[Endpoint]) -> None:
        """Has calls go to these from now on; those under way go on to their end.

        Raises:
            OSError: the files of this machine's certificate cannot be read; the endpoints are as before.
        """
        wanted = set(endpoints)
        with self._changed:
            if self._is_closed:
                return
            new = [
                _Replica(endpoint, self._credentials) for endpoint in sorted(wanted - self._replicas.keys())
            ]
            gone = [self._replicas.pop(endpoint) for endpoint in self._replicas.keys() - wanted]
            self._replicas.update((one.endpoint, one) for one in new)
            idle = self._let_go(gone)
            self._changed.notify_all()
        self._close(idle)
        for one in new:
            self._probe(one)

    def answer(self, message: bytes, timeout_s: float | None) -> bytes:
        """As of `Scorer`; BusyError where every replica has as many calls as it takes."""
        ends_at = None if timeout_s is None else time.monotonic() + timeout_s
        busy: dict[_Replica, str] = {}
        for _ in range(MOST_TRIES):
            replica = self._take(busy, ends_at)
            if replica is None:
                return self._without(message, ends_at)
            times = replica.times
            try:
                answer: bytes = replica.predict(message, timeout=_left(ends_at), metadata=self._metadata)
                return answer
            except grpc.RpcError as error:
                fault = _fault(error, busy, replica)
                if fault is not None:
                    raise fault from None
            finally:
                self._give_back(replica)
            if replica not in busy:
                self._failed(replica, times)
        raise StoppingError(_LOST)

    def counted(self) -> Counted:
        """The counts of calls that came to the replicas by another way; of a silent one as it told last."""
        with self._changed:
            asked = [
                (one, one.counts.future(b"", timeout=_COUNTS_TIMEOUT_S, metadata=self._meant))
                for one in self._replicas.values()
                if one.answers
            ]
        for one, call in asked:
            with suppress(grpc.RpcError, grpc.FutureCancelledError, ValueError):
                one.counted = told_counts.read(json.loads(call.result()))
        with self._changed:
            return summed(self._counted_before, *(one.counted for one in self._replicas.values()))

    def close(self) -> None:
        """Lets go of its connections, behind the calls under way. May be called twice."""
        with self._changed:
            self._is_closed = True
            gone, self._replicas = list(self._replicas.values()), {}
            idle = self._let_go(gone)
            self._changed.notify_all()
        self._close(idle)

    def _take(self, busy: dict[_Replica, str], ends_at: float | None) -> _Replica | None:
        """The replica for a call, which has it under way from now on; None: there is none in time.

        Raises:
            BusyError: there are some, and all are busy.
            StoppingError: the client is closed, or the deadline is over.
        """
        began = time.monotonic()
        with self._changed:
            while not self._is_closed:
                answering = [one for one in self._replicas.values() if one.answers]
                free = [one for one in answering if one not in busy]
                if free:
                    chosen = min(free, key=lambda one: (one.under_way, one.turn))
                    self._turn += 1
                    chosen.turn = self._turn
                    chosen.under_way += 1
                    return chosen
                if answering:
                    raise BusyError(busy[answering[0]])
                until = began + PATIENCE_S
                if self._fallback is not None:
                    until = self._alone_since + PATIENCE_WITH_FALLBACK_S
                now = time.monotonic()
                if ends_at is not None and ends_at <= now:
                    raise StoppingError(_LATE)
                if until <= now:
                    return None
                self._changed.wait(min(until, until if ends_at is None else ends_at) - now)
        raise StoppingError(_CLOSED)

    def _give_back(self, replica: _Replica) -> None:
        with self._changed:
            replica.under_way -= 1
            is_over = replica.is_gone and not replica.under_way
        if is_over:
            replica.channel.close()

    def _without(self, message: bytes, ends_at: float | None) -> bytes:
        """The answer of the fallback: on as many cores at a time as there are."""
        if self._fallback is None:
            raise StoppingError(_NONE)
        if not self._here.acquire(timeout=_left(ends_at)):
            raise StoppingError(_LATE)
        try:
            return self._fallback.answer(message, _left(ends_at))
        finally:
            self._here.release()

    def _failed(self, replica: _Replica, times: int) -> None:
        """Gives it no call until it is found to answer again; `times` as it was when the call began."""
        with self._changed:
            if not replica.answers or replica.times != times or replica.is_gone:
                return  # known, or over by now
            replica.answers = False
            if not any(one.answers for one in self._replicas.values()):
                self._alone_since = time.monotonic()
        self._probe(replica)

    def _probe(self, replica: _Replica) -> None:
        """Asks for its health, as soon as it is connected: on gRPC's own threads."""
        with self._changed:
            if replica.is_gone:
                return
            asked = replica.check.future(
                HealthCheckRequest(), timeout=_PROBE_TIMEOUT_S, wait_for_ready=True, metadata=self._metadata
            )
        asked.add_done_callback(lambda told: self._probed(replica, told))

    def _probed(self, replica: _Replica, told: grpc.Future[HealthCheckResponse]) -> None:
        try:
            serves = told.result().status == HealthCheckResponse.SERVING
            waited = False
        except grpc.RpcError as error:
            serves, waited = False, error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        except grpc.FutureCancelledError:
            return
        if serves:
            with self._changed:
                replica.answers = True
                replica.times += 1
                self._changed.notify_all()
        elif waited:
            self._probe(replica)
        else:
            again = threading.Timer(_PROBE_AGAIN_S, self._probe, (replica,))
            again.daemon = True
            again.start()

    def _let_go(self, gone: list[_Replica]) -> list[_Replica]:
        """Marks them; those without a call under way are to be closed."""
        answered = any(one.answers for one in gone)
        for one in gone:
            one.is_gone = True
            self._counted_before = summed(self._counted_before, one.counted)
        if answered and not any(one.answers for one in self._replicas.values()):
            self._alone_since = time.monotonic()
        return [one for one in gone if not one.under_way]

    def _close(self, idle: list[_Replica]) -> None:
        # Outside of the lock: it ends what asks for their health, which comes back here.
        for one in idle:
            one.channel.close()


def _left(ends_at: float | None) -> float | None:
    return None if ends_at is None else max(ends_at - time.monotonic(), 0.0)


def _fault(error: grpc.RpcError, busy: dict[_Replica, str], replica: _Replica) -> ScoringError | None:
    """The replica's refusal of a call; None: another replica may take it."""
    code, words = error.code(), error.details() or ""
    if code is grpc.StatusCode.INVALID_ARGUMENT:
        return InputError(words)
    if code is grpc.StatusCode.INTERNAL:
        return ScoringError(words)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return StoppingError(_LATE)
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        busy[replica] = words
    return None
