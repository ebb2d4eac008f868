"""Paths of Resource Manager: any octets, asked of its real routes and store, without HTTPS around them."""

from __future__ import annotations

import asyncio
import functools
import json
import tempfile
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

from starlette.requests import Request

from localcloud.arm import api as arm
from localcloud.arm.dns.record_sets import RecordSets
from localcloud.arm.dns.zones import Zones
from localcloud.arm.groups import Groups
from localcloud.arm.providers import Providers
from localcloud.arm.subscriptions import Subscriptions
from localcloud.datafolder.store import Store
from localcloud.http.frame import Frame
from localcloud.http.lanes import Route
from localcloud.identity.tenant import Tenant
from tests.support.parsers.parser import Parser, require_sentence

_SUBSCRIPTION: Final = "11111111-1111-1111-1111-111111111111"
_GROUP: Final = f"/subscriptions/{_SUBSCRIPTION}/resourceGroups/rg"
_ZONE: Final = f"{_GROUP}/providers/Microsoft.Network/dnsZones/contoso.test"
_VERBS: Final = ("GET", "PUT", "DELETE", "PATCH", "HEAD", "POST")
_BODIES: Final = (
    {"location": "eastus2"},
    {"location": "global"},
    {"properties": {"TTL": 60, "ARecords": [{"ipv4Address": "192.0.2.1"}]}},
)


def _let_pass(request: Request, _route: Route) -> None:
    request.state.may_see = lambda _scope: True


class _Arm:
    """Resource Manager with a group and a zone in it."""

    def __init__(self) -> None:
        tenant = Tenant("tenant", _SUBSCRIPTION, "client")
        store = Store(Path(tempfile.mkdtemp(prefix="arm-"), "localcloud.db"))
        providers: list[arm.Provider] = [
            Subscriptions(tenant),
            Providers(store),
            Groups(store, lambda _: lambda: None),
            Zones(store),
            RecordSets(store),
        ]
        self._frame = Frame(
            base_urls=("https://127.0.0.1",),
            public=[],
            routes=arm.routes(tenant, providers),
            authenticate=lambda _: None,
            authorize=_let_pass,
            record=lambda _request, _status: None,
            missing=lambda request: arm.missing(tenant, request),
        )
        self._loop = asyncio.new_event_loop()
        self.stand()

    def stand(self) -> None:
        """Makes the group and the zone, where they are not."""
        for verb, path, body in (
            ("POST", f"/subscriptions/{_SUBSCRIPTION}/providers/Microsoft.Network/register", None),
            ("PUT", _GROUP, _BODIES[0]),
            ("PUT", _ZONE, _BODIES[1]),
        ):
            assert self.ask(verb, path, body)[0] in (200, 201)

    def ask(self, verb: str, path: str, body: Any = None) -> tuple[int, Any]:
        """The status and the JSON of an answer; None: it has no body.

        Args:
            path: in plain; it goes over the wire as a client quotes it.
        """
        content = b"" if body is None else json.dumps(body).encode()
        raw = quote(path.encode(errors="surrogateescape"), safe="/")
        scope = {
            "type": "http",
            "method": verb,
            "path": unquote(raw),  # as the server makes it
            "raw_path": raw.encode(),
            "query_string": b"api-version=2018-05-01",
            "headers": [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")],
        }
        sent: list[MutableMapping[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        self._loop.run_until_complete(self._frame(scope, receive, send))
        answered = b"".join(message.get("body", b"") for message in sent[1:])
        return sent[0]["status"], json.loads(answered) if answered else None


@functools.cache
def _arm() -> _Arm:
    return _Arm()


def _check_path(data: bytes) -> None:
    """A path is refused in words, or what is put there is found at the ID that it is given."""
    first = data[0] if data else 0
    verb, body = _VERBS[first % len(_VERBS)], _BODIES[first // 16 % len(_BODIES)]
    path = data[1:].decode(errors="surrogateescape")
    status, answer = _arm().ask(verb, path, body if verb in ("PUT", "PATCH", "POST") else None)
    assert status < 500, answer
    if status >= 400:
        if verb != "HEAD":
            require_sentence(answer["error"]["message"], 4000)
        return
    if verb in ("DELETE", "POST"):
        _arm().stand()
    if verb != "PUT":
        return
    found, again = _arm().ask("GET", answer["id"])
    assert found == 200, f"{answer['id']} was made, and is not found"
    assert (again["id"], again["name"]) == (answer["id"], answer["name"])
    if status == 201:
        assert _arm().ask("DELETE", answer["id"])[0] < 300
        assert _arm().ask("GET", answer["id"])[0] == 404


def _paths() -> Iterator[bytes]:
    for path in (
        f"/subscriptions/{_SUBSCRIPTION}",
        f"/subscriptions/{_SUBSCRIPTION}/resourceGroups",
        f"/subscriptions/{_SUBSCRIPTION}/resourceGroups/other",
        f"/subscriptions/{_SUBSCRIPTION}/resourcegroups/Räume (2)",
        f"/subscriptions/{_SUBSCRIPTION}/providers/Microsoft.Network",
        f"{_GROUP}/resources",
        f"{_GROUP}/providers/Microsoft.Network/dnsZones/xn--bcher-kva.example",
        f"{_ZONE}//A/www",
        f"{_ZONE}/TXT/_acme-challenge.*",
        f"{_ZONE}/CNAME/@",
        f"{_ZONE}/all",
        "/subscriptions/../x\0y",
    ):
        for verb in range(3):
            for body in range(3):
                yield bytes([16 * body + verb]) + path.encode()


PARSERS: Final = (Parser("arm-path", "a path of Resource Manager, and a verb", _check_path, _paths),)
