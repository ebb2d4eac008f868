"""The benchmark of an edge and two replicas beside the same decode and model called in-process.

`python -m tools.bench.replicas [--json]` runs both in turns, on the same cores, and prints two ratios, the
medians over all turns, for eight callers over TLS with a key:

- CPU: the CPU time of Envoy and both replicas for an image, as a multiple of that of the process that does
  the work without a server;
- throughput: images a second, as a part of what a thread for each core reaches without a server. Callers
  share the machine.

Replicas are what a node runs, with mutual TLS on a port of their own, started without Ray, which no call
goes through.
"""

from __future__ import annotations

import os
import secrets
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.bench import sides
from tools.bench.command import Progress, run, verdict
from tools.bench.sides import Turn

if TYPE_CHECKING:
    import psutil

    from localcloud.scoring.addresses import Endpoint
    from localcloud.scoring.tls import TlsMaterial

TURNS = 7
IMAGES = 400
CALLERS = 8
REPLICAS = 2
CPU_LIMIT = 1.30
THROUGHPUT_LIMIT = 0.90
_SERVICE = "bench"


def measure(turns: int, progress: Progress) -> dict[str, Any]:
    """The benchmark's figures as JSON has them."""
    from localcloud import featurizers
    from tests.support.certificates.authority import Authority
    from tests.support.cluster.replicas import credentials

    tls, key = sides.certificate(), secrets.token_urlsafe()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        progress("building the model")
        featurizers.build(folder / "model")
        files = credentials(folder / "files", Authority("bench"))
        with (
            sides.process(sides.work_in_process, name, cores) as in_process,
            sides.process(_serve, name, str(files.tls_folder)) as first,
            sides.process(_serve, name, str(files.tls_folder)) as second,
            _edge(folder, [first.recv(), second.recv()], tls, key) as (target, envoy),
            sides.process(sides.call, CALLERS, target, tls.certificate_pem, key) as client,
        ):
            pairs: list[tuple[Turn, Turn]] = []
            edge_ms: list[float] = []
            for number in range(turns + 1):
                alone = sides.ask(in_process, IMAGES)
                before = _cpu_s(envoy), sum(sides.ask(one, None)["cpu_s"] for one in (first, second))
                called = sides.ask(client, IMAGES)
                after = _cpu_s(envoy), sum(sides.ask(one, None)["cpu_s"] for one in (first, second))
                pair = (
                    Turn(1000 * alone["cpu_s"] / IMAGES, IMAGES / alone["wall_s"]),
                    Turn(1000 * (sum(after) - sum(before)) / IMAGES, IMAGES / called["wall_s"]),
                )
                if number:  # the first turn warms up
                    pairs.append(pair)
                    edge_ms.append(1000 * (after[0] - before[0]) / IMAGES)
                    progress(f"turn {number} of {turns}: {sides.ratios(*pair)}")
    cpu = statistics.median(placed.cpu_ms / alone.cpu_ms for alone, placed in pairs)
    throughput = statistics.median(placed.images_per_s / alone.images_per_s for alone, placed in pairs)
    return {
        "turns": turns,
        "images_per_turn": IMAGES,
        "callers": CALLERS,
        "replicas": REPLICAS,
        "in_process_cpu_ms_per_image": round(statistics.median(alone.cpu_ms for alone, _ in pairs), 2),
        "placed_cpu_ms_per_image": round(statistics.median(placed.cpu_ms for _, placed in pairs), 2),
        "edge_cpu_ms_per_image": round(statistics.median(edge_ms), 2),
        "in_process_images_per_s": round(statistics.median(alone.images_per_s for alone, _ in pairs), 1),
        "placed_images_per_s": round(statistics.median(placed.images_per_s for _, placed in pairs), 1),
        "cpu_ratio": round(cpu, 3),
        "cpu_ratio_limit": CPU_LIMIT,
        "throughput_ratio": round(throughput, 3),
        "throughput_ratio_limit": THROUGHPUT_LIMIT,
    }


def show(result: dict[str, Any]) -> None:
    """Prints the figures for a person."""
    print(f"an edge and {REPLICAS} replicas, {CALLERS} callers, beside the same work in-process")
    print(
        f"  CPU an image         {result['cpu_ratio']:.2f} x   (at most {CPU_LIMIT:.2f}: "
        f"{verdict(result['cpu_ratio'] <= CPU_LIMIT)})   {result['placed_cpu_ms_per_image']} ms, "
        f"{result['edge_cpu_ms_per_image']} of it the edge's, "
        f"in-process {result['in_process_cpu_ms_per_image']} ms"
    )
    print(
        f"  images a second      {result['throughput_ratio']:.2f} x   (at least {THROUGHPUT_LIMIT:.2f}: "
        f"{verdict(result['throughput_ratio'] >= THROUGHPUT_LIMIT)})   {result['placed_images_per_s']}, "
        f"in-process {result['in_process_images_per_s']}"
    )


@contextmanager
def _edge(
    folder: Path, replicas: list[Endpoint], tls: TlsMaterial, key: str
) -> Iterator[tuple[str, psutil.Process]]:
    """An edge before the replicas: where it is called, and its process."""
    import psutil

    from localcloud.cluster.credentials import Credentials
    from localcloud.edge.edge import Edge
    from localcloud.edge.entrance import Upstream
    from localcloud.scoring.addresses import AddressPool
    from tests.support import envoy

    files = Credentials(folder / "files" / "token", folder / "files")
    pool = AddressPool("127.93.0.0/16", 50051)
    endpoint, _ = pool.choose((), secrets.randbelow(pool.size))
    edge = Edge(envoy.executable(), folder / "data", files)
    try:
        edge.start()
        upstream = Upstream(tuple(replicas), (key, secrets.token_urlsafe()))
        edge.show(_SERVICE, endpoint, tls, edge.inner(), upstream)
        pid = edge.status().pid
        assert pid is not None  # noqa: S101 - it was just started
        yield endpoint.target, psutil.Process(pid)
    finally:
        edge.stop()


def _cpu_s(process: psutil.Process) -> float:
    used = process.cpu_times()
    return used.user + used.system


def _serve(connection: Connection, folder: str, files: str) -> None:
    """A replica, as a node of the cluster has it."""
    from localcloud.cluster.credentials import Credentials
    from localcloud.placing.server import ReplicaServer
    from localcloud.scoring.served import ModelName, ServedModel

    own = Credentials(Path(files) / "token", Path(files))
    model = ServedModel(sides.pipeline(folder), None, ModelName("model", 1))
    server = ReplicaServer(f"{_SERVICE}-model", _SERVICE, model, "127.0.0.1", own)
    connection.send(server.endpoint)
    sides.answer(connection, lambda _images: None)
    server.stop(0)


if __name__ == "__main__":
    sys.exit(run("tools.bench.replicas", "An edge and replicas beside in-process.", TURNS, measure, show))
