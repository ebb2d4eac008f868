"""`python -m tools.chaos.cluster.calling NAME PORT CALLERS PHOTO`: callers of a service, in one process.

Its standard input is a line of JSON with the root to trust and the key, and then nothing until they are to
end; its standard output is a line of JSON for each call. Each caller has a channel and a thread of its own.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

import grpc

from clients.wire import tensorflow_serving as serving
from clients.wire.messages import PredictRequest, PredictResponse

OPTIONS: Final[tuple[tuple[str, Any], ...]] = (
    ("grpc.use_local_subchannel_pool", 1),
    # gRPC's own pauses grow from 1 s to two minutes: a service that is back would wait for its callers
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 500),
)
PAUSE_S: Final = 0.1
"""Between two calls of one caller."""
DEADLINE_S: Final = 30.0


def main(name: str, port: int, callers: int, photo: Path) -> None:
    """Calls until its standard input ends."""
    access = json.loads(sys.stdin.readline())
    request = PredictRequest()
    request.inputs[serving.INPUT].CopyFrom(serving.tensor_from_bytes([photo.read_bytes()]))
    message = request.SerializeToString()
    ended, said = threading.Event(), threading.Lock()

    def call(caller: int) -> None:
        credentials = grpc.ssl_channel_credentials(access["root"].encode())
        with grpc.secure_channel(f"dns:///{name}:{port}", credentials, OPTIONS) as channel:
            predict = channel.unary_unary(serving.METHOD, bytes, PredictResponse.FromString)
            metadata = (("authorization", access["key"]),)
            while not ended.wait(PAUSE_S):
                began, code, words, answer = time.monotonic(), "OK", "", None
                try:
                    # What has not begun waits for a connection; what was cut off is not repeated.
                    response = predict(message, DEADLINE_S, metadata, wait_for_ready=True)
                    scores = serving.array_from_tensor(response.outputs[serving.OUTPUT])
                    answer = int(scores.argmax())
                except grpc.RpcError as error:
                    code, words = error.code().name, error.details() or ""
                line = json.dumps([caller, began, time.monotonic(), code, words, answer])
                with said:
                    print(line, flush=True)

    threads = [threading.Thread(target=call, args=(caller,)) for caller in range(callers)]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    ended.set()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
