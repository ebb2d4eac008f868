"""TXT records of a zone, changed together with others and known as ours (Azure DNS, 2018-05-01).

A record set has metadata, and in it stands, under the owner's name, which of its values the owner made. So a
run that died leaves a trace that the next one follows, and what others keep at the same name stays.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from clients.azure.cloud import Cloud
from clients.azure.errors import NotFound, ServiceError
from surroundings import json_text

API_VERSION: Final = "2018-05-01"
TTL_S: Final = 10
"""Resolvers keep a value this long: the next one is to be seen soon."""
_ATTEMPTS: Final = 5
_PRECONDITION_FAILED: Final = 412


class TxtRecords:
    """One owner's TXT values in one zone.

    Args:
        zone_id: the zone's resource ID.
        owner: a key of the sets' metadata that only this stack has.
    """

    def __init__(self, cloud: Cloud, zone_id: str, owner: str) -> None:
        self._cloud = cloud
        self._zone_id = zone_id
        self._owner = owner

    def put(self, name: str, *values: str) -> None:
        """Has `name` (relative to the zone) answer these, in the place of what this owner had there.

        Raises:
            ClientError: Resource Manager refused, or did not answer.
        """
        self._change(name, list(values))

    def remove(self, name: str) -> None:
        """Removes what this owner has at `name`; a set that is empty then, and ours, is deleted.

        Raises:
            ClientError: as `put`.
        """
        self._change(name, [])

    def ours(self) -> list[str]:
        """The names, relative to the zone, at which this owner has values; none where the zone is gone.

        Raises:
            ClientError: as `put`.
        """
        try:
            page = self._cloud.manage("GET", f"{self._zone_id}/TXT", API_VERSION)
        except NotFound:
            return []
        names: list[str] = []
        while True:
            names += (str(one["name"]) for one in page.get("value", []) if self._ours(one))
            if not page.get("nextLink"):
                return names
            resource_manager = self._cloud.endpoints.resource_manager
            page = self._cloud.pipeline.follow(str(page["nextLink"]), named_by=resource_manager).body

    def _change(self, name: str, values: list[str]) -> None:
        """Reads, changes and writes back on the condition that nobody else wrote meanwhile."""
        path = f"{self._zone_id}/TXT/{name}"
        for attempt in range(1, _ATTEMPTS + 1):
            found = self._find(path)
            if not values and (found is None or not self._ours(found)):
                return
            try:
                self._write(path, found, values)
            except ServiceError as error:
                if error.status != _PRECONDITION_FAILED or attempt == _ATTEMPTS:
                    raise
            else:
                return

    def _find(self, path: str) -> Mapping[str, Any] | None:
        try:
            return self._cloud.manage("GET", path, API_VERSION)
        except NotFound:
            return None

    def _write(self, path: str, found: Mapping[str, Any] | None, values: list[str]) -> None:
        condition = {"If-None-Match": "*"} if found is None else {"If-Match": str(found["etag"])}
        properties: Mapping[str, Any] = found["properties"] if found else {}
        ours = self._ours(found) if found else []
        others = [record for record in properties.get("TXTRecords", []) if _text(record) not in ours]
        records = others + [{"value": [value]} for value in values]
        metadata = {key: text for key, text in _metadata(properties).items() if key != self._owner}
        if not records and not metadata:
            self._cloud.manage("DELETE", path, API_VERSION, headers=condition)
            return
        if values:
            metadata[self._owner] = json.dumps(values)
        body = {"TTL": properties.get("TTL", TTL_S), "metadata": metadata, "TXTRecords": records}
        self._cloud.manage("PUT", path, API_VERSION, {"properties": body}, condition)

    def _ours(self, found: Mapping[str, Any]) -> list[str]:
        """The values that this owner wrote, as the metadata tells."""
        try:
            told = json_text.loads(_metadata(found["properties"]).get(self._owner, "[]"))
        except ValueError:
            return []
        return [str(value) for value in told] if isinstance(told, list) else []


def _metadata(properties: Mapping[str, Any]) -> dict[str, str]:
    return dict(properties.get("metadata") or {})


def _text(record: Mapping[str, Any]) -> str:
    """A value as the DNS has it: one text, in strings of at most 255 octets (RFC 1035, 3.3.14)."""
    return "".join(record.get("value", []))
