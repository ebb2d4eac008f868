"""The keys of storage accounts: `listKeys` and `regenerateKey`."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from localcloud.arm.resources import Resource
from localcloud.arm.storage.accounts import ACCOUNT, existing
from localcloud.arm.storage.key_rows import KEY_NAMES, keys_of, replace_key
from localcloud.datafolder.store import Store
from localcloud.errors import CloudError
from localcloud.http.frame import body_of, json_body
from localcloud.http.lanes import BLOBS, Route


class StorageKeys:
    """The verbs of storage accounts' keys.

    Args:
        serve: has the blob service follow the database.
    """

    def __init__(self, store: Store, serve: Callable[[], None]) -> None:
        self._store = store
        self._serve = serve

    def routes(self) -> list[Route]:
        return [
            Route(ACCOUNT + "/listKeys", self._list, methods=["POST"]),
            Route(ACCOUNT + "/regenerateKey", self._regenerate, methods=["POST"], lane=BLOBS),
        ]

    def _list(self, request: Request) -> Response:
        with self._store.read() as db:
            return _answer(db, existing(db, request))

    def _regenerate(self, request: Request) -> Response:
        name = json_body(body_of(request)).get("keyName")
        with self._store.write() as db:
            account = existing(db, request)
            if name not in KEY_NAMES:
                raise CloudError(
                    400, "InvalidRequestPropertyValue", f"The keyName must be one of {', '.join(KEY_NAMES)}."
                )
            replace_key(db, account, name)
            answer = _answer(db, account)
        self._serve()
        return answer


def _answer(db: sqlite3.Connection, account: Resource) -> Response:
    keys = [
        {"keyName": name, "value": value, "permissions": "FULL", "creationTime": account.created_on}
        for name, value in zip(KEY_NAMES, keys_of(db, account), strict=True)
    ]
    return JSONResponse({"keys": keys}, headers={"Cache-Control": "no-store"})
