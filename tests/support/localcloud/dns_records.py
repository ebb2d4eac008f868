"""Zones and record sets in a store, as Resource Manager writes them."""

from __future__ import annotations

import json
from typing import Any

from localcloud.datafolder.store import Store

ZONES = "microsoft.network/dnszones"
GROUP = "/subscriptions/s/resourcegroups/g"


class Records:
    """Writes zones and record sets into a store as Resource Manager does."""

    def __init__(self, store: Store) -> None:
        self._store = store
        with store.write() as db:
            db.execute("INSERT INTO resource_groups VALUES (?, 'g', 'eastus2', '{}', '2026-01-01')", (GROUP,))

    def zone(self, name: str, minimum_ttl: int = 300) -> None:
        self._put(f"{GROUP}/{ZONES}/{name}", None, ZONES, name, {})
        soa = {
            "host": "ns1.example.",
            "email": "hostmaster.example",
            "serialNumber": 1,
            "refreshTime": 1,
            "retryTime": 1,
            "expireTime": 1,
            "minimumTTL": minimum_ttl,
        }
        self.put(name, "soa", "@", {"TTL": 3600, "SOARecord": soa})

    def put(self, zone: str, kind: str, name: str, properties: dict[str, Any]) -> None:
        parent = f"{GROUP}/{ZONES}/{zone}"
        self._put(f"{parent}/{kind}/{name}", parent, f"{ZONES}/{kind}", name, properties)

    def a(self, zone: str, name: str, *addresses: str) -> None:
        self.put(zone, "a", name, {"TTL": 60, "ARecords": [{"ipv4Address": one} for one in addresses]})

    def delete(self, resource: str) -> None:
        with self._store.write() as db:
            db.execute("DELETE FROM resources WHERE id = ?", (f"{GROUP}/{ZONES}/{resource}",))

    def _put(self, key: str, parent: str | None, kind: str, name: str, properties: dict[str, Any]) -> None:
        body = json.dumps({"properties": properties})
        with self._store.write() as db:
            db.execute(
                "INSERT OR REPLACE INTO resources VALUES (?, ?, ?, ?, ?, ?, ?, 'etag', ?, ?)",
                (key.lower(), key, GROUP, parent and parent.lower(), kind, name, body, "2026", "2026"),
            )
