"""Accounts and services as the page shows them to a principal."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from localcloud.arm import accounts, resources
from localcloud.arm.resources import Resource
from localcloud.errors import CloudError
from localcloud.modelmanagement import models, services
from localcloud.modelmanagement.services import Service
from localcloud.portal import sight as sights
from localcloud.portal.certificate_tree import Tree, tree_of
from localcloud.portal.sight import Sight
from localcloud.status import ServiceStatus


@dataclass(frozen=True)
class ShownService:
    """A service.

    Attributes:
        status: where it answers, as callers are told.
        model: name and version of its model; empty: it is not there any more.
        tree: its certificates; None: SSL is off, or they cannot be read.
        group, account: the names of where it is.
        replicas: how many it is to have: a number, or from one number to another.
    """

    id: str
    status: ServiceStatus
    model: str
    tree: Tree | None
    group: str
    account: str
    replicas: str
    created_on: str
    modified_on: str

    @property
    def names(self) -> dict[str, str]:
        """The names in the paths of its API."""
        return {"group": self.group, "account": self.account, "id": self.id}


@dataclass(frozen=True)
class ShownAccount:
    """An account: the values that callers of its API need, and its services."""

    name: str
    group: str
    subscription: str
    location: str
    sku: str
    services: tuple[ShownService, ...]


def listing(
    db: sqlite3.Connection, sight: Sight, status_of: Callable[[Service], ServiceStatus], now: dt.datetime
) -> list[ShownAccount]:
    """The accounts that a principal may see, with their services."""
    found = []
    for resource in resources.listing(db, type=accounts.TYPE):
        names = account_names(resource)
        if not sight.may_get(sights.ACCOUNT, **names):
            continue
        of_account: Sequence[Service] = services.listing(db, resource.id)
        sku = resource.body["sku"]
        found.append(
            ShownAccount(
                resource.name,
                names["group"],
                resource.display_id.split("/")[2],
                resource.body["location"],
                f"{sku['name']}, {sku['capacity']} unit{'s' if sku['capacity'] != 1 else ''}",
                tuple(
                    _shown(db, one, names, status_of(one), now)
                    for one in of_account
                    if sight.may_get(sights.SERVICE, **names, id=one.id)
                ),
            )
        )
    return found


def one(
    db: sqlite3.Connection,
    sight: Sight,
    service_id: str,
    status_of: Callable[[Service], ServiceStatus],
    now: dt.datetime,
) -> ShownService:
    """A service that a principal may see.

    Raises:
        CloudError: 404 ServiceNotFound: there is none, or it may not see it.
    """
    service = services.find(db, service_id)
    account = None if service is None else resources.find(db, service.account_id)
    if service is not None and account is not None:
        names = account_names(account)
        if sight.may_get(sights.SERVICE, **names, id=service.id):
            return _shown(db, service, names, status_of(service), now)
    raise CloudError(404, "ServiceNotFound", f"There is no service '{service_id}'.")


def account_names(resource: Resource) -> dict[str, str]:
    """The names of group and account in an account's resource ID."""
    parts = resource.display_id.split("/")
    return {"group": parts[4], "account": parts[8]}


def _shown(
    db: sqlite3.Connection, one: Service, names: dict[str, str], status: ServiceStatus, now: dt.datetime
) -> ShownService:
    model = models.get(db, one.account_id, one.model_id)
    return ShownService(
        id=one.id,
        status=status,
        model="" if model is None else f"{model.name}, version {model.version}",
        tree=None if one.tls is None else tree_of(one.tls.certificate_pem, now),
        group=names["group"],
        account=names["account"],
        replicas=str(one.asked),
        created_on=one.created_on,
        modified_on=one.modified_on,
    )
