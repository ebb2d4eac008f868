"""Other limits, measured on this machine: commits, answers of DNS, deployments, health checks.

CPU time is that of the process that does it, which others on the machine lengthen a little; what waits for a
disk is measured by the clock.
"""

from __future__ import annotations

import json
import socket
import statistics
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import dns.message
import dns.rdatatype

from tools.bench import sides
from tools.bench.command import Progress

RECORDS: Final = 20
"""A records in a set: Azure's limit, and localcloud's."""
_ZONE: Final = "contoso.test"
_NAME: Final = f"fpga.{_ZONE}"
_COMMITS: Final = 300
_ANSWERS: Final = 3000
_CHECKS: Final = 500
_SERVICES: Final = 16


@dataclass(frozen=True)
class Limits:
    """The limits.

    Attributes:
        commits_per_s: of the database's one writer, each on the disk before it is acknowledged.
        answer_ms: of a core for an answer by UDP with one A record.
        answer_full_ms: the same with as many as a record set has.
        answer_full_bytes: the size of that answer.
        deployed_per_s: services of one account, by its one worker, with a package that is there.
        check_ms: of a replica's core, and of who asks, for one health check over mutual TLS.
    """

    commits_per_s: float
    answer_ms: float
    answer_full_ms: float
    answer_full_bytes: int
    deployed_per_s: float
    check_ms: float


def measure(folder: Path, progress: Progress) -> Limits:
    """The limits as they are on this machine."""
    progress("commits")
    commits = _commits_per_s(folder)
    progress("answers of DNS")
    (one, _), (full, size) = (_answer(folder, records) for records in (1, RECORDS))
    progress("health checks")
    with sides.process(_checks, str(folder)) as checked:
        check_ms = 1000 * sides.ask(checked, _CHECKS)["cpu_s"] / _CHECKS
    progress("deployments")
    deployed = _deployed_per_s(folder)
    return Limits(commits, one, full, size, deployed, check_ms)


def _commits_per_s(folder: Path) -> float:
    from localcloud.datafolder.store import Store

    store = Store(folder / "commits.db")
    try:
        took = []
        for number in range(_COMMITS):
            began = time.perf_counter()
            with store.write() as db:
                db.execute("INSERT OR REPLACE INTO address_pool (only, start) VALUES (1, ?)", (number,))
            took.append(time.perf_counter() - began)
    finally:
        store.close()
    return 1 / statistics.median(took)


def _answer(folder: Path, records: int) -> tuple[float, int]:
    """Milliseconds of a core for an answer with so many records, and its size in bytes."""
    wire = dns.message.make_query(_NAME, dns.rdatatype.A, use_edns=0, payload=1232).to_wire()
    with sides.process(_name_server, str(folder), records) as server:
        port = server.recv()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            asker.connect(("127.0.0.1", port))
            asker.settimeout(30)
            before = sides.ask(server, None)["cpu_s"]
            for _ in range(_ANSWERS):
                asker.send(wire)
                answer = asker.recv(4096)
            used = sides.ask(server, None)["cpu_s"] - before
    found = dns.message.from_wire(answer)
    assert len(found.answer[0]) == records, found  # noqa: S101 - else it is another figure
    return 1000 * used / _ANSWERS, len(answer)


def _name_server(connection: Connection, folder: str, records: int) -> None:
    from localcloud.datafolder.store import Store
    from localcloud.dns.server import DnsServer
    from tests.support.localcloud.dns_records import Records

    store = Store(Path(folder) / f"dns-{records}.db")
    written = Records(store)
    written.zone(_ZONE)
    written.a(_ZONE, "fpga", *(f"10.1.0.{number + 1}" for number in range(records)))
    server = DnsServer(store, "127.0.0.1", 0)
    server.start()
    connection.send(server.port)
    sides.answer(connection, lambda _: None)
    server.stop()
    store.close()


def _checks(connection: Connection, folder: str) -> None:
    from localcloud.placing.server import ReplicaServer
    from localcloud.scoring.served import ModelName, ServedModel
    from tests.support.certificates.authority import Authority
    from tests.support.cluster.replicas import Slow, credentials

    files = credentials(Path(folder) / "checked", Authority("scale"))
    model = ServedModel(Slow(0), None, ModelName("model", 1))
    server = ReplicaServer("scale", "service", model, "127.0.0.1", files)
    server.check()

    def check(times: int) -> None:
        for _ in range(times):
            server.check()

    sides.answer(connection, check)
    server.stop(0)


def _deployed_per_s(folder: Path) -> float:
    from tests.support.localcloud.data_plane import PackageHost, serving
    from tests.support.localcloud.many_services import deploy
    from tests.support.localcloud.scoring_parts import package

    with PackageHost().running() as host, serving(folder / "cloud") as (plane, _):
        url = host.put("/model.zip", package())
        began = time.perf_counter()
        deploy(plane, url, _SERVICES)
        return _SERVICES / (time.perf_counter() - began)


def to_json(limits: Limits) -> dict[str, Any]:
    """The limits as JSON has them."""
    found: dict[str, Any] = json.loads(json.dumps(limits.__dict__))
    return found
