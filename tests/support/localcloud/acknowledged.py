"""The model of a localcloud: what it acknowledged, and so has to have, whatever happens to its process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from localcloud.dns.record_types import TYPES


@dataclass
class RecordSet:
    """A record set: its TTL, and its records as Azure's API has them."""

    name: str
    ttl: int
    records: list[dict[str, Any]]
    etag: str = ""


@dataclass
class Zone:
    """A zone; its sets by type and name in lower case, without the two at its apex."""

    name: str
    tags: dict[str, str]
    sets: dict[tuple[str, str], RecordSet] = field(default_factory=dict)


@dataclass
class Container:
    """A container with its blobs."""

    metadata: dict[str, str]
    blobs: dict[str, bytes] = field(default_factory=dict)


@dataclass
class Storage:
    """A storage account; its keys as they were told last."""

    name: str
    location: str
    tags: dict[str, str]
    keys: dict[str, str] = field(default_factory=dict)
    containers: dict[str, Container] = field(default_factory=dict)


@dataclass
class Service:
    """A service; the keys that it had and lost are kept, for they must open nothing."""

    id: str
    name: str
    model: str
    ssl: bool
    keys: tuple[str, str] = ("", "")
    lost_keys: set[str] = field(default_factory=set)
    operations: list[str] = field(default_factory=list)
    is_going: bool = False


@dataclass
class Account:
    """A Model Management account, with its models by ID (name and version) and its services by ID."""

    name: str
    capacity: int
    tags: dict[str, str]
    models: dict[str, tuple[str, int]] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)

    def standing(self) -> list[Service]:
        """The services that are not being deleted."""
        return [service for service in self.services.values() if not service.is_going]

    def used(self) -> set[str]:
        """The models that a service has."""
        return {service.model for service in self.services.values()}


@dataclass
class Group:
    """A resource group with all that is in it, by names in lower case."""

    name: str
    location: str
    tags: dict[str, str]
    accounts: dict[str, Account] = field(default_factory=dict)
    storages: dict[str, Storage] = field(default_factory=dict)
    zones: dict[str, Zone] = field(default_factory=dict)


@dataclass
class Acknowledged:
    """All of it, by the groups' names in lower case."""

    groups: dict[str, Group] = field(default_factory=dict)

    def accounts(self) -> Iterator[tuple[Group, Account]]:
        """Every account, and its group."""
        for group in self.groups.values():
            for account in group.accounts.values():
                yield group, account

    def storages(self) -> Iterator[tuple[Group, Storage]]:
        """Every storage account, and its group."""
        for group in self.groups.values():
            for storage in group.storages.values():
                yield group, storage

    def zones(self) -> Iterator[tuple[Group, Zone]]:
        """Every zone, and its group."""
        for group in self.groups.values():
            for zone in group.zones.values():
                yield group, zone


def properties_of(kind: str, records: list[dict[str, Any]], ttl: int) -> dict[str, Any]:
    """The properties of a record set as a request has them."""
    shape = TYPES[kind]
    return {"TTL": ttl, shape.property: records[0] if shape.single else records}
