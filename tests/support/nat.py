"""A machine that translates addresses: who calls one of its own is passed on to another machine's."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from tests.support.machines import Machine

Place = tuple[str, int]

# On the machine: TCP and UDP of each outer place go to the inner one, from this machine's own address.
_FORWARD: Final = """\
import asyncio, json, socket, sys

async def pump(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()

def passed_on(inner):
    async def accept(reader, writer):
        try:
            there_reader, there_writer = await asyncio.open_connection(*inner)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, there_writer), pump(there_reader, writer))
    return accept

class Back(asyncio.DatagramProtocol):
    def __init__(self, outside, caller):
        self.outside, self.caller = outside, caller
    def datagram_received(self, data, _):
        self.outside.sendto(data, self.caller)

class Datagrams(asyncio.DatagramProtocol):
    def __init__(self, inner):
        self.inner, self.tasks = inner, set()
    def connection_made(self, transport):
        self.transport = transport
    def datagram_received(self, data, caller):
        task = asyncio.ensure_future(self.pass_on(data, caller))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
    async def pass_on(self, data, caller):
        loop = asyncio.get_running_loop()
        there, _ = await loop.create_datagram_endpoint(
            lambda: Back(self.transport, caller), remote_addr=tuple(self.inner))
        there.sendto(data)

async def main():
    loop = asyncio.get_running_loop()
    for outer, inner in json.loads(sys.argv[1]):
        await asyncio.start_server(passed_on(inner), *outer)
        await loop.create_datagram_endpoint(lambda inner=inner: Datagrams(inner), local_addr=tuple(outer))
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@contextmanager
def translating(machine: Machine, places: Mapping[Place, Place]) -> Iterator[None]:
    """Has a machine pass on, inside the block, what comes to its places to the inner places of each."""
    command = machine.command(sys.executable, "-c", _FORWARD, json.dumps(list(places.items())))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield
        finally:
            process.kill()
