"""The benchmark of scoring over TLS with a key beside the same decode and model called in-process.

`python -m tools.bench.scoring [--json]` runs both in turns and prints two ratios, the medians over all turns:

- CPU: the server process's CPU time for an image, as a multiple of that of the process that does the work
  without a server;
- throughput: images a second for two callers, as a part of what two threads reach without a server. Client
  and server share the machine.

Server, client and in-process work are processes of their own, so that each one's CPU time is its own.
"""

from __future__ import annotations

import io
import multiprocessing
import secrets
import statistics
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.bench.command import Progress, run, verdict

if TYPE_CHECKING:
    from localcloud.scoring.pipeline import Pipeline
    from localcloud.scoring.tls import TlsMaterial

PHOTO = Path(__file__).parents[2] / "samples" / "espresso.jpg"
SERVER_NAME = "scoring.example.com"
TURNS = 7
IMAGES = 200
CALLERS = 2
CPU_LIMIT = 1.10
THROUGHPUT_LIMIT = 0.80


@dataclass(frozen=True)
class Turn:
    """One turn of one side, in milliseconds of CPU time an image and images a second."""

    cpu_ms: float
    images_per_s: float


def measure(turns: int, progress: Progress) -> dict[str, Any]:
    """The benchmark's figures as JSON has them."""
    from localcloud import featurizers

    with tempfile.TemporaryDirectory() as folder:
        progress("building the model")
        featurizers.build(Path(folder) / "model")
        with (
            _process(_work_in_process, folder) as in_process,
            _process(_serve, folder) as server,
            _process(_call, *server.recv()) as client,
        ):
            pairs: list[tuple[Turn, Turn]] = []
            for number in range(turns + 1):
                alone = _ask(in_process, IMAGES)
                before = _ask(server, None)
                called = _ask(client, IMAGES)
                served_cpu_s = _ask(server, None)["cpu_s"] - before["cpu_s"]
                pair = (
                    Turn(1000 * alone["cpu_s"] / IMAGES, IMAGES / alone["wall_s"]),
                    Turn(1000 * served_cpu_s / IMAGES, IMAGES / called["wall_s"]),
                )
                if number:  # the first turn warms up
                    pairs.append(pair)
                    progress(f"turn {number} of {turns}: {_ratios(*pair)}")
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


def _ratios(alone: Turn, served: Turn) -> str:
    return (
        f"CPU {served.cpu_ms / alone.cpu_ms:.2f} x, images {served.images_per_s / alone.images_per_s:.2f} x"
    )


@contextmanager
def _process(target: Callable[..., None], *arguments: object) -> Iterator[Connection]:
    """A fresh Python process that answers what it is asked on a pipe, until None is asked for its end."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=target, args=(there, *arguments), daemon=True)
    process.start()
    there.close()
    try:
        yield here
    finally:
        here.close()  # ends the process: its next recv meets the end of the pipe
        process.join()


def _ask(connection: Connection, question: int | None) -> dict[str, float]:
    connection.send(question)
    answer: dict[str, float] = connection.recv()
    return answer


def _answer(connection: Connection, work: Callable[[int], None]) -> None:
    """Does as many images as asked, over and over, and tells what it took."""
    try:
        while True:
            images = connection.recv()
            cpu, wall = time.process_time(), time.perf_counter()
            if images:
                work(images)
                cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            connection.send({"cpu_s": cpu, "wall_s": wall})
    except EOFError:
        return


def _pipeline(folder: str) -> Pipeline:
    from localcloud.scoring.device import Device
    from localcloud.scoring.pipeline import load_package

    model = Path(folder) / "model"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in (model / "package").iterdir():
            archive.write(path, path.name)
    return load_package(buffer.getvalue(), Device(model / "featurizers"))


def _work_in_process(connection: Connection, folder: str) -> None:
    from localcloud.scoring.images import decode_image

    pipeline, content = _pipeline(folder), PHOTO.read_bytes()
    with ThreadPoolExecutor(CALLERS) as pool:

        def one(_number: int) -> None:
            pipeline.run(decode_image(content, pipeline.height, pipeline.width))

        _answer(connection, lambda images: _all(pool, one, images))


def _serve(connection: Connection, folder: str) -> None:
    from localcloud.scoring.addresses import AddressPool
    from localcloud.scoring.host import Deployment, ScoringHost
    from localcloud.scoring.served import ModelName

    tls, key = _certificate(), secrets.token_urlsafe()
    pool = AddressPool("127.91.0.0/16", 50051)
    endpoint, _ = pool.choose((), secrets.randbelow(pool.size))
    host = ScoringHost()
    host.deploy(
        Deployment(
            "bench", *endpoint, _pipeline(folder), tls, key, secrets.token_urlsafe(), ModelName("model", 1)
        )
    )
    connection.send((f"{endpoint.address}:{endpoint.port}", tls.certificate_pem, key))
    _answer(connection, lambda _images: None)
    host.stop()


def _call(connection: Connection, target: str, root_pem: bytes, key: str) -> None:
    import grpc

    from clients.wire.messages import PredictRequest, PredictResponse
    from clients.wire.tensorflow_serving import METHOD, tensor_from_bytes

    request = PredictRequest()
    request.inputs["images"].CopyFrom(tensor_from_bytes([PHOTO.read_bytes()]))
    options = [("grpc.ssl_target_name_override", SERVER_NAME), ("grpc.use_local_subchannel_pool", 1)]
    credentials = grpc.ssl_channel_credentials(root_pem)
    channels = [grpc.secure_channel(target, credentials, options) for _ in range(CALLERS)]
    predict = [
        channel.unary_unary(METHOD, PredictRequest.SerializeToString, PredictResponse.FromString)
        for channel in channels
    ]
    metadata = (("authorization", f"Bearer {key}"),)
    with ThreadPoolExecutor(CALLERS) as pool:

        def one(number: int) -> None:
            predict[number % CALLERS](request, timeout=30, metadata=metadata)

        _answer(connection, lambda images: _all(pool, one, images))
    for channel in channels:
        channel.close()


def _all(pool: ThreadPoolExecutor, work: Callable[[int], None], images: int) -> None:
    for _ in pool.map(work, range(images)):
        pass


def _certificate() -> TlsMaterial:
    """A certificate for the server's name."""
    import datetime

    from certs.sources.self_signed import issue, new_authority
    from localcloud.scoring.tls import read_material

    now = datetime.datetime.now(datetime.UTC)
    issued = issue(new_authority("bench", now), [SERVER_NAME], now)
    return read_material(issued.certificate_pem, issued.key_pem)


if __name__ == "__main__":
    sys.exit(run("tools.bench.scoring", "Scoring beside in-process.", TURNS, measure, show))
