"""Envoy's admin interface, at its socket in the file system.

Source: https://www.envoyproxy.io/docs/envoy/v1.40.0/operations/admin
"""

from __future__ import annotations

import http.client
import json
import re
import socket
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

_TIMEOUT_S: Final = 5.0


class Admin:
    """The admin interface of an Envoy that runs; each method raises OSError where it does not answer.

    Args:
        path: its socket.
    """

    def __init__(self, path: Path) -> None:
        self._path = str(path)

    def is_ready(self) -> bool:
        """Whether it has its configuration, and serves."""
        return self._ask("GET", "/ready")[0] == http.client.OK

    def version(self) -> str:
        """Its version, such as 1.40.0."""
        told = str(json.loads(self._answer("GET", "/server_info"))["version"])
        return told.split("/")[1] if told.count("/") > 1 else told

    def numbers(self, pattern: str) -> dict[str, str]:
        """The counters, gauges and texts whose names match a regular expression."""
        answer = self._answer("GET", f"/stats?filter={quote(pattern)}").decode()
        return {name: value.strip('"') for name, value in re.findall(r"^(.+?): (.*)$", answer, re.MULTILINE)}

    def clusters(self) -> list[dict[str, Any]]:
        """The clusters with what is known of their hosts."""
        told: dict[str, Any] = json.loads(self._answer("GET", "/clusters?format=json"))
        return list(told.get("cluster_statuses", ()))

    def refusals(self) -> dict[str, str]:
        """The reasons why listeners were not taken, by their names."""
        told: dict[str, Any] = json.loads(
            self._answer("GET", "/config_dump?resource=dynamic_listeners&mask=name,error_state.details")
        )
        return {
            str(one["name"]): str(one["error_state"].get("details", ""))
            for one in told.get("configs", ())
            if "error_state" in one
        }

    def close_ports(self) -> None:
        """Has it listen nowhere any more; who is connected stays, and is told to go with the next answer."""
        self._answer("POST", "/drain_listeners")

    def _answer(self, method: str, path: str) -> bytes:
        status, body = self._ask(method, path)
        if status != http.client.OK:
            raise OSError(f"Envoy answers {status} to {method} {path.partition('?')[0]}")
        return body

    def _ask(self, method: str, path: str) -> tuple[int, bytes]:
        connection = _Connection(self._path)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except http.client.HTTPException as error:
            raise OSError(f"Envoy's answer cannot be read: {error!r}") from error
        finally:
            connection.close()


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
