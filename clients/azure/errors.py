"""The errors of the clients: one tree that carries data, turned into words here and nowhere else.

ClientError
├── ConnectionFailed     no answer; `sent` tells whether the request may have arrived
│   └── NoHandshake      somebody is there, and no TLS handshake comes about
├── SignInFailed         the sign-in authority refused the credentials
├── ServiceError         an answer that refuses: status, code, message, request id
│   ├── Unauthorized     401, 403
│   ├── NotFound         404
│   ├── Conflict         409
│   └── QuotaExceeded    412 of the data plane: no FPGA left
├── OperationFailed      a long-running operation that was accepted ended badly
├── DeadlineExceeded     it was waited for, in vain
├── NobodyToAsk          a zone has no name server: nothing could be seen
└── NameTaken            what bears the name was not made by this stack
"""

from __future__ import annotations

import re
from typing import Any

_REDACTIONS = (
    (
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY.*?(END [A-Z ]{0,40}PRIVATE KEY-----|\Z)", re.DOTALL),
        "[redacted]",
    ),
    (re.compile(r"(?i)\b(bearer|sharedkey)\s+[^\s\"',]+"), r"\1 [redacted]"),
    (re.compile(r"(?i)\b(sig|client_secret)=[^&\s\"']+"), r"\1=[redacted]"),
    (re.compile(r"(?i)((?:primary|secondary|ssl|account)_?key\"?\s*[:=]\s*\"?)[^\s\",}]+"), r"\1[redacted]"),
)


def redact(text: str) -> str:
    """`text` without what grants access: private keys, tokens, SAS signatures, keys in JSON."""
    for pattern, replacement in _REDACTIONS:
        text = pattern.sub(replacement, text)
    return text


class ClientError(Exception):
    """Root of what the clients raise on purpose. The text is safe to print.

    Attributes:
        may_have_acted: whether the request, in this attempt or one before, may have been carried out.
    """

    may_have_acted = False

    def __init__(self, message: str) -> None:
        super().__init__(redact(message))


class ConnectionFailed(ClientError):
    """No answer came.

    Attributes:
        reason: why, as far as it was seen.
        sent: False when the request cannot have arrived, in any attempt.
    """

    def __init__(self, action: str, reason: str, *, sent: bool) -> None:
        doubt = "; whether the request arrived is not known" if sent else ""
        super().__init__(f"{action}: no answer ({reason}){doubt}")
        self.reason = reason
        self.sent = self.may_have_acted = sent


class NoHandshake(ConnectionFailed):
    """No TLS handshake came about with who listens there.

    Attributes:
        speaks_tls: True where they said so in TLS, by an alert (RFC 8446, 6); None where they said nothing.
    """

    def __init__(self, action: str, reason: str, *, speaks_tls: bool | None) -> None:
        super().__init__(action, reason, sent=False)
        self.speaks_tls = speaks_tls


class SignInFailed(ClientError):
    """The sign-in authority gave no token."""


class ServiceError(ClientError):
    """An HTTP answer that refuses.

    Attributes:
        status: HTTP status.
        code: the service's error code, e.g. `ResourceGroupNotFound`; empty where it gave none.
        request_id: the service's `x-ms-request-id`; empty where it gave none.
    """

    def __init__(
        self,
        action: str,
        *,
        status: int,
        code: str,
        message: str,
        request_id: str,
        may_have_acted: bool = False,
        remedy: str = "",
    ) -> None:
        told = f"{code}: {message}" if code else message
        reference = f" (request {request_id})" if request_id else ""
        super().__init__(f"{action}: {status} {told}{reference} {remedy}".rstrip())
        self.status = status
        self.code = code
        self.request_id = request_id
        self.may_have_acted = may_have_acted

    @staticmethod
    def of(action: str, *, status: int, **told: Any) -> ServiceError:
        """The subclass that fits `status`."""
        return _BY_STATUS.get(status, ServiceError)(action, status=status, **told)


class Unauthorized(ServiceError):
    """Not signed in, or not allowed."""


class NotFound(ServiceError):
    """The thing itself, or what holds it, is not there: `code` tells which."""


class Conflict(ServiceError):
    """The thing is in the way, or in use."""


class QuotaExceeded(ServiceError):
    """The account has no FPGA left."""


_BY_STATUS: dict[int, type[ServiceError]] = {
    401: Unauthorized,
    403: Unauthorized,
    404: NotFound,
    409: Conflict,
    412: QuotaExceeded,
}


class OperationFailed(ClientError):
    """An accepted operation ended in a state other than Succeeded."""


class DeadlineExceeded(ClientError):
    """The time ran out for something that was waited for."""


class NobodyToAsk(ClientError):
    """The zone has no server that could be asked."""


class NameTaken(ClientError):
    """A name that was set by hand is in use, and nobody consented to taking it over."""
