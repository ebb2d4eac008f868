"""Refusals of an authority, as errors in words: their problem type and detail (RFC 8555, 6.7)."""

from __future__ import annotations

import ssl

import requests
from acme import errors, messages

from certs.errors import AcmeError
from certs.findings import error, printable

_MAXIMUM_DETAIL = 500  # characters; the authority writes what it likes
DELEGATION = "Is the zone delegated to its name servers, by NS records at its parent?"
_REMEDIES = {
    "badCSR": "Choose another name or profile.",
    "badContact": "Correct the contact address of the account.",
    "caa": "Name this authority in the zone's CAA records, or remove them.",
    "connection": "Are the zone's name servers reachable from the authority?",
    "dns": DELEGATION,
    "externalAccountRequired": "Give the key id and the HMAC key that the authority has handed out.",
    "rateLimited": "Run again after that; until then each try may count as well.",
    "rejectedIdentifier": "This authority does not issue for that name: choose another name or authority.",
    "userActionRequired": "Follow what the authority says, then run again.",
}


def refusal(subject: str, problem: messages.Error, *, remedy: str = "") -> AcmeError:
    """The error for a problem document.

    Args:
        subject: says what was refused.
        remedy: for a type that has none of its own.
    """
    remedy = _REMEDIES.get(str(problem.typ).rpartition(":")[2], remedy)
    return AcmeError(
        [error("acme-refused", subject, f"{told(problem)}.", remedy)],
        problem_type=str(problem.typ),
    )


def unreachable(subject: str, reason: str, remedy: str = "Run again when it answers.") -> AcmeError:
    """The error where no answer came, or none that is one."""
    return AcmeError([error("acme-unreachable", subject, f"{printable(reason)}.", remedy)])


def unfit(subject: str, message: str, remedy: str = "") -> AcmeError:
    """The error for an answer that cannot be worked with."""
    return AcmeError([error("acme-unfit", subject, message, remedy)])


def told(problem: messages.Error) -> str:
    """A problem document and those in it in one line."""
    return "; ".join(_told(one) for one in (problem, *(problem.subproblems or ())))


def late(subject: str, seen: str, deadline_s: float, problem_type: str = "", limit: str = "") -> AcmeError:
    """The error for time that ran out.

    Args:
        seen: what was seen last.
        limit: the setting of the deadline.
    """
    message = f"was not done within {deadline_s:g} s; last seen: {seen}."
    longer = f" ({limit} can be longer)" if limit else ""
    again = f"Run again: what was begun is begun anew{longer}."
    remedy = _REMEDIES.get(problem_type.rpartition(":")[2], again)
    return AcmeError([error("acme-late", subject, message, remedy)], problem_type)


def _told(problem: messages.Error) -> str:
    named = f"{problem.identifier.value}: " if problem.identifier else ""
    detail = printable(str(problem.detail or problem.title or "no detail given"), _MAXIMUM_DETAIL)
    return f"{named}{problem.typ}: {detail.rstrip('.')}"


def reason(why: BaseException) -> str:
    """The reason why no answer came: the innermost cause, for the outer ones repeat addresses of objects."""
    cause: object = why
    seen: list[BaseException] = []
    while isinstance(cause, BaseException) and cause not in seen:
        seen.append(cause)
        inner = getattr(cause, "reason", None)
        within = inner if isinstance(inner, BaseException) else next(iter(cause.args), None)
        cause = within if isinstance(within, BaseException) else cause.__cause__
    text = _words(seen[-1])
    if isinstance(why, errors.ClientError) and isinstance(next(iter(why.args), None), requests.Response):
        text = f"HTTP {why.args[0].status_code}"
    return (text.split("object at 0x")[-1].partition(">: ")[2] or text) or type(why).__name__


def _words(cause: BaseException) -> str:
    """The system's words, without its number and the place in its source."""
    if isinstance(cause, ssl.SSLCertVerificationError):
        return cause.verify_message
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return str(cause)
