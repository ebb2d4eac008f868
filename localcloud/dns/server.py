"""The authoritative name server for the zones that Resource Manager holds, over UDP and TCP."""

from __future__ import annotations

import asyncio
import json
import socket
import sqlite3
import struct
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import cast

import dns.name

from localcloud import ports
from localcloud.datafolder.store import Store
from localcloud.dns.answer import respond
from localcloud.dns.blob_zones import BlobZones
from localcloud.dns.challenges import Challenges
from localcloud.dns.records import RecordSet, Zone, zone_from
from localcloud.http.connections import BoundedListener

_ZONE_TYPE = "microsoft.network/dnszones"
_STORAGE_TYPE = "microsoft.storage/storageaccounts"
_TCP_IDLE_S = 10.0
_TCP_CONNECTIONS = 128
_TCP_CONNECTIONS_OF_PEER = 96


class DnsServer:
    """An authoritative name server on one port, in a thread of its own.

    Args:
        store: holds the zones and record sets; a committed change is in the next answer.
        host: IP address to listen on.
        port: UDP and TCP port; 0 for a free one.
        challenges: what is answered beside the zones.
        blob_zones: the names of storage accounts, likewise; None: there is no blob storage.
    """

    def __init__(
        self,
        store: Store,
        host: str,
        port: int,
        challenges: Challenges | None = None,
        blob_zones: BlobZones | None = None,
    ) -> None:
        self._store = store
        self._host = host
        self._challenges = challenges or Challenges()
        self._blob_zones = blob_zones
        self.port = port
        self._zones: Mapping[dns.name.Name, Zone] = {}
        self._version: int | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stopped: asyncio.Event | None = None
        self._conversations: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    def start(self) -> None:
        """Listens; queries are answered from when this returns.

        Raises:
            StartError: the port cannot be bound.
        """
        try:
            tcp, udp = self._bind()
        except OSError as error:
            raise ports.refused(error, self._host, self.port, "dns") from None
        self.port = tcp.getsockname()[1]
        listening = threading.Event()
        self._thread = threading.Thread(
            target=asyncio.run, args=(self._serve(tcp, udp, listening),), name="dns", daemon=True
        )
        self._thread.start()
        listening.wait()

    def stop(self) -> None:
        """Ends the thread and closes the port; nothing happens where it does not run."""
        if self._thread is not None and self._loop is not None and self._stopped is not None:
            self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join()
            self._thread = None

    def respond(self, wire: bytes, *, udp: bool) -> bytes | None:
        """The answer to a message as it came; None: there is none to give."""
        return respond(wire, self._current_zones, udp=udp)

    def _bind(self) -> tuple[socket.socket, socket.socket]:
        """TCP and UDP on the same port."""
        while True:
            tcp = ports.listener(self._host, self.port)
            try:
                return tcp, ports.listener(self._host, tcp.getsockname()[1], socket.SOCK_DGRAM)
            except OSError:
                tcp.close()
                if self.port:
                    raise

    async def _serve(self, tcp: socket.socket, udp: socket.socket, listening: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        transport, _ = await self._loop.create_datagram_endpoint(lambda: _Datagrams(self), sock=udp)
        bounded = BoundedListener(tcp, _TCP_CONNECTIONS, _TCP_CONNECTIONS_OF_PEER, None)
        server = await asyncio.start_server(self._accept, sock=bounded)
        listening.set()
        await self._stopped.wait()
        transport.close()
        server.close()
        for conversation in self._conversations:
            conversation.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversation = asyncio.create_task(self._converse(reader, writer))
        self._conversations[conversation] = writer
        # Not in the conversation itself: one that is cancelled before it began would never get there.
        conversation.add_done_callback(lambda ended: self._conversations.pop(ended).close())

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers query after query on a TCP connection (RFC 7766), until the caller goes or idles."""
        with suppress(TimeoutError, asyncio.IncompleteReadError, ConnectionError):
            while True:
                async with asyncio.timeout(_TCP_IDLE_S):
                    (size,) = struct.unpack("!H", await reader.readexactly(2))
                    wire = self.respond(await reader.readexactly(size), udp=False)
                    if wire is None:
                        return
                    writer.write(struct.pack("!H", len(wire)) + wire)
                    await writer.drain()

    def _current_zones(self) -> Mapping[dns.name.Name, Zone]:
        with self._store.read() as connection:
            # Changes with every commit of another connection, i.e. with every write of this process.
            (version,) = connection.execute("PRAGMA data_version").fetchone()
            if version != self._version:
                rows = connection.execute(
                    "SELECT id, parent_id, type, name, body FROM resources"
                    " WHERE type = ? OR type LIKE ? ORDER BY created_on, id",
                    (_ZONE_TYPE, f"{_ZONE_TYPE}/%"),
                ).fetchall()
                self._zones = _zones(rows)
                if self._blob_zones is not None:
                    accounts = connection.execute(
                        "SELECT name FROM resources WHERE type = ?", (_STORAGE_TYPE,)
                    ).fetchall()
                    self._zones = self._blob_zones.beside(self._zones, [one["name"] for one in accounts])
                self._version = version
        return self._challenges.beside(self._zones)


class _Datagrams(asyncio.DatagramProtocol):
    """UDP: one message in, one message out."""

    def __init__(self, server: DnsServer) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        wire = self._server.respond(data, udp=True)
        if wire is not None and self._transport is not None:
            self._transport.sendto(wire, addr)


def _zones(rows: Sequence[sqlite3.Row]) -> dict[dns.name.Name, Zone]:
    """The zones by origin. Where two groups hold a zone of one name, the older one answers."""
    zones: dict[dns.name.Name, Zone] = {}
    for row in rows:
        if row["type"] != _ZONE_TYPE:
            continue
        zone = zone_from(
            row["name"],
            [
                RecordSet(one["name"], one["type"].rpartition("/")[2], json.loads(one["body"])["properties"])
                for one in rows
                if one["parent_id"] == row["id"]
            ],
        )
        zones.setdefault(zone.origin, zone)
    return zones
