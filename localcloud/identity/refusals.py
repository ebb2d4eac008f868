"""Refusals of the sign-in endpoints, as the Microsoft identity platform writes them."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

from starlette.requests import Request

from localcloud.errors import LocalcloudError


class SignInError(LocalcloudError):
    """A refusal of the sign-in endpoints, in OAuth's form (RFC 6749 section 5.2) with Microsoft's code."""

    def __init__(self, status: int, error: str, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error = error
        self.code = code
        self.message = str(self)


def error_body(error: SignInError, request: Request) -> dict[str, Any]:
    """The JSON body of a refusal; `client-request-id` of the request is its correlation ID."""
    trace_id: str = request.state.request_id
    correlation_id = request.headers.get("client-request-id", "") or str(uuid.uuid4())
    timestamp = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return {
        "error": error.error,
        "error_description": f"AADSTS{error.code}: {error.message} Trace ID: {trace_id} "
        f"Correlation ID: {correlation_id} Timestamp: {timestamp}",
        "error_codes": [error.code],
        "timestamp": timestamp,
        "trace_id": trace_id,
        "correlation_id": correlation_id,
    }
