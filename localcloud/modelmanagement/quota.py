"""Limits of an account: FPGA units by its SKU's capacity, in one region, on the SKUs that have them."""

from __future__ import annotations

import sqlite3

from localcloud import descriptors
from localcloud.arm.accounts import MAX_CAPACITY, Account
from localcloud.errors import CloudError
from localcloud.modelmanagement.operations import FAILED

LOCATION = "eastus2"
SKU_NAMES = ("S1", "S2", "S3")


def check(db: sqlite3.Connection, account: Account, replicas: int, service_id: str | None = None) -> None:
    """Refuses a service that the account has no FPGAs for.

    Args:
        replicas: how many the service asks for, one FPGA each.
        service_id: the service, where it is one that changes.

    Raises:
        CloudError: 400 LocationNotSupported or SkuNotSupported, 412 FpgaQuotaExceeded.
    """
    if account.location != LOCATION:
        raise CloudError(
            400,
            "LocationNotSupported",
            f"The account '{account.name}' is in {account.location}; FPGA services run in {LOCATION} only.",
        )
    if account.sku_name not in SKU_NAMES:
        raise CloudError(
            400,
            "SkuNotSupported",
            f"The account '{account.name}' has the SKU {account.sku_name}, which has no FPGA services. "
            f"Change it to {', '.join(SKU_NAMES[:-1])} or {SKU_NAMES[-1]}.",
        )
    used = in_use(db, account.id, service_id)
    if used + replicas > account.capacity:
        raise CloudError(
            412,
            "FpgaQuotaExceeded",
            f"The account '{account.name}' has a capacity of {account.capacity}: its services use {used}, "
            f"and {replicas} more do not fit. Delete a service, or raise the capacity of the account's SKU "
            f"(at most {MAX_CAPACITY}).",
        )


def check_room(db: sqlite3.Connection) -> None:
    """Refuses one more service where this process has no descriptors for it: those that run need theirs.

    Raises:
        CloudError: 412 ServiceLimitReached.
    """
    room = descriptors.services()
    row = db.execute(
        "SELECT count(*) AS there FROM services WHERE state <> ? OR address IS NOT NULL", (FAILED,)
    ).fetchone()
    if row["there"] >= room:
        raise CloudError(
            412,
            "ServiceLimitReached",
            f"This localcloud may open {descriptors.limit()} files and connections at once, which is enough "
            f"for {room} services, and has {row['there']}. Delete a service, or raise the hard limit of open "
            "files (ulimit -Hn) and start localcloud again.",
        )


def in_use(db: sqlite3.Connection, account_id: str, except_for: str | None = None) -> int:
    """FPGAs that an account's services have, or will have when what was accepted is done."""
    row = db.execute(
        "SELECT coalesce(sum(max(s.replicas, coalesce((SELECT max(json_extract(o.change, '$.replicas'))"
        " FROM operations o WHERE o.service_id = s.id AND o.finished_on IS NULL), 0))), 0) AS used"
        " FROM services s"
        # what failed and has no address holds no FPGA
        " WHERE s.account_id = ? AND s.id IS NOT ? AND (s.state <> ? OR s.address IS NOT NULL)",
        (account_id, except_for, FAILED),
    ).fetchone()
    return int(row["used"])
