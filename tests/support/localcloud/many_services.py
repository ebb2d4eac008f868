"""Many services of one package, half of them with SSL, and callers who call all of them at a time."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

import grpc

from clients.wire.tensorflow_serving import METHOD
from localcloud.scoring.addresses import Endpoint
from tests.support.certificates.authority import Authority
from tests.support.localcloud.data_plane import FPGA, OFF, DataPlane, endpoint, on
from tests.support.localcloud.scoring_parts import channel

PATIENCE_S: Final = 120.0
_OF_AN_ACCOUNT: Final = 16


@dataclass(frozen=True)
class Access:
    """How one of the services is called.

    Attributes:
        root: PEM of the authority that its certificate is of; None: SSL is off.
    """

    endpoint: Endpoint
    root: bytes | None = None
    key: str | None = field(default=None, repr=False)


def deploy(plane: DataPlane, package_url: str, number: int) -> list[Access]:
    """Deploys so many services of one package, in as many accounts as they take; every second with SSL."""
    authority, key = Authority(), "key-of-many-services"
    secured = on(authority) | {"keys": {"primaryKey": key, "secondaryKey": key + "-2"}}
    accepted = []
    for one in range(number):
        if one % _OF_AN_ACCOUNT == 0:
            plane.make_account(f"account{one // _OF_AN_ACCOUNT}")
            model_id = plane.register(package_url)
        body = FPGA | (secured if one % 2 else OFF) | {"modelId": model_id, "name": f"service{one}"}
        accepted.append((plane.account, plane.call("POST", "services", body)))
    services = []
    for account, answer in accepted:
        plane.account = account
        operation = plane.finish(answer)
        assert operation["state"] == "Succeeded", operation
        services.append(plane.call("GET", operation["resourceLocation"]).json())
    return [
        Access(endpoint(one), authority.root, key) if one["sslEnabled"] else Access(endpoint(one))
        for one in services
    ]


def error(access: Access, request: bytes) -> str | None:
    """Calls a service once, over a connection of its own; returns why it was not answered."""
    metadata = (("authorization", access.key),) if access.key is not None else ()
    try:
        with channel(access.endpoint, access.root) as opened:
            opened.unary_unary(METHOD, bytes, bytes)(request, timeout=PATIENCE_S, metadata=metadata)
    except grpc.RpcError as failed:
        return f"{access.endpoint.address}: {failed.code()} {failed.details()}"
    return None


def errors(services: Sequence[Access], request: bytes, callers: int) -> list[str]:
    """Calls each of the services once, so many at a time; returns why calls were not answered."""
    with ThreadPoolExecutor(callers) as pool:
        told = pool.map(lambda access: error(access, request), services)
        return [one for one in told if one is not None]
