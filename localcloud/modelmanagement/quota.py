"""Limits of an account: FPGA units by its SKU's capacity, in one region, on the SKUs that have them."""

from __future__ import annotations

import sqlite3

from localcloud import descriptors
from localcloud.arm.accounts import MAX_CAPACITY, Account
from localcloud.errors import CloudError
from localcloud.modelmanagement.operations import FAILED
from localcloud.modelmanagement.replicas import Replicas
from localcloud.modelmanagement.services import Service

LOCATION = "eastus2"
SKU_NAMES = ("S1", "S2", "S3")


def check(
    db: sqlite3.Connection, account: Account, replicas: Replicas, service: Service | None = None
) -> None:
    """Refuses a service that the account has no FPGAs for.

    Args:
        replicas: those that the service asks for; as many as it has are never too many.
        service: the service, where it is one that changes.

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
    if service is not None and replicas.fpgas <= service.fpgas:
        return  # the capacity may have been lowered since: its certificate, say, is renewed all the same
    used = in_use(db, account.id, None if service is None else service.id)
    if used + replicas.fpgas > account.capacity:
        raise CloudError(412, "FpgaQuotaExceeded", _beyond(account, used, replicas, is_new=service is None))


def _beyond(account: Account, used: int, replicas: Replicas, *, is_new: bool) -> str:
    """The words for a number of replicas that an account has no FPGAs for."""
    # an account whose capacity was lowered since may hold more than it has
    left = max(account.capacity - used, 0)
    asked = f"{replicas.fpgas}" if replicas.most is None else f"up to {replicas.most} (maxReplicas)"
    holders = "its services hold" if is_new else "its other services hold"
    remedies = [f"ask for {left if left == 1 else f'{left} at most'}"] if left else []
    remedies += ["delete a service"] if used else []
    need = used + replicas.fpgas
    raised = f"raise the capacity of the account's SKU to {need} (at most {MAX_CAPACITY})"
    remedies += [raised] if need <= MAX_CAPACITY else []
    # beside a full account another one has room
    remedies = remedies or ["have the service in another account"]
    told = f"{', '.join(remedies[:-1])}, or {remedies[-1]}" if remedies[1:] else remedies[0]
    return (
        f"The account '{account.name}' has a capacity of {account.capacity} FPGAs, one for each replica: "
        f"{holders} {used}, so {left} {'is' if left == 1 else 'are'} left, and this one asks for {asked}. "
        f"{told[0].upper()}{told[1:]}."
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
        "SELECT coalesce(sum(max(coalesce(s.most_replicas, s.replicas), coalesce((SELECT max(coalesce("
        "json_extract(o.change, '$.most_replicas'), json_extract(o.change, '$.replicas')))"
        " FROM operations o WHERE o.service_id = s.id AND o.finished_on IS NULL), 0))), 0) AS used"
        " FROM services s"
        # what failed and has no address holds no FPGA
        " WHERE s.account_id = ? AND s.id IS NOT ? AND (s.state <> ? OR s.address IS NOT NULL)",
        (account_id, except_for, FAILED),
    ).fetchone()
    return int(row["used"])
