"""Resource Manager's lists: `$filter`, `$top`, and pages with an absolute `nextLink`."""

from __future__ import annotations

import base64
import binascii
import re
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from localcloud.arm import resources
from localcloud.arm.checks import plain_location
from localcloud.arm.resources import Resource
from localcloud.errors import CloudError

PAGE_SIZE = 1000
FILTER_NAMES = ("resourceType", "name", "location", "tagName", "tagValue")
_CLAUSE = re.compile(r"\s*(\w+)\s+(eq|ne)\s+'((?:[^']|'')*)'\s*(and\b|$)", re.IGNORECASE)

Item = TypeVar("Item")


@dataclass(frozen=True)
class Filter:
    """A parsed `$filter`: clauses (name in lower case, whether equal, value) that must all hold."""

    clauses: tuple[tuple[str, bool, str], ...]

    def admits(self, *, type: str, name: str, location: str, tags: dict[str, str]) -> bool:
        """Whether a resource passes; all comparisons but those of tag values ignore case."""
        wanted = {clause: value for clause, _, value in self.clauses}
        for clause, equal, value in self.clauses:
            if clause == "resourcetype":
                holds = type.lower() == value.lower()
            elif clause == "name":
                holds = name.lower() == value.lower()
            elif clause == "location":
                holds = location == plain_location(value)
            elif clause == "tagname":
                holds = value.lower() in map(str.lower, tags)
            else:
                named = wanted.get("tagname", "").lower()
                holds = any(value == held for tag, held in tags.items() if tag.lower() == named)
            if holds != equal:
                return False
        return True


def parse_filter(text: str | None) -> Filter:
    """Reads `name eq 'value'` clauses joined by `and`.

    Raises:
        CloudError: 400 InvalidFilterInQueryString.
    """
    clauses: list[tuple[str, bool, str]] = []
    position = 0
    known = {name.lower() for name in FILTER_NAMES}
    text = (text or "").strip()
    while position < len(text):
        match = _CLAUSE.match(text, position)
        last = match is not None and match.end() == len(text)
        if match is None or match[1].lower() not in known or last != (match[4] == ""):
            raise CloudError(
                400,
                "InvalidFilterInQueryString",
                f"Invalid $filter '{text}' specified in the query string: clauses like \"resourceType eq "
                f"'TYPE'\" joined by 'and' are supported, with the names {', '.join(FILTER_NAMES)}.",
            )
        clauses.append((match[1].lower(), match[2].lower() == "eq", match[3].replace("''", "'")))
        position = match.end()
    names = {name for name, _, _ in clauses}
    if "tagvalue" in names and "tagname" not in names:
        raise CloudError(
            400, "InvalidFilterInQueryString", "In a $filter, tagValue needs a tagName eq '…' beside it."
        )
    return Filter(tuple(clauses))


def query_of(request: Request) -> dict[str, str]:
    """The query's parameters by their names in lower case."""
    return {name.lower(): value for name, value in request.query_params.multi_items()}


def of_type(db: sqlite3.Connection, request: Request, type: str) -> list[Resource]:
    """The resources of a type, in lower case, in the path's group; without a group, in its subscription.

    Raises:
        CloudError: 404 ResourceGroupNotFound.
    """
    subscription, name = request.path_params["subscription"], request.path_params.get("group")
    group = resources.require_group(db, subscription, name).id if name is not None else None
    return resources.listing(db, type=type, group=group, subscription=subscription)


def page(
    request: Request,
    items: Sequence[Item],
    key: Callable[[Item], str],
    shown: Callable[[Item], dict[str, Any]],
) -> Response:
    """A page of a list.

    Args:
        items: all of it, in the order of `key`.
        key: an item's unique key; the next page begins behind the last one shown, also if that is deleted.
            One that is a resource's ID is left out for whoever may not read that resource.
        shown: an item as callers see it.

    Raises:
        CloudError: 400 InvalidTopParameter or InvalidSkipToken.
    """
    query = query_of(request)
    size = _top(query.get("$top"))
    after = _decode(query["$skiptoken"]) if "$skiptoken" in query else ""
    may_see: Callable[[str], bool] = request.state.may_see
    rest = [
        item
        for item in items
        if key(item) > after and (not key(item).startswith("/subscriptions/") or may_see(key(item)))
    ]
    content: dict[str, Any] = {"value": [shown(item) for item in rest[:size]]}
    if len(rest) > size:
        kept = [
            (name, value)
            for name, value in request.query_params.multi_items()
            if name.lower() != "$skiptoken"
        ]
        kept.append(("$skiptoken", base64.urlsafe_b64encode(key(rest[size - 1]).encode()).decode()))
        path = quote(request.scope["path"])
        content["nextLink"] = f"{request.state.base_url}{path}?{urlencode(kept, quote_via=quote)}"
    return JSONResponse(content)


def _top(text: str | None) -> int:
    if text is None:
        return PAGE_SIZE
    digits = text.lstrip("0")
    if not text.isascii() or not text.isdigit() or not digits:
        raise CloudError(400, "InvalidTopParameter", f"The $top '{text}' is not a whole number above 0.")
    # int() itself refuses numbers of thousands of digits.
    return min(int(digits[:9]), PAGE_SIZE)


def _decode(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise CloudError(
            400,
            "InvalidSkipToken",
            "The $skiptoken is not one of this server's: follow the nextLink as it is.",
        ) from None
