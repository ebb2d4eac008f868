"""Pulumi's Python language host: starts programs and plugins written in Python for the engine.

Used beside a CLI that was built from its Go modules, which come without the official host. It answers every
method of `pulumi/language.proto` of Pulumi 3.250, and runs everything in the Python that it runs in itself.
What takes the official host's code generator is not here: it says so. Each start of the engine starts it, so
it imports little.
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
from typing import Any, NoReturn

import grpc

from engine import plugin_process
from surroundings import settle
from surroundings.variables import made

REQUIREMENTS = "requirements.txt"
OFFICIAL = "the official release of Pulumi"
PYTHON = (sys.executable, "-E", "-X", "utf8", "-u")
"""The interpreter's flags for programs and plugins: whatever PYTHONPATH and its like say."""
BAIL = 32
"""Exit code by which `pulumi-language-python-exec` says that it has shown the error already."""


def _skip_package_imports() -> str:
    """Makes Pulumi's generated messages importable without the package's own `__init__`; returns its folder.

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

_PIPES: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
_children: set[subprocess.Popen[bytes]] = set()


@contextmanager
def _child(
    command: list[str], context: grpc.ServicerContext, **options: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs `command` while the context lasts; it ends, at the latest, when the engine gives up the call.

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


def _output(child: subprocess.Popen[bytes]) -> Iterator[tuple[str, Any]]:
    """The output of a child, on `stdout` and `stderr`, as it comes, until both end."""
    output: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()

    def forward(name: str) -> None:
        while chunk := getattr(child, name).read1():
            output.put((name, chunk))
        output.put((name, b""))

    for name in _PIPES:
        threading.Thread(target=forward, args=(name,), daemon=True).start()
    ended = 0
    while ended < len(_PIPES):
        name, chunk = output.get()
        if chunk:
            yield name, chunk
        else:
            ended += 1


def _of_pip(context: grpc.ServicerContext) -> dict[str, str]:
    """The variables to run pip with: into the environment that programs run in, whatever PIP_TARGET says."""
    from pathlib import Path

    from engine.bootstrap import BootstrapError, pip_environment

    try:
        return pip_environment(Path(sys.executable))
    except BootstrapError as error:
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        raise


def _refuse_virtual_environment(info: Any, context: grpc.ServicerContext) -> None:
    if info.options.fields.get("virtualenv"):
        context.abort(
            grpc.StatusCode.INVALID_ARGUMENT,
            f"Programs run in {sys.executable}: remove runtime.options.virtualenv from Pulumi.yaml.",
        )


def _no_generator(context: grpc.ServicerContext, what: str) -> NoReturn:
    context.abort(
        grpc.StatusCode.UNIMPLEMENTED,
        f"This is not the official Python host, and has no code generator: {what}. Where {OFFICIAL} can be "
        "had, put it on PATH and run `make engine`.",
    )
    raise AssertionError("abort raises")


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """`pulumirpc.LanguageRuntime`: what runs programs, and plain words where code would be generated."""

    def __init__(self, engine: str, launcher: str) -> None:
        self._engine = engine
        self._launcher = launcher

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Agrees upon nothing."""
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:
        """The host has no version of its own."""
        return plugin_pb2.PluginInfo()

    def About(self, request: Any, context: grpc.ServicerContext) -> Any:
        """The Python that programs run in, and what installs its packages."""
        from importlib.metadata import PackageNotFoundError, version

        metadata = {"toolchain": "Pip", "typechecker": "none"}
        with suppress(PackageNotFoundError):
            metadata["toolchainVersion"] = version("pip")
        return language_pb2.AboutResponse(
            executable=sys.executable, version=sys.version.split()[0], metadata=metadata
        )

    def GetProgramDependencies(self, request: Any, context: grpc.ServicerContext) -> Any:
        """The packages that are installed; without transitive ones, those that no other package requires."""
        from engine import installed_packages

        found = installed_packages.versions(transitive=request.transitiveDependencies)
        return language_pb2.GetProgramDependenciesResponse(
            dependencies=[
                language_pb2.DependencyInfo(name=name, version=version) for name, version in found.items()
            ]
        )

    def GetRequiredPlugins(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Refuses as the official host does: `GetRequiredPackages` has taken its place."""
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "method GetRequiredPlugins not implemented")

    def InstallDependencies(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        """Installs the requirements.txt beside a program, where there is one, and tells how it goes."""
        _refuse_virtual_environment(request.info, context)
        told = language_pb2.InstallDependenciesResponse
        yield told(stdout=b"Installing dependencies...\n\n")
        directory = request.info.program_directory
        if os.path.isfile(os.path.join(directory, REQUIREMENTS)):  # noqa: PTH113, PTH118
            command = [sys.executable, "-m", "pip", "install", "--progress-bar", "off", "-r", REQUIREMENTS]
            with _child(command, context, cwd=directory, env=_of_pip(context), **_PIPES) as pip:
                for name, chunk in _output(pip):
                    yield told(**{name: chunk})
                if pip.wait() != 0:
                    context.abort(grpc.StatusCode.UNKNOWN, f"pip ended with exit code {pip.returncode}")
        else:
            words = f"No {REQUIREMENTS} in {directory}: programs run with the packages of {sys.executable}.\n"
            yield told(stdout=words.encode())
        yield told(stdout=b"Finished installing dependencies\n\n")

    def RuntimeOptionsPrompts(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Asks for nothing: there is one way to run a program."""
        return language_pb2.RuntimeOptionsResponse()

    def Template(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Changes nothing of a new project."""
        return language_pb2.TemplateResponse()

    def GenerateProgram(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Writes what was imported as comments: the import is done by now, and must not end with an error."""
        lines = [
            "This host writes no Python: declare the resources yourself. Here they are in PCL, Pulumi's own",
            "language; in Python their properties are arguments, with underscores (`resource_group_name`).",
        ]
        for source in request.source.values():
            lines += ["", *source.splitlines()]
        code = "".join(f"# {line}".rstrip() + "\n" for line in lines)
        return language_pb2.GenerateProgramResponse(source={"__main__.py": code.encode()})

    def GenerateProject(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Refuses: it is for `pulumi convert`."""
        _no_generator(context, "no Python program is generated")

    def GeneratePackage(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Refuses: it is for `pulumi package gen-sdk` and `add`."""
        _no_generator(context, "no Python SDK is generated; packages have theirs on PyPI")

    def Pack(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Refuses: it is for generated SDKs."""
        _no_generator(context, "no SDK is packed")

    def Link(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Refuses: it is for generated SDKs."""
        _no_generator(context, "no SDK is linked to a project")

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
        """Runs the program to its end; what it prints goes to the engine as this host's own output."""
        _refuse_virtual_environment(request.info, context)
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
        command = [*PYTHON, self._launcher]
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
        """Runs a plugin or a policy pack to its end; its output as it comes, then its exit code."""
        directory = request.info.program_directory
        if request.kind == "analyzer":
            command = [*PYTHON, "-m", "pulumi.policy", *request.args, directory]
        else:
            command = [*PYTHON, directory, *request.args]
        # The engine may hand over its own variables, which are those of whoever started it.
        environment = made(dict(pair.split("=", 1) for pair in request.env)) if request.env else None
        with _child(command, context, cwd=request.pwd or directory, env=environment, **_PIPES) as plugin:
            for name, chunk in _output(plugin):
                yield language_pb2.RunPluginResponse(**{name: chunk})
            yield language_pb2.RunPluginResponse(exitcode=plugin.wait())

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Ends the children that run; their calls then end by themselves."""
        _end_all()
        return Empty()


def main() -> None:
    """Serves on a free loopback port, tells it on the first line of stdout, runs until the engine ends it.

    The arguments are the launcher of programs (`pulumi-language-python-exec`) and, last, the engine's
    address.
    """
    launcher, engine = sys.argv[1], sys.argv[-1]
    settle()
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
