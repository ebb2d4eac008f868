"""A language host that has loaded the program already: a preview that is refused costs a third of a second.

`pulumi --client ADDRESS` takes it in place of the installed host, which starts a process for each run. All
else is as it always is: the CLI, the engine, its monitor, the plugins, and the program's own front door,
`infra.program.run`, with the configuration that the engine hands out.
"""

from __future__ import annotations

import asyncio
import contextvars
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

from infra.settings.reader import PROJECT_ROOT

# The azure-native SDK loads its modules when they are first used, which two threads at once cannot do.
_DECLARING = threading.Lock()


@contextmanager
def running(environment: Mapping[str, str]) -> Iterator[str]:
    """Starts one with these variables, and ends it; its address."""
    command = [sys.executable, "-m", "tests.support.stacks.warm_host"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=PROJECT_ROOT, env=environment, text=True, **pipes) as host:  # type: ignore[call-overload]
        yield f"127.0.0.1:{int(host.stdout.readline())}"
        host.communicate()  # the end of its input is the end of it
    assert host.returncode == 0


def main() -> None:
    """Serves on a free port of loopback, which it prints, until its input ends."""
    import grpc
    from google.protobuf import empty_pb2
    from pulumi.runtime.proto import LanguageRuntimeServicer, language_pb2, language_pb2_grpc, plugin_pb2

    class WarmHost(LanguageRuntimeServicer):
        def Handshake(self, request: Any, context: Any) -> Any:
            return language_pb2.LanguageHandshakeResponse()

        def GetPluginInfo(self, request: Any, context: Any) -> Any:
            return plugin_pb2.PluginInfo()

        def GetRequiredPackages(self, request: Any, context: Any) -> Any:
            return language_pb2.GetRequiredPackagesResponse()

        def Cancel(self, request: Any, context: Any) -> Any:
            return empty_pb2.Empty()

        def Run(self, request: Any, context: Any) -> Any:
            error, told = contextvars.copy_context().run(_run, request)
            return language_pb2.RunResponse(error=error, bail=told)

    server = grpc.server(ThreadPoolExecutor(max_workers=8))
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(WarmHost(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    sys.stdin.read()
    server.stop(grace=None)


def _run(request: Any) -> tuple[str, bool]:
    """What `pulumi-language-python-exec` does with a program: what went wrong, and whether it was told."""
    from pulumi.runtime import reset_options, run_in_stack, set_all_config

    from infra import program

    config, secret_keys = dict(request.config), list(request.configSecretKeys)
    reset_options(
        project=request.project,
        stack=request.stack,
        monitor_address=request.monitor_address,
        engine_address=request.args[0],
        parallel=request.parallel,
        preview=request.dryRun,
        organization=request.organization,
        root_directory=request.info.root_directory,
    )
    set_all_config(config, secret_keys)

    def declare() -> None:
        with _DECLARING:
            program.run(config, secret_keys)

    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(run_in_stack(declare))
    except SystemExit as end:
        return ("", True) if end.code == program.TOLD_EXIT_CODE else (f"ended with {end.code}", False)
    except Exception:
        return traceback.format_exc(), False
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
            with suppress(asyncio.CancelledError):
                loop.run_until_complete(task)
        loop.close()
    return "", False


if __name__ == "__main__":
    main()
