"""A proxy that notes whom it is asked for, and connects nobody."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def recording_proxy() -> Iterator[tuple[str, list[str]]]:
    """Its address, and the first lines of the requests that it got, without the version of HTTP."""
    heard: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    caller, _ = listening.accept()
                except OSError:
                    return
                with caller:
                    line = caller.makefile("rb").readline().decode().strip()
                    if not line:
                        return
                    heard.append(line.rpartition(" HTTP/")[0])
                    caller.sendall(b"HTTP/1.1 503 Nobody\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        address = listening.getsockname()
        try:
            yield f"http://{address[0]}:{address[1]}", heard
        finally:
            socket.create_connection(address).close()  # an empty line ends it
            thread.join()
