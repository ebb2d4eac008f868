"""Finds out why a gRPC call failed, and says it in words.

gRPC tells most reasons in the details of UNAVAILABLE, some not at all ("Socket closed"): then one bare
connection to the same address looks at what answers there. It sends nothing but a TLS greeting.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from dataclasses import dataclass

from clients.prediction.errors import (
    CertificateExpired,
    CertificateNotYetValid,
    ConnectionFailed,
    DeadlineExceeded,
    InvalidInput,
    MissingKey,
    NameNotFound,
    NothingListening,
    PlaintextServer,
    PredictionError,
    ServiceFailed,
    TlsServer,
    UntrustedCertificate,
    WrongKey,
    WrongName,
)
from surroundings.tls import client_context, looking_context

_PROBE_TIMEOUT_S = 5.0
# OpenSSL's X509_V_ERR_… (x509_vfy.h).
_NOT_YET_VALID = 9
_EXPIRED = 10
_NAME_MISMATCHES = (62, 64)


@dataclass(frozen=True)
class Peer:
    """Whom a call was made to.

    Attributes:
        host: address (or name) that was connected to.
        server_name: name (or address) that the certificate must bear.
        use_ssl: whether TLS was asked for.
        with_key: whether a key was sent.
        roots: PEM of the trusted roots, None for the defaults.
        timeout_s: deadline of the call.
    """

    host: str
    port: int
    server_name: str
    use_ssl: bool
    with_key: bool
    roots: bytes | None
    timeout_s: float

    @property
    def place(self) -> str:
        """Name, address and port for a message."""
        where = f"{self.host}:{self.port}"
        return where if self.host == self.server_name else f"{where} ({self.server_name})"


def explain(peer: Peer, code: str, details: str) -> PredictionError:
    """The error that a call's gRPC status comes to. Never raises."""
    error = _by_status(peer, code, details) or _by_details(peer, details) or _by_probe(peer, details)
    error.code, error.details = code, details
    return error


def _by_status(peer: Peer, code: str, details: str) -> PredictionError | None:
    if code == "UNAVAILABLE":
        return None
    if code == "UNAUTHENTICATED":
        if not peer.with_key:
            return MissingKey(
                f"{peer.place} wants a key and none was sent: give the primary or secondary key."
            )
        return WrongKey(
            f"{peer.place} does not accept the key: it is neither the primary nor the secondary one. "
            "Was it regenerated?"
        )
    if code == "INVALID_ARGUMENT":
        return InvalidInput(f"{peer.place} cannot score this input: {details}")
    if code == "DEADLINE_EXCEEDED":
        return DeadlineExceeded(f"{peer.place} gave no answer within {peer.timeout_s:g} s.")
    if code == "UNIMPLEMENTED":
        return ServiceFailed(f"{peer.place} answers gRPC, but is no prediction service: {details}")
    return ServiceFailed(f"{peer.place} refused the call: {code}: {details}")


def _by_details(peer: Peer, details: str) -> PredictionError | None:
    if "Hostname Verification Check failed" in details:
        return _wrong_name(peer)
    if "CERTIFICATE_VERIFY_FAILED" in details:
        if "has expired" in details:
            return _expired(peer)
        if "not yet valid" in details:
            return _not_yet_valid(peer)
        reason = details.partition("CERTIFICATE_VERIFY_FAILED: ")[2].partition(":")[0].partition(";")[0]
        return _untrusted(peer, reason.strip())
    if "WRONG_VERSION_NUMBER" in details:
        return _plaintext_server(peer)
    if "Connection refused" in details:
        return _nothing_listens(peer)
    if "DNS resolution failed" in details or "Domain name not found" in details:
        return _no_address(peer)
    return None


def _by_probe(peer: Peer, details: str) -> PredictionError:
    fallback = ConnectionFailed(f"The connection to {peer.place} failed: {details}")
    try:
        names = _handshake(peer, verify=peer.use_ssl)
    except ssl.SSLCertVerificationError as error:
        if error.verify_code == _EXPIRED:
            return _expired(peer)
        if error.verify_code == _NOT_YET_VALID:
            return _not_yet_valid(peer)
        if error.verify_code in _NAME_MISMATCHES:
            return _wrong_name(peer)
        return _untrusted(peer, error.verify_message)
    except ssl.SSLError as error:
        if peer.use_ssl and error.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
            return _plaintext_server(peer)
        return fallback
    except (ConnectionRefusedError, TimeoutError):
        return _nothing_listens(peer)
    except socket.gaierror:
        return _no_address(peer)
    except OSError:
        return fallback
    if names is not None and not peer.use_ssl:
        return TlsServer(f"{peer.place} speaks TLS, and the call was in plaintext: use_ssl must be True.")
    return fallback


def _handshake(peer: Peer, *, verify: bool, check_name: bool = True) -> list[str] | None:
    """Names in the certificate of whom a TLS handshake succeeds with; [] if it was not verified."""
    if verify:
        context = client_context(cadata=peer.roots.decode() if peer.roots else None)
        context.check_hostname = check_name
    else:
        # This handshake only tells whether TLS is spoken.
        context = looking_context()
    context.set_alpn_protocols(["h2"])
    address = (peer.host, peer.port)
    with (
        socket.create_connection(address, timeout=_PROBE_TIMEOUT_S) as plain,
        context.wrap_socket(plain, server_hostname=peer.server_name) as tls,
    ):
        certificate = tls.getpeercert() or {}
    names = certificate.get("subjectAltName", ())
    return [str(value) for _, value in names] if isinstance(names, tuple) else []


def _no_address(peer: Peer) -> NameNotFound:
    return NameNotFound(f"The system's resolver has no address for {peer.host}.")


def _wrong_name(peer: Peer) -> WrongName:
    names: list[str] | None = None
    with contextlib.suppress(OSError):
        names = _handshake(peer, verify=True, check_name=False)
    instead = f"it is for {', '.join(names)}" if names else "it is for another name"
    return WrongName(
        f"The certificate of {peer.place} is not for {peer.server_name}: {instead}. "
        "Call the service by a name in its certificate (address or server_name)."
    )


def _expired(peer: Peer) -> CertificateExpired:
    return CertificateExpired(
        f"The certificate of {peer.place} has expired: "
        "the service needs a new one (or check this machine's clock)."
    )


def _not_yet_valid(peer: Peer) -> CertificateNotYetValid:
    return CertificateNotYetValid(
        f"The certificate of {peer.place} is not yet valid: "
        "check this machine's clock, and the time from which the certificate is valid."
    )


def _untrusted(peer: Peer, reason: str) -> UntrustedCertificate:
    return UntrustedCertificate(
        f"The certificate of {peer.place} is not trusted ({reason}): give its root as root_certificates, "
        "or name the root's PEM file in GRPC_DEFAULT_SSL_ROOTS_FILE_PATH."
    )


def _plaintext_server(peer: Peer) -> PlaintextServer:
    return PlaintextServer(
        f"{peer.place} speaks plaintext, and the call was over TLS: SSL is off at the service. "
        "Turn it on there, or call with use_ssl=False and without a key."
    )


def _nothing_listens(peer: Peer) -> NothingListening:
    return NothingListening(
        f"Nothing listens at {peer.place}: is the service running, and is this its address?"
    )
