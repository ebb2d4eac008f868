"""The language host as the engine sees it: a process, a port, the calls of `pulumirpc.LanguageRuntime`."""

from __future__ import annotations

import ast
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import analyzer_pb2_grpc, language_pb2, language_pb2_grpc

from infra.settings.reader import PROJECT_ROOT
from tests.support.waiting import PATIENCE_S

# In place of Pulumi's own launcher of programs: writes down how it was called, and runs the program.
LAUNCHER = """\
import json, os, runpy, sys
seen = {"arguments": sys.argv[1:], "cwd": os.getcwd(), "config": os.environ["PULUMI_CONFIG"],
        "secret_keys": os.environ["PULUMI_CONFIG_SECRET_KEYS"]}
with open("seen.json", "w") as file:
    json.dump(seen, file)
runpy.run_path("program.py")
"""
TIMEOUT_S = PATIENCE_S
PACK = PROJECT_ROOT / "policy"
HOST = PROJECT_ROOT / "engine" / "language_host.py"


class Host:
    """A running language host."""

    def __init__(self, folder: Path) -> None:
        launcher = folder / "launcher.py"
        launcher.write_text(LAUNCHER)
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "engine.language_host", launcher, "127.0.0.1:1"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )
        assert self.process.stdout is not None
        self.channel = grpc.insecure_channel(f"127.0.0.1:{int(self.process.stdout.readline())}")
        self.calls: Any = language_pb2_grpc.LanguageRuntimeStub(self.channel)

    def interrupt(self) -> tuple[str, str]:
        """What the engine does at the end: interrupt the host's group. Returns what it printed."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.communicate(timeout=TIMEOUT_S)

    def run(self, program: str, **fields: Any) -> Any:
        return self.calls.Run(self.run_request(program, **fields), timeout=TIMEOUT_S)

    def run_request(self, program: str, **fields: Any) -> Any:
        (self.folder / "program.py").write_text(program)
        return language_pb2.RunRequest(info=self.info(), **fields)

    def info(self, **options: Any) -> Any:
        given = Struct()
        given.update(options)
        return language_pb2.ProgramInfo(
            root_directory=str(self.folder.parent),
            program_directory=str(self.folder),
            entry_point=".",
            options=given,
        )


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    folder = tmp_path / "program"
    folder.mkdir()
    host = Host(folder)
    with host.process:
        yield host
        host.channel.close()
        host.process.kill()


def test_engine_is_told_which_plugin_the_program_needs(host: Host) -> None:
    answer = host.calls.GetRequiredPackages(
        language_pb2.GetRequiredPackagesRequest(info=host.info()), timeout=TIMEOUT_S
    )
    assert [(one.name, one.kind, one.version) for one in answer.packages] == [
        ("azure-native", "resource", f"v{version('pulumi-azure-native')}")
    ]


def test_host_introduces_itself(host: Host) -> None:
    host.calls.Handshake(
        language_pb2.LanguageHandshakeRequest(engine_address="127.0.0.1:1"), timeout=TIMEOUT_S
    )
    assert host.calls.GetPluginInfo(Empty(), timeout=TIMEOUT_S).version == ""
    about = host.calls.About(language_pb2.AboutRequest(), timeout=TIMEOUT_S)
    assert (about.executable, about.version) == (sys.executable, sys.version.split()[0])
    assert dict(about.metadata) == {
        "toolchain": "Pip",
        "toolchainVersion": version("pip"),
        "typechecker": "none",
    }


def test_program_is_called_with_what_the_engine_says(host: Host) -> None:
    answer = host.run(
        "",
        project="fpga",
        stack="local",
        organization="organization",
        monitor_address="127.0.0.1:2",
        dryRun=True,
        parallel=7,
        config={"fpga:region": "eastus2", "fpga:key": "hidden"},
        configSecretKeys=["fpga:key"],
    )
    assert (answer.error, answer.bail) == ("", False)
    seen = json.loads((host.folder / "seen.json").read_text())
    arguments = seen["arguments"]
    assert dict(zip(arguments[:-1:2], arguments[1::2], strict=True)) == {
        "--monitor": "127.0.0.1:2",
        "--engine": "127.0.0.1:1",
        "--project": "fpga",
        "--stack": "local",
        "--organization": "organization",
        "--root_directory": str(host.folder.parent),
        "--pwd": str(host.folder),
        "--dry_run": "true",
        "--parallel": "7",
    }
    assert arguments[-1] == "."
    assert seen["cwd"] == str(host.folder)
    assert json.loads(seen["config"]) == {"fpga:region": "eastus2", "fpga:key": "hidden"}
    assert json.loads(seen["secret_keys"]) == ["fpga:key"]


@pytest.mark.parametrize(
    ("code", "error", "bail"),
    [(0, "", False), (32, "", True), (3, "the program ended with exit code 3", False)],
)
def test_exit_code_of_the_program_is_translated(host: Host, code: int, error: str, bail: bool) -> None:
    answer = host.run(f"raise SystemExit({code})")
    assert (answer.error, answer.bail) == (error, bail)


def test_virtual_environment_option_is_refused_in_words(host: Host) -> None:
    request = language_pb2.RunRequest(info=host.info(virtualenv="venv"))
    with pytest.raises(grpc.RpcError) as raised:
        host.calls.Run(request, timeout=TIMEOUT_S)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert raised.value.details() == (
        f"Programs run in {sys.executable}: remove runtime.options.virtualenv from Pulumi.yaml."
    )


WAITING = "import os, threading; open('pid', 'w').write(f'{os.getpid()}.'); threading.Event().wait()"


def started(folder: Path, host: Host) -> psutil.Process:
    """The waiting program, when it has come to its wait."""
    pid = folder / "pid"
    deadline = time.monotonic() + TIMEOUT_S
    while not (pid.exists() and pid.read_text().endswith(".")):
        assert time.monotonic() < deadline
        assert host.process.poll() is None
        threading.Event().wait(0.02)
    return psutil.Process(int(pid.read_text().rstrip(".")))


def test_program_ends_when_the_engine_gives_up_the_call(host: Host) -> None:
    call = host.calls.Run.future(host.run_request(WAITING), timeout=TIMEOUT_S)
    program = started(host.folder, host)
    call.cancel()
    assert program in psutil.wait_procs([program], timeout=TIMEOUT_S)[0]
    assert host.run("").error == "", "the host serves on"


def test_cancel_ends_the_program_and_its_call(host: Host) -> None:
    call = host.calls.Run.future(host.run_request(WAITING), timeout=TIMEOUT_S)
    program = started(host.folder, host)
    host.calls.Cancel(Empty(), timeout=TIMEOUT_S)
    assert program in psutil.wait_procs([program], timeout=TIMEOUT_S)[0]
    assert call.result().error == "the program ended with exit code -15"


def test_interrupt_ends_host_and_program_without_a_word(host: Host) -> None:
    call = host.calls.Run.future(host.run_request(WAITING), timeout=TIMEOUT_S)
    program = started(host.folder, host)
    assert host.interrupt() == ("", "")
    assert host.process.returncode == 0
    assert program in psutil.wait_procs([program], timeout=TIMEOUT_S)[0]
    assert call.exception().code() is grpc.StatusCode.UNAVAILABLE


def test_host_and_program_end_with_an_engine_that_was_killed(host: Host) -> None:
    call = host.calls.Run.future(host.run_request(WAITING), timeout=TIMEOUT_S)
    program = started(host.folder, host)
    assert host.process.stdin is not None
    host.process.stdin.close()
    assert host.process.wait(TIMEOUT_S) == 0
    assert program in psutil.wait_procs([program], timeout=TIMEOUT_S)[0]
    assert call.exception().code() is grpc.StatusCode.UNAVAILABLE


def test_plugin_s_output_and_exit_code_are_streamed(host: Host, tmp_path: Path) -> None:
    plugin = tmp_path / "plugin"
    plugin.mkdir()
    (plugin / "__main__.py").write_text(
        "import os, sys\nprint('port', sys.argv[1:], os.environ['MARK'])\n"
        "print('warned', file=sys.stderr)\nsys.exit(7)"
    )
    request = language_pb2.RunPluginRequest(
        info=language_pb2.ProgramInfo(program_directory=str(plugin)),
        pwd=str(tmp_path),
        args=["127.0.0.1:1"],
        env=["MARK=a=b"],
        kind="resource",
    )
    stdout, stderr, codes = b"", b"", []
    for answer in host.calls.RunPlugin(request, timeout=TIMEOUT_S):
        match answer.WhichOneof("output"):
            case "stdout":
                stdout += answer.stdout
            case "stderr":
                stderr += answer.stderr
            case "exitcode":
                codes.append(answer.exitcode)
    assert stdout == b"port ['127.0.0.1:1'] a=b\n"
    assert stderr == b"warned\n"
    assert codes == [7]


def test_policy_pack_is_run_by_the_sdk(host: Host, tmp_path: Path) -> None:
    pack = tmp_path / "policy"
    pack.mkdir()
    (pack / "__main__.py").write_text("print('the pack runs')")
    request = language_pb2.RunPluginRequest(
        info=language_pb2.ProgramInfo(program_directory=str(pack)), args=["127.0.0.1:1"], kind="analyzer"
    )
    answers = list(host.calls.RunPlugin(request, timeout=TIMEOUT_S))
    assert b"".join(answer.stdout for answer in answers) == b"the pack runs\n"
    assert answers[-1].exitcode == 0


def test_plugin_that_gets_the_engine_s_variables_calls_it_past_a_proxy(host: Host, tmp_path: Path) -> None:
    pack = tmp_path / "policy"
    pack.mkdir()
    (pack / "__main__.py").write_text("import os; print(os.environ['no_proxy'], 'PYTHONPATH' in os.environ)")
    request = language_pb2.RunPluginRequest(
        info=language_pb2.ProgramInfo(program_directory=str(pack)),
        args=["127.0.0.1:1"],
        env=["https_proxy=http://127.0.0.1:9", "NO_PROXY=a.example", "PYTHONPATH=/nowhere"],
        kind="analyzer",
    )
    answers = list(host.calls.RunPlugin(request, timeout=TIMEOUT_S))
    printed = b"".join(answer.stdout for answer in answers)
    assert printed == b"a.example,localhost,127.0.0.0/8,::1 False\n"


@pytest.mark.parametrize("how", ["interrupt", "cancel"])
def test_the_project_s_policy_pack_serves_and_leaves_at_once(host: Host, how: str) -> None:
    """What does not leave on the engine's interrupt makes each run wait five seconds for a kill."""
    request = language_pb2.RunPluginRequest(
        info=language_pb2.ProgramInfo(program_directory=str(PACK)),
        pwd=str(host.folder),
        args=["127.0.0.1:1"],
        env=[f"{name}={value}" for name, value in os.environ.items()],
        kind="analyzer",
    )
    call = host.calls.RunPlugin(request, timeout=TIMEOUT_S)
    port = int(next(call).stdout)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        info = analyzer_pb2_grpc.AnalyzerStub(channel).GetAnalyzerInfo(Empty(), timeout=TIMEOUT_S)
    assert info.name == "fpga-web-service"
    (pack,) = psutil.Process(host.process.pid).children(recursive=True)

    if how == "interrupt":
        assert host.interrupt() == ("", "")
        assert host.process.returncode == 0
    else:
        call.cancel()
    assert pack in psutil.wait_procs([pack], timeout=TIMEOUT_S)[0]


def test_every_method_of_the_service_is_answered_by_the_host_itself() -> None:
    """Read, not imported: the host takes Pulumi's packages out of the way of its messages."""
    (host,) = (
        one
        for one in ast.parse(HOST.read_text()).body
        if isinstance(one, ast.ClassDef) and one.name == "LanguageHost"
    )
    own = {one.name for one in host.body if isinstance(one, ast.FunctionDef)}
    methods = language_pb2.DESCRIPTOR.services_by_name["LanguageRuntime"].methods
    assert [one.name for one in methods if one.name not in own] == []


@pytest.mark.parametrize(
    ("method", "request_", "what"),
    [
        ("GenerateProject", language_pb2.GenerateProjectRequest(), "no Python program is generated"),
        (
            "GeneratePackage",
            language_pb2.GeneratePackageRequest(),
            "no Python SDK is generated; packages have theirs on PyPI",
        ),
        ("Pack", language_pb2.PackRequest(), "no SDK is packed"),
        ("Link", language_pb2.LinkRequest(), "no SDK is linked to a project"),
    ],
)
def test_what_takes_a_code_generator_is_refused_in_words(
    host: Host, method: str, request_: Any, what: str
) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        getattr(host.calls, method)(request_, timeout=TIMEOUT_S)
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert raised.value.details() == (
        f"This is not the official Python host, and has no code generator: {what}. Where the official "
        "release of Pulumi can be had, put it on PATH and run `make engine`."
    )


def test_an_older_engine_is_told_to_ask_for_packages(host: Host) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        host.calls.GetRequiredPlugins(language_pb2.GetRequiredPluginsRequest(), timeout=TIMEOUT_S)
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert raised.value.details() == "method GetRequiredPlugins not implemented"


def test_new_project_is_taken_as_it_is(host: Host) -> None:
    asked = host.calls.RuntimeOptionsPrompts(
        language_pb2.RuntimeOptionsRequest(info=host.info()), timeout=TIMEOUT_S
    )
    assert list(asked.prompts) == []
    request = language_pb2.TemplateRequest(info=host.info(), project_name="new")
    assert host.calls.Template(request, timeout=TIMEOUT_S) == language_pb2.TemplateResponse()


def test_imported_resources_are_told_as_comments(host: Host) -> None:
    source = 'resource zone "azure-native:dns:Zone" {\n\n    location = "global"\n}'
    request = language_pb2.GenerateProgramRequest(source={"anonymous.pp": source})
    answer = host.calls.GenerateProgram(request, timeout=TIMEOUT_S)
    code = answer.source["__main__.py"].decode()
    assert ast.parse(code).body == [], "comments alone"
    assert "This host writes no Python: declare the resources yourself." in code
    assert code.endswith('# resource zone "azure-native:dns:Zone" {\n#\n#     location = "global"\n# }\n')
    assert not answer.diagnostics


def listed(*options: str) -> dict[str, str]:
    command = [
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "list",
        "--format",
        "json",
        *options,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {re.sub("[-_.]+", "-", one["name"]).lower(): one["version"] for one in json.loads(done.stdout)}


@pytest.mark.parametrize(("transitive", "options"), [(True, ()), (False, ("--not-required",))])
def test_dependencies_are_those_that_pip_lists(
    host: Host, transitive: bool, options: tuple[str, ...]
) -> None:
    request = language_pb2.GetProgramDependenciesRequest(info=host.info(), transitiveDependencies=transitive)
    answer = host.calls.GetProgramDependencies(request, timeout=TIMEOUT_S)
    assert {one.name: one.version for one in answer.dependencies} == listed(*options)


def installed(host: Host, **options: Any) -> str:
    request = language_pb2.InstallDependenciesRequest(info=host.info(**options))
    answers = list(host.calls.InstallDependencies(request, timeout=TIMEOUT_S))
    return b"".join(one.stdout + one.stderr for one in answers).decode()


def test_a_program_without_requirements_has_nothing_to_install(host: Host) -> None:
    assert installed(host) == (
        f"Installing dependencies...\n\nNo requirements.txt in {host.folder}: programs run with the packages "
        f"of {sys.executable}.\nFinished installing dependencies\n\n"
    )


def test_requirements_are_installed_into_the_python_that_runs_programs(host: Host) -> None:
    (host.folder / "requirements.txt").write_text("pytest\n")
    said = installed(host)
    assert "Requirement already satisfied: pytest" in said
    assert said.endswith("Finished installing dependencies\n\n")


@pytest.fixture
def settings_of_pip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of a person's other projects, before the host starts."""
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "target"))
    monkeypatch.setenv("PIP_REQUIRE_HASHES", "1")


def test_settings_of_pip_move_nothing_elsewhere(settings_of_pip: None, host: Host) -> None:
    (host.folder / "requirements.txt").write_text("pytest\n")
    assert "Requirement already satisfied: pytest" in installed(host)


def test_requirements_that_cannot_be_installed_are_an_error_after_pip_s_words(host: Host) -> None:
    (host.folder / "requirements.txt").write_text("this is no requirement\n")
    request = language_pb2.InstallDependenciesRequest(info=host.info())
    answers = []
    with pytest.raises(grpc.RpcError) as raised:
        answers.extend(host.calls.InstallDependencies(request, timeout=TIMEOUT_S))
    assert b"Invalid requirement" in b"".join(one.stderr for one in answers)
    assert raised.value.code() is grpc.StatusCode.UNKNOWN
    assert raised.value.details() == "pip ended with exit code 1"


def test_a_virtual_environment_is_not_installed_into_either(host: Host) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        installed(host, virtualenv="venv")
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert raised.value.details() == (
        f"Programs run in {sys.executable}: remove runtime.options.virtualenv from Pulumi.yaml."
    )
