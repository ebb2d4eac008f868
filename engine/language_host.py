"""Pulumi's Python language host: starts programs and plugins written in Python for the engine.

Used beside a CLI that was built from its Go modules, which come without the official host. It serves what
the engine asks for in a preview, update, refresh, destroy or policy run (`pulumi/language.proto` of Pulumi
3.250) and runs everything in the Python that it runs in itself. Each start of the engine starts it, so it
imports little.
"""

# ruff: noqa: ARG002 - gRPC gives every method a request and a context
from __future__ import annotations

import importlib.util
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any

import grpc

from engine import plugin_process

BAIL = 32
"""Exit code by which `pulumi-language-python-exec` says that it has shown the error already."""


def _skip_package_imports() -> str:
    """Make Pulumi's generated messages importable without the package's own `__init__`, and tell its folder.

    `import pulumi` loads the whole SDK, four fifths of this process's start; the messages need none of it.
    """
    spec = importlib.util.find_spec("pulumi")
    if spec is None or not spec.submodule_search_locations:
        sys.exit(f"The package pulumi is not installed for {sys.executable}.")
    folder = spec.submodule_search_locations[0]
    for name in ("pulumi", "pulumi.runtime", "pulumi.runtime.proto"):
        package = ModuleType(name)
        package.__path__ = [os.path.join(folder, *name.split(".")[1:])]  # noqa: PTH118 - pathlib is not needed else
        sys.modules[name] = package
    return folder


PULUMI_FOLDER = _skip_package_imports()

from google.protobuf.empty_pb2 import Empty  # noqa: E402
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2  # noqa: E402

_children: set[subprocess.Popen[bytes]] = set()


@contextmanager
def _child(
    command: list[str], context: grpc.ServicerContext, **options: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` while the context lasts; it ends, at the latest, when the engine gives up the call.

    It leads a process group of its own: the engine interrupts this host's whole group, and a program that
    gets that signal prints a traceback. The host ends it with SIGTERM instead.
    """
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0, **options)
    _children.add(child)
    try:
        if not context.add_callback(lambda: _end(child)):
            _end(child)
        yield child
    finally:
        if child.poll() is None:
            _end(child)
            child.wait()
        _children.discard(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)


def _end_all() -> None:
    for child in list(_children):
        _end(child)


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """What running a program takes of `pulumirpc.LanguageRuntime`; the rest answers UNIMPLEMENTED."""

    def __init__(self, engine: str, launcher: str) -> None:
        self._engine = engine
        self._launcher = launcher

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Nothing is agreed upon."""
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:
        """The host has no version of its own."""
        return plugin_pb2.PluginInfo()

    def About(self, request: Any, context: grpc.ServicerContext) -> Any:
        """The Python that programs run in."""
        return language_pb2.AboutResponse(executable=sys.executable, version=sys.version.split()[0])

    def GetRequiredPackages(self, request: Any, context: grpc.ServicerContext) -> Any:
        """The resource plugins of the installed packages, as their `pulumi-plugin.json` names them."""
        packages = []
        site = os.path.dirname(PULUMI_FOLDER)  # noqa: PTH120
        for entry in os.scandir(site):
            if not entry.name.startswith("pulumi_"):
                continue
            try:
                with open(os.path.join(entry.path, "pulumi-plugin.json"), encoding="utf-8") as file:  # noqa: PTH118, PTH123
                    plugin = json.load(file)
            except (FileNotFoundError, NotADirectoryError):
                continue
            if plugin.get("resource"):
                packages.append(
                    plugin_pb2.PackageDependency(
                        name=plugin["name"],
                        kind="resource",
                        version=f"v{plugin['version'].removeprefix('v')}",
                        server=plugin.get("server", ""),
                    )
                )
        return language_pb2.GetRequiredPackagesResponse(packages=packages)

    def Run(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Run the program to its end; what it prints goes to the engine as this host's own output."""
        if request.info.options.fields.get("virtualenv"):
            context.abort(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"Programs run in {sys.executable}: remove runtime.options.virtualenv from Pulumi.yaml.",
            )
        directory = request.info.program_directory
        arguments = {
            "monitor": request.monitor_address,
            "engine": self._engine,
            "project": request.project,
            "stack": request.stack,
            "organization": request.organization,
            "root_directory": request.info.root_directory,
            "pwd": directory,
            "dry_run": "true" if request.dryRun else "false",
            "parallel": str(request.parallel),
        }
        command = [sys.executable, "-u", self._launcher]
        for name, value in arguments.items():
            command += [f"--{name}", value]
        environment = {
            **os.environ,
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
        }
        command += [request.info.entry_point, *request.args]
        with _child(command, context, cwd=directory, env=environment) as program:
            code = program.wait()
        if code == BAIL:
            return language_pb2.RunResponse(bail=True)
        error = "" if code == 0 else f"the program ended with exit code {code}"
        return language_pb2.RunResponse(error=error)

    def RunPlugin(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        """Run a plugin or a policy pack to its end; its output as it comes, then its exit code."""
        directory = request.info.program_directory
        if request.kind == "analyzer":
            command = [sys.executable, "-u", "-m", "pulumi.policy", *request.args, directory]
        else:
            command = [sys.executable, "-u", directory, *request.args]
        environment = dict(pair.split("=", 1) for pair in request.env) or None
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        output: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()

        def forward(name: str, pipe: Any) -> None:
            while chunk := pipe.read1():
                output.put((name, chunk))
            output.put((name, b""))

        def answer(name: str, chunk: bytes) -> Any:
            if name == "stdout":
                return language_pb2.RunPluginResponse(stdout=chunk)
            return language_pb2.RunPluginResponse(stderr=chunk)

        with _child(command, context, cwd=request.pwd or directory, env=environment, **pipes) as plugin:
            for name in pipes:
                threading.Thread(target=forward, args=(name, getattr(plugin, name)), daemon=True).start()
            ended = 0
            while ended < len(pipes):
                name, chunk = output.get()
                if chunk:
                    yield answer(name, chunk)
                else:
                    ended += 1
            yield language_pb2.RunPluginResponse(exitcode=plugin.wait())

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:
        """End what is running; its calls then end by themselves."""
        _end_all()
        return Empty()


def main() -> None:
    """Serve on a free loopback port, tell it on the first line of stdout, and run until the engine ends it.

    The arguments are the launcher of programs (`pulumi-language-python-exec`) and, last, the engine's
    address.
    """
    launcher, engine = sys.argv[1], sys.argv[-1]
    plugin_process.leave_with_the_engine(_end_all)
    # A policy pack is a call that lasts as long as the run, so they must not share few threads with the
    # program.
    server = grpc.server(ThreadPoolExecutor(max_workers=32))
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(LanguageHost(engine, launcher), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
