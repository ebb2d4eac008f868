"""The way of a call in: its key is judged before its message comes, and a small message may be small only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NoReturn, TypeVar
from urllib.parse import unquote

import grpc
from google.protobuf.message import DecodeError, Message

from localcloud.scoring.caller_keys import HEADER, judge
from localcloud.scoring.calls import Calls
from localcloud.scoring.counts import Counts, Refused
from localcloud.scoring.errors import BusyError
from localcloud.scoring.wrong_keys import WrongKeys

MESSAGE_TIMEOUT_S: Final = 30.0
"""How long a call may take to send its message where anyone may call."""

SMALL: Final = 64 * 1024
"""Largest message, in bytes, that is no image."""

PEER: Final = "localcloud-peer"
"""The metadata in which an edge says who calls."""

_EDGE: Final = "unix:"
_DETAILS_BYTES: Final = 2000
NO_MESSAGE: Final = "The call brought no message."


M = TypeVar("M", bound=Message)


class Entry:
    """The entry of a service for calls that bring no image.

    Args:
        service: the ID of the service.
        keys: gives the keys that open it now; None: anyone may call.
        calls: the calls of all services.
        counts: of this service.
    """

    def __init__(
        self, service: str, keys: Callable[[], tuple[str, str] | None], calls: Calls, counts: Counts
    ) -> None:
        self._service, self._keys, self._calls, self._counts = service, keys, calls, counts

    def require_key(self, context: grpc.ServicerContext) -> None:
        """Ends the call of who has no key where one is needed: UNAUTHENTICATED or RESOURCE_EXHAUSTED."""
        keys = self._keys()
        if keys is not None:
            peer = host_of(peer_of(context))
            require_key(context, self._service, peer, keys, self._calls.wrong_keys, self._counts)

    def message(self, messages: Iterator[bytes], context: grpc.ServicerContext, kind: type[M]) -> M | None:
        """The call's next message; None: there are no more.

        The call ends here with RESOURCE_EXHAUSTED where too many call, CANCELLED where its message takes too
        long, and INVALID_ARGUMENT where it is not of this kind.
        """
        peer = host_of(peer_of(context))
        try:
            with self._calls.receiving(self._service, peer, MESSAGE_TIMEOUT_S, context.cancel):
                content = next(messages, None)
        except BusyError as error:
            abort(context, grpc.StatusCode.RESOURCE_EXHAUSTED, str(error))
        if content is None:
            return None
        if len(content) > SMALL:
            abort(
                context,
                grpc.StatusCode.INVALID_ARGUMENT,
                f"The message has {len(content)} bytes; this method takes {SMALL}.",
            )
        try:
            return kind.FromString(content)
        except DecodeError:
            name = kind.DESCRIPTOR.full_name
            abort(context, grpc.StatusCode.INVALID_ARGUMENT, f"The message is no {name}.")

    def only_message(self, messages: Iterator[bytes], context: grpc.ServicerContext, kind: type[M]) -> M:
        """The message of a call that brings one, as above; INVALID_ARGUMENT where it brings none."""
        found = self.message(messages, context, kind)
        if found is None:
            abort(context, grpc.StatusCode.INVALID_ARGUMENT, NO_MESSAGE)
        return found


def peer_of(context: grpc.ServicerContext) -> str:
    """The peer of a call, as gRPC tells it, such as `ipv4:127.0.0.1:41234`.

    Behind an edge it is the edge's: the only one that reaches a socket in the file system, or that has a
    certificate which the server asks for; and it says in metadata of its own who calls.
    """
    peer: str = context.peer()
    told = next((value for name, value in context.invocation_metadata() if name == PEER), None)
    if told is None or not (peer.startswith(_EDGE) or context.peer_identities()):
        return peer
    return str(told)


def host_of(peer: str) -> str:
    """The address in what gRPC tells of a peer, such as `ipv4:127.0.0.1:41234`."""
    return unquote(peer.rpartition(":")[0])


def require_key(
    context: grpc.ServicerContext,
    service: str,
    peer: str,
    keys: tuple[str, str],
    wrong_keys: WrongKeys,
    counts: Counts,
) -> None:
    """Ends the call of who has no key, or may not have it looked at now."""
    sent = [value for name, value in context.invocation_metadata() if name == HEADER]
    connection = context.peer()
    if connection.startswith(_EDGE):
        connection, sent = peer_of(context), _apart(sent, keys)
    refusal = judge(sent, keys, wrong_keys, service=service, connection=connection, peer=peer)
    if refusal is None:
        return
    counts.refused(refusal.reason)
    if refusal.reason is Refused.NOT_COMPARED:
        abort(context, grpc.StatusCode.RESOURCE_EXHAUSTED, refusal.words)
    if refusal.reason is Refused.WRONG:
        wrong_keys.slow(context.add_callback)
    abort(context, grpc.StatusCode.UNAUTHENTICATED, refusal.words)


def _apart(sent: Sequence[str | bytes], keys: tuple[str, str]) -> list[str | bytes]:
    """The keys of a call that an edge handed on, which joins several by commas (RFC 9110 section 5.3)."""
    if any("," in key for key in keys):
        return list(sent)
    return [part for one in sent for part in (one.split(",") if isinstance(one, str) else [one])]


def abort(context: grpc.ServicerContext, code: grpc.StatusCode, details: str) -> NoReturn:
    """Ends the call."""
    # As trailing metadata a byte can take three; where all of it is too large, the caller sees another code.
    context.abort(code, details.encode()[:_DETAILS_BYTES].decode(errors="ignore"))
    raise AssertionError("abort raises")
