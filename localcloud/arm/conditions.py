"""Conditional requests on resources with an etag (RFC 9110 section 13, as Azure DNS applies it)."""

from __future__ import annotations

from starlette.requests import Request

from localcloud.errors import CloudError


def check_conditions(request: Request, etag: str | None) -> None:
    """Holds `If-Match` and `If-None-Match` against what is there.

    Args:
        etag: of the resource as it is; None where there is none.

    Raises:
        CloudError: 412 PreconditionFailed.
    """
    wanted = _tags(request.headers.get("if-match"))
    if wanted and (etag is None or not wanted.intersection({"*", etag})):
        raise _failed("If-Match", request.headers["if-match"], etag)
    # A value other than '*' is ignored: that is for caches, and no answer here is to be cached.
    if "*" in _tags(request.headers.get("if-none-match")) and etag is not None:
        raise _failed("If-None-Match", "*", etag)


def _tags(header: str | None) -> set[str]:
    parts = (part.strip() for part in (header or "").split(","))
    return {part.removeprefix("W/").strip('"') for part in parts if part}


def _failed(header: str, condition: str, etag: str | None) -> CloudError:
    current = f"'{etag}'" if etag else "none"
    return CloudError(
        412,
        "PreconditionFailed",
        f"The condition '{condition}' in the {header} header was not satisfied. "
        f"The current etag is {current}.",
    )
