"""The sides of a comparison of scoring, each a process of its own, so that each one's CPU time is its own."""

from __future__ import annotations

import io
import multiprocessing
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localcloud.scoring.pipeline import Pipeline
    from localcloud.scoring.tls import TlsMaterial

PHOTO = Path(__file__).parents[2] / "samples" / "espresso.jpg"
SERVER_NAME = "scoring.example.com"


@dataclass(frozen=True)
class Turn:
    """One turn of one side, in milliseconds of CPU time an image and images a second."""

    cpu_ms: float
    images_per_s: float


def ratios(alone: Turn, served: Turn) -> str:
    """A turn's ratios in words."""
    return (
        f"CPU {served.cpu_ms / alone.cpu_ms:.2f} x, images {served.images_per_s / alone.images_per_s:.2f} x"
    )


@contextmanager
def process(target: Callable[..., None], *arguments: object) -> Iterator[Connection]:
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


def ask(connection: Connection, question: int | None) -> dict[str, float]:
    """The answer of a side: what so many images took it; None: its CPU time so far."""
    connection.send(question)
    answer: dict[str, float] = connection.recv()
    return answer


def answer(connection: Connection, work: Callable[[int], None]) -> None:
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


def pipeline(folder: str) -> Pipeline:
    """The model in a folder that `featurizers.build` has made."""
    from localcloud.scoring.device import Device
    from localcloud.scoring.pipeline import load_package

    model = Path(folder) / "model"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in (model / "package").iterdir():
            archive.write(path, path.name)
    return load_package(buffer.getvalue(), Device(model / "featurizers"))


def work_in_process(connection: Connection, folder: str, threads: int) -> None:
    """Does the work without a server."""
    from localcloud.scoring.images import decode_image

    model, content = pipeline(folder), PHOTO.read_bytes()
    with ThreadPoolExecutor(threads) as pool:

        def one(_number: int) -> None:
            model.run(decode_image(content, model.height, model.width))

        answer(connection, lambda images: _all(pool, one, images))


def call(connection: Connection, callers: int, target: str, root_pem: bytes, key: str) -> None:
    """Calls a service, each caller over a connection of its own."""
    import grpc

    from clients.wire.messages import PredictRequest, PredictResponse
    from clients.wire.tensorflow_serving import METHOD, tensor_from_bytes

    request = PredictRequest()
    request.inputs["images"].CopyFrom(tensor_from_bytes([PHOTO.read_bytes()]))
    options = [("grpc.ssl_target_name_override", SERVER_NAME), ("grpc.use_local_subchannel_pool", 1)]
    credentials = grpc.ssl_channel_credentials(root_pem)
    channels = [grpc.secure_channel(target, credentials, options) for _ in range(callers)]
    predict = [
        channel.unary_unary(METHOD, PredictRequest.SerializeToString, PredictResponse.FromString)
        for channel in channels
    ]
    metadata = (("authorization", f"Bearer {key}"),)
    with ThreadPoolExecutor(callers) as pool:

        def one(number: int) -> None:
            predict[number % callers](request, timeout=30, metadata=metadata)

        answer(connection, lambda images: _all(pool, one, images))
    for channel in channels:
        channel.close()


def _all(pool: ThreadPoolExecutor, work: Callable[[int], None], images: int) -> None:
    for _ in pool.map(work, range(images)):
        pass


def certificate() -> TlsMaterial:
    """A certificate for the server's name."""
    import datetime

    from certs.sources.self_signed import issue, new_authority
    from localcloud.scoring.tls import read_material

    now = datetime.datetime.now(datetime.UTC)
    issued = issue(new_authority("bench", now), [SERVER_NAME], now)
    return read_material(issued.certificate_pem, issued.key_pem)
