"""The errors of a call of a scoring service.

    PredictionError
    ├── KeyWithoutTls           a key was given without TLS: it is not sent (also ValueError)
    ├── RootCertificatesError   the root certificates cannot be read (also ValueError)
    ├── NameNotFound            the name has no address
    ├── ConnectionFailed        no usable connection came about
    │   ├── NothingListening    the port is closed, or nobody answers there
    │   ├── PlaintextServer     TLS was asked for, the server speaks plaintext
    │   ├── TlsServer           plaintext was asked for, the server speaks TLS
    │   └── CertificateError    the server's certificate does not pass
    │       ├── UntrustedCertificate
    │       ├── WrongName
    │       ├── CertificateExpired
    │       └── CertificateNotYetValid
    ├── KeyRejected             the server wants a key (UNAUTHENTICATED)
    │   ├── MissingKey
    │   └── WrongKey
    ├── DeadlineExceeded        no answer in time (also TimeoutError)
    ├── InvalidInput            the server cannot score this input (INVALID_ARGUMENT)
    └── ServiceFailed           any other refusal of the server

The messages are whole sentences with the remedy, and never hold the key.
"""

from __future__ import annotations


class PredictionError(Exception):
    """A call did not lead to a result.

    Attributes:
        code: name of the gRPC status that the call ended with (`UNAVAILABLE`); None if none was made.
        details: gRPC's own words.
    """

    def __init__(self, message: str, *, code: str | None = None, details: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.details = details


class KeyWithoutTls(PredictionError, ValueError):
    """A key was given for a connection that would show it to everyone on the way."""


class RootCertificatesError(PredictionError, ValueError):
    """The root certificates are missing or are no PEM."""


class NameNotFound(PredictionError):
    """The service's name has no address."""


class ConnectionFailed(PredictionError):
    """No usable connection came about."""


class NothingListening(ConnectionFailed):
    """The port is closed, or nobody answers there."""


class PlaintextServer(ConnectionFailed):
    """TLS was asked for, the server speaks plaintext."""


class TlsServer(ConnectionFailed):
    """Plaintext was asked for, the server speaks TLS."""


class CertificateError(ConnectionFailed):
    """The server's certificate does not pass."""


class UntrustedCertificate(CertificateError):
    """No chain leads from the certificate to a trusted root."""


class WrongName(CertificateError):
    """The certificate is for other names."""


class CertificateExpired(CertificateError):
    """A certificate of the chain is past its time."""


class CertificateNotYetValid(CertificateError):
    """A certificate of the chain is before its time."""


class KeyRejected(PredictionError):
    """The server wants a key (UNAUTHENTICATED)."""


class MissingKey(KeyRejected):
    """No key was sent."""


class WrongKey(KeyRejected):
    """The key is neither the primary nor the secondary one."""


class DeadlineExceeded(PredictionError, TimeoutError):
    """No answer in time."""


class InvalidInput(PredictionError):
    """The server cannot score this input."""


class ServiceFailed(PredictionError):
    """Any other refusal of the server."""
