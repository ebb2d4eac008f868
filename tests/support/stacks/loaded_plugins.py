"""Plugins that a process which has loaded what they import forks, one for each start.

The engine starts what it always starts: an executable, whose standard streams, variables, folder and signals
are the plugin's. The plugin is its own module in a process of its own. Left out is the import, which takes a
creation longer than all of its calls.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from engine import azure_native_plugin, scripts
from engine.install import DYNAMIC, Engine
from infra.providers import ahead
from infra.settings.reader import PROJECT_ROOT

MODULES = {DYNAMIC: "engine.dynamic_provider", azure_native_plugin.EXECUTABLE: "engine.azure_native"}
NUMBER_BYTES = 8
LARGE_BYTES = 2**20

# An interpreter that loads next to nothing hands over what it was given, passes signals on, and waits.
HAND_OVER = """
import json, os, signal, socket, sys
with socket.socket(socket.AF_UNIX) as forks:
    forks.connect(sys.argv[1])
    told = json.dumps([sys.argv[2:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(forks, [len(told).to_bytes(8, "big")], [0, 1, 2])
    forks.sendall(told)
    plugin = int.from_bytes(forks.recv(8), "big")
    def pass_on(number, frame):
        try:
            os.kill(plugin, number)
        except ProcessLookupError:
            pass
    signal.signal(signal.SIGINT, pass_on)
    signal.signal(signal.SIGTERM, pass_on)
    for descriptor in (0, 1, 2):
        os.close(descriptor)
    forks.recv(1)
os._exit(0)
"""


@contextmanager
def installed(engine: Engine, folder: Path) -> Iterator[Engine]:
    """The engine once more, below `folder`, with such plugins; they can be started until the end."""
    local = folder / ".local"
    shutil.copytree(engine.local, local, symlinks=True, copy_function=share)
    with tempfile.TemporaryDirectory() as short:  # an address of this kind has room for 100 characters
        address = str(Path(short) / "forks")
        for executable, module in MODULES.items():
            # an official plugin stays what it is
            for place in filter(scripts.is_ours, local.glob(f"**/{executable}")):
                command = [sys.executable, "-I", "-S", "-c", HAND_OVER, address, module]
                scripts.write(place, f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
        with forking(engine, address):
            yield replace(engine, local=local, pulumi=local / "bin" / "pulumi")


def share(source: str, place: str) -> None:
    """Copies a file; a large one, which is an executable, is the same file in both places."""
    if Path(source).stat().st_size > LARGE_BYTES:
        os.link(source, place)
    else:
        shutil.copy2(source, place)


@contextmanager
def forking(engine: Engine, address: str) -> Iterator[None]:
    """Starts the process that forks, and ends it."""
    # as the launchers of the plugins start Python, but for `-P`: the tests are nowhere but in the checkout
    command = [sys.executable, "-E", "-X", "utf8", "-u", "-m", "tests.support.stacks.loaded_plugins", address]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=PROJECT_ROOT, env=engine.environment, **pipes) as forks:  # type: ignore[call-overload]
        assert forks.stdout.readline() == b"ready\n"
        yield
        forks.communicate()  # the end of its input is the end of it
    assert forks.returncode == 0


def main() -> None:
    """Forks a plugin for each that asks at the address, until the input ends."""
    load()
    signal.signal(signal.SIGCHLD, reap)
    with socket.socket(socket.AF_UNIX) as asked:
        asked.bind(sys.argv[1])
        asked.listen(64)
        print("ready", flush=True)
        while sys.stdin not in select.select([asked, sys.stdin], [], [])[0]:
            connection, _ = asked.accept()
            with connection:
                if os.fork() == 0:
                    try:
                        become_plugin(connection)
                    except BaseException:
                        traceback.print_exc()
                    finally:
                        os._exit(1)


def reap(*_: object) -> None:
    """Takes note of plugins that ended: their time counts as this process's, and so as the tests'."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def load() -> None:
    """Imports what the plugins do, and nothing that starts a thread."""
    folder = PROJECT_ROOT / "infra" / "providers"
    providers = [f"infra.providers.{file.stem}" for file in sorted(folder.glob("[!_]*.py"))]
    modules = [one for stage in ahead.STAGES.values() for one in stage]
    for module in (*modules, "pulumi.dynamic", "engine.azure_native.server", *providers):
        importlib.import_module(module)


def become_plugin(connection: socket.socket) -> None:
    """Takes over what the other side was given, and runs its module; the connection ends with it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    length, descriptors, _, _ = socket.recv_fds(connection, NUMBER_BYTES, 3)
    left, parts = int.from_bytes(length, "big"), []
    while left:
        part = connection.recv(left)
        assert part, "who asked is gone"
        parts.append(part)
        left -= len(part)
    (module, *arguments), folder, variables = json.loads(b"".join(parts))
    for descriptor, number in zip(descriptors, (0, 1, 2), strict=True):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(folder)
    sys.argv = [module, *arguments]
    connection.sendall(os.getpid().to_bytes(NUMBER_BYTES, "big"))
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
