"""What ends a call of Azure Resource Manager: a refusal, no answer, or the engine."""

from __future__ import annotations

from typing import Final

_GONE: Final = frozenset(
    {"NotFound", "ResourceNotFound", "ResourceGroupNotFound", "ParentResourceNotFound", "ContainerNotFound"}
)


class ArmError(Exception):
    """Azure refused, or an operation failed there.

    Attributes:
        status: HTTP status.
        code: ARM's error code.
        message: ARM's message.
    """

    def __init__(
        self, action: str, status: int, code: str, message: str, request_id: str | None = None
    ) -> None:
        self.status = status
        self.code = code
        self.message = message
        trace = f" (x-ms-request-id {request_id})" if request_id else ""
        super().__init__(f"{action}: {status} {code}: {message}{trace}")

    @property
    def gone(self) -> bool:
        """Whether this says that the resource, or what it is in, is not there.

        A 404 of another kind (an unknown subscription, an answer that is not ARM's) says no such thing.
        """
        return self.status == 404 and self.code in _GONE


class ConnectionFailed(Exception):
    """No answer came: nothing listens, the certificate is not trusted, the sign-in failed."""


class Cancelled(Exception):
    """The engine called the work off."""
