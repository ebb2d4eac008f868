"""A server over UDP that answers with any bytes, or not at all."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def datagram_server(reply: Callable[[bytes], bytes | None]) -> Iterator[str]:
    """Serves on a free port of loopback: `ADDRESS:PORT`."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as endpoint:
        endpoint.bind(("127.0.0.1", 0))
        here = endpoint.getsockname()

        def serve() -> None:
            while True:
                packet, peer = endpoint.recvfrom(4096)
                if not packet:
                    return
                answer = reply(packet)
                if answer is not None:
                    endpoint.sendto(answer, peer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"{here[0]}:{here[1]}"
        finally:
            endpoint.sendto(b"", here)
            thread.join()
