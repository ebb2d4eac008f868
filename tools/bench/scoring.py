"""The benchmark of scoring over TLS with a key beside the same decode and model called in-process.

`python -m tools.bench.scoring [--json]` runs both in turns and prints two ratios, the medians over all turns:

- CPU: the server process's CPU time for an image, as a multiple of that of the process that does the work
  without a server;
- throughput: images a second for two callers, as a part of what two threads reach without a server. Client
  and server share the machine.
"""

from __future__ import annotations

import secrets
import statistics
import sys
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tools.bench import sides
from tools.bench.command import Progress, run, verdict
from tools.bench.sides import Turn

TURNS = 7
IMAGES = 200
CALLERS = 2
CPU_LIMIT = 1.10
THROUGHPUT_LIMIT = 0.80


def measure(turns: int, progress: Progress) -> dict[str, Any]:
    """The benchmark's figures as JSON has them."""
    from localcloud import featurizers

    with tempfile.TemporaryDirectory() as folder:
        progress("building the model")
        featurizers.build(Path(folder) / "model")
        with (
            sides.process(sides.work_in_process, folder, CALLERS) as in_process,
            sides.process(_serve, folder) as server,
            sides.process(sides.call, CALLERS, *server.recv()) as client,
        ):
            pairs: list[tuple[Turn, Turn]] = []
            for number in range(turns + 1):
                alone = sides.ask(in_process, IMAGES)
                before = sides.ask(server, None)
                called = sides.ask(client, IMAGES)
                served_cpu_s = sides.ask(server, None)["cpu_s"] - before["cpu_s"]
                pair = (
                    Turn(1000 * alone["cpu_s"] / IMAGES, IMAGES / alone["wall_s"]),
                    Turn(1000 * served_cpu_s / IMAGES, IMAGES / called["wall_s"]),
                )
                if number:  # the first turn warms up
                    pairs.append(pair)
                    progress(f"turn {number} of {turns}: {sides.ratios(*pair)}")
    cpu = statistics.median(served.cpu_ms / alone.cpu_ms for alone, served in pairs)
    throughput = statistics.median(served.images_per_s / alone.images_per_s for alone, served in pairs)
    return {
        "turns": turns,
        "images_per_turn": IMAGES,
        "callers": CALLERS,
        "in_process_cpu_ms_per_image": round(statistics.median(alone.cpu_ms for alone, _ in pairs), 2),
        "served_cpu_ms_per_image": round(statistics.median(served.cpu_ms for _, served in pairs), 2),
        "in_process_images_per_s": round(statistics.median(alone.images_per_s for alone, _ in pairs), 1),
        "served_images_per_s": round(statistics.median(served.images_per_s for _, served in pairs), 1),
        "cpu_ratio": round(cpu, 3),
        "cpu_ratio_limit": CPU_LIMIT,
        "throughput_ratio": round(throughput, 3),
        "throughput_ratio_limit": THROUGHPUT_LIMIT,
    }


def show(result: dict[str, Any]) -> None:
    print(f"scoring over TLS with key, {CALLERS} callers, beside the same work in-process")
    print(
        f"  CPU an image         {result['cpu_ratio']:.2f} x   (at most {CPU_LIMIT:.2f}: "
        f"{verdict(result['cpu_ratio'] <= CPU_LIMIT)})   {result['served_cpu_ms_per_image']} ms, "
        f"in-process {result['in_process_cpu_ms_per_image']} ms"
    )
    print(
        f"  images a second      {result['throughput_ratio']:.2f} x   (at least {THROUGHPUT_LIMIT:.2f}: "
        f"{verdict(result['throughput_ratio'] >= THROUGHPUT_LIMIT)})   {result['served_images_per_s']}, "
        f"in-process {result['in_process_images_per_s']}"
    )


def _serve(connection: Connection, folder: str) -> None:
    from localcloud.scoring.addresses import AddressPool
    from localcloud.scoring.host import Deployment, ScoringHost
    from localcloud.scoring.served import ModelName

    tls, key = sides.certificate(), secrets.token_urlsafe()
    pool = AddressPool("127.91.0.0/16", 50051)
    endpoint, _ = pool.choose((), secrets.randbelow(pool.size))
    host = ScoringHost()
    host.deploy(
        Deployment(
            "bench",
            *endpoint,
            sides.pipeline(folder),
            tls,
            key,
            secrets.token_urlsafe(),
            ModelName("model", 1),
        )
    )
    connection.send((f"{endpoint.address}:{endpoint.port}", tls.certificate_pem, key))
    sides.answer(connection, lambda _images: None)
    host.stop()


if __name__ == "__main__":
    sys.exit(run("tools.bench.scoring", "Scoring beside in-process.", TURNS, measure, show))
