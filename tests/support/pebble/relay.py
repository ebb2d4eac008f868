"""What stands between a test and its authority, so that it can fail: a line to it, and its resolver."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

import dns.message
import dns.query

from tests.support.pebble.name_server import serving

PATIENCE_S = 60.0


class Line:
    """Passes TCP connections on to a port of this machine, while it is not cut."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._start()

    @contextmanager
    def cut(self) -> Iterator[None]:
        """For the time being, connections are refused."""
        self.stop()
        try:
            yield
        finally:
            self._listening = socket.create_server(("127.0.0.1", self.port))
            self._start()

    def stop(self) -> None:
        # closing alone would leave the thread in accept()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._accept, args=(self._listening,), daemon=True)
        self._thread.start()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                caller, _ = listening.accept()
            except OSError:
                return
            called = socket.create_connection(("127.0.0.1", self._target))
            threading.Thread(target=_pass_on, args=(caller, called), daemon=True).start()


def _pass_on(caller: socket.socket, called: socket.socket) -> None:
    with caller, called:
        back = threading.Thread(target=_pump, args=(called, caller), daemon=True)
        back.start()
        _pump(caller, called)
        back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        # either end is gone: so is the other direction
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


class Resolver:
    """The authority's resolver: it asks the name server, unless a test says otherwise.

    Attributes:
        lies: answers that there is no record.
        asked: set when a question came while questions are held.
    """

    def __init__(self, name_server: str) -> None:
        host, _, port = name_server.rpartition(":")
        self._name_server = (host, int(port))
        self.lies = False
        self.asked = threading.Event()
        self._go_on = threading.Event()
        self._go_on.set()

    @contextmanager
    def held(self) -> Iterator[None]:
        """For the time being, questions wait."""
        self.asked.clear()
        self._go_on.clear()
        try:
            yield
        finally:
            self._go_on.set()

    def served(self) -> AbstractContextManager[str]:
        """Serves it: `host:port`."""
        return serving(self._answer)

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        if not self._go_on.is_set():
            self.asked.set()
            self._go_on.wait(PATIENCE_S)
        if self.lies:
            return dns.message.make_response(query)
        host, port = self._name_server
        return dns.query.tcp(query, host, PATIENCE_S, port)
