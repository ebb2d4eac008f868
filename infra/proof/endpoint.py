"""The proof that domain, certificate, service and record fit together: called as a caller would call it.

The record as each of the zone's servers and each recursive resolver gives it; a TLS handshake by name, with
the declared certificate; a call without key refused, one with each key accepted, a sample scored. What fails
is named with what was seen and what was expected.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from clients.azure.errors import ClientError
from clients.azure.operations import Waiter
from clients.dns.zone import with_address
from clients.prediction.client import KeyRejected, PredictionClient, PredictionError
from clients.prediction.errors import UntrustedCertificate
from clients.tls import fingerprint, served_certificate
from infra.proof.record import DeclaredRecord, prove_record

CALL_TIMEOUT_S = 30.0
_NAME_THE_ROOT = (
    "A stack names the root of a private authority in fpga-web-service:rootsFile, with certificateSource "
    "acme in acmeRootsFile."
)


class ProofFailed(ClientError):
    """The parts do not fit together."""


@dataclass(frozen=True)
class Declared:
    """The endpoint as it is declared.

    Attributes:
        name_servers: `host:port` of each of the zone's servers.
        fingerprint: SHA-256 of the leaf; None: SSL is off.
        roots: PEM of the roots that callers are given; None: those that gRPC brings along.
        keys: the primary and the secondary key.
        resolvers: `ADDRESS[:PORT]` of recursive resolvers that must give the record, too.
        delegation: names of the zone's servers, as the zone's parent must name them.
    """

    fqdn: str
    name_servers: tuple[str, ...]
    ip: str
    port: int
    fingerprint: str | None
    roots: str | None
    keys: tuple[str, str] = field(repr=False)
    resolvers: tuple[str, ...] = ()
    delegation: tuple[str, ...] = ()


def _print(line: str) -> None:
    """Prints a line at once: the engine shows what a provider prints, line by line."""
    print(line, flush=True)


def prove(
    declared: Declared,
    *,
    deadline_s: float,
    waiter: Waiter | None = None,
    tell: Callable[[str], None] = _print,
) -> None:
    """Checks everything; waits up to `deadline_s` for the record alone, for the rest stands already.

    Args:
        tell: is given a line of progress while the record is waited for.

    Raises:
        ProofFailed: something is not as declared.
        ClientError: it could not be seen (DeadlineExceeded, ConnectionFailed).
    """
    if declared.fingerprint is not None and not (declared.keys and all(declared.keys)):
        raise ProofFailed(
            f"the keys of {_where(declared)} are not known, so none can be tried: `pulumi refresh` reads them"
        )
    servers = tuple(with_address(server) for server in declared.name_servers)
    record = DeclaredRecord(declared.fqdn, declared.ip, servers, declared.resolvers, declared.delegation)
    prove_record(record, deadline_s=deadline_s, waiter=waiter or Waiter(), tell=tell)
    if declared.fingerprint is None:
        _score(declared, servers, key=None)
        return
    _prove_certificate(declared, declared.fingerprint)
    _prove_refusal(declared, servers)
    for key in declared.keys:
        _score(declared, servers, key=key)


def _prove_certificate(declared: Declared, expected: str) -> None:
    der = served_certificate(declared.ip, declared.port, declared.fqdn)
    seen = "no TLS" if der is None else f"the certificate {fingerprint(der)}"
    if der is None or fingerprint(der) != expected:
        raise ProofFailed(f"{_where(declared)} serves {seen}; the certificate {expected} is declared")


def _prove_refusal(declared: Declared, servers: Sequence[str]) -> None:
    """A call without key reaches the service, its certificate verified, and is refused there."""
    try:
        _call(declared, servers, key=None)
    except KeyRejected:
        return
    except PredictionError as error:
        raise ProofFailed(
            f"a call of {_where(declared)} without key was to be refused with UNAUTHENTICATED; "
            f"seen: {_seen(error)}"
        ) from None
    raise ProofFailed(f"{_where(declared)} answers calls without key; UNAUTHENTICATED is expected")


def _score(declared: Declared, servers: Sequence[str], key: str | None) -> None:
    which = (
        "without key" if key is None else f"with the {('primary', 'secondary')[declared.keys.index(key)]} key"
    )
    try:
        scored = _call(declared, servers, key)
    except PredictionError as error:
        raise ProofFailed(
            f"a call of {_where(declared)} {which} was to score a sample; seen: {_seen(error)}"
        ) from None
    if not scored:
        raise ProofFailed(f"a call of {_where(declared)} {which} was answered with an empty tensor")


def _call(declared: Declared, servers: Sequence[str], key: str | None) -> int:
    """Scores the sample; returns how many numbers came back."""
    roots = declared.roots.encode() if declared.roots else None
    with PredictionClient(
        declared.fqdn,
        declared.port,
        use_ssl=declared.fingerprint is not None,
        access_token=key,
        root_certificates=roots,
        name_servers=servers,
        timeout_s=CALL_TIMEOUT_S,
    ) as client:
        return int(client.score_image(sample_image()).size)


def sample_image(side: int = 8) -> bytes:
    """A grey PNG of `side` pixels squared (PNG specification, third edition)."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    pixels = (b"\0" + b"\x80" * (3 * side)) * side
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(pixels))
        + chunk(b"IEND", b"")
    )


def _seen(error: PredictionError) -> str:
    """The error's words: the gRPC status in front, where a call was made at all; settings behind."""
    remedy = f" {_NAME_THE_ROOT}" if isinstance(error, UntrustedCertificate) else ""
    return f"{error.code}: {error}{remedy}" if error.code else f"{error}{remedy}"


def _where(declared: Declared) -> str:
    return f"{declared.fqdn} ({declared.ip}:{declared.port})"
