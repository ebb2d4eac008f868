"""Commands whose server, or engine, answers late: standard error says what is waited for, after two seconds.

What is late here answers when that was said, and not before.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
import pytest

from clients.wire import messages
from localcloud import control
from localcloud.status import Status
from tests.support import waits
from tests.support.localcloud import parts
from tests.support.servers.scoring_server import scores, scoring_server
from tests.support.waiting import PATIENCE_S

AFTER_TWO_SECONDS = r" \((2\.\d|[3-9]\.\d|[1-9]\d) s\)\n"


@contextmanager
def waiting(local: Path, *arguments: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """The command, which is ended where a test has not waited for its end."""
    with subprocess.Popen(
        [sys.executable, "-m", "fpga.cli", *arguments],
        env={**os.environ, "FPGA_LOCAL": str(local), **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    return process.stderr.readline()


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Status]:
    data = tmp_path / "cloud"
    status = control.start(parts.settings(data))
    yield status
    assert status.pid is not None
    os.kill(status.pid, signal.SIGCONT)
    control.stop(data)


def test_a_photo_that_is_scored_late(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"the photo")
    said = threading.Event()

    def late(request: messages.PredictRequest, context: grpc.ServicerContext) -> messages.PredictResponse:
        assert said.wait(PATIENCE_S)
        return scores(request, context)

    with scoring_server(handler=late) as running:
        named = f"grpc://localhost:{running.port}"
        options = ("--json", "--timeout", str(PATIENCE_S))
        with waiting(tmp_path, "predict", str(photo), "--endpoint", named, *options) as process:
            line = first_line(process)
            said.set()
            stdout, rest = process.communicate(timeout=PATIENCE_S)
    assert re.fullmatch(rf"localhost: it is to score {re.escape(str(photo))}{AFTER_TWO_SECONDS}", line)
    assert re.fullmatch(r"localhost: done in .* s", rest.splitlines()[-1])
    assert json.loads(stdout)["labels"][0]["number"] == 1, "standard output has the answer alone"
    assert process.returncode == 0


def test_a_service_that_takes_a_connection_and_is_silent(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"the photo")
    (tmp_path / "key").write_text("a key")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        named = f"localhost:{silent.getsockname()[1]}"
        options = ("--key-file", str(tmp_path / "key"), "--timeout", "3")
        with waiting(tmp_path, "predict", str(photo), "--endpoint", named, *options) as process:
            line = first_line(process)
            _, rest = process.communicate(timeout=PATIENCE_S)
    assert re.fullmatch(rf"localhost: it is connected to{AFTER_TWO_SECONDS}", line)
    assert re.match(r"localhost: failed after .* s\nerror: ", rest)
    assert process.returncode == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("cloud", "status", "--json"), "status: the localcloud of {data} is to answer"),
        (("open", "--no-browser"), "page: the localcloud of {data} is to answer"),
        (("cloud", "rotate", "sign-in"), "rotation: the localcloud of {data} takes what is new"),
        (("cloud", "rotate", "ca"), "rotation: the localcloud of {data} takes what is new"),
        (("cloud", "list", "--json"), "localclouds: the one of {data} is asked"),
    ],
)
def test_a_localcloud_that_answers_late(
    tmp_path: Path, started: Status, arguments: tuple[str, ...], words: str
) -> None:
    assert started.pid is not None
    os.kill(started.pid, signal.SIGSTOP)
    with waiting(tmp_path, *arguments) as process:
        line = first_line(process)
        os.kill(started.pid, signal.SIGCONT)
        stdout, rest = process.communicate(timeout=PATIENCE_S)
    data = re.escape(str(tmp_path / "cloud"))
    assert re.fullmatch(words.format(data=data) + AFTER_TWO_SECONDS, line)
    assert process.returncode == 0, rest
    if "--json" in arguments:
        assert json.loads(stdout)


def test_a_localcloud_that_answers_at_once(tmp_path: Path, started: Status) -> None:
    began = time.monotonic()
    with waiting(tmp_path, "cloud", "status", "--json") as process:
        stdout, stderr = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, stderr
    assert stderr == "" or time.monotonic() - began > 2, "it took no two seconds, with the start of Python"
    assert waits.without(stderr) == ""
    assert json.loads(stdout)["pid"] == started.pid


def test_a_chain_that_is_sent_late(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        named = f"127.0.0.1:{silent.getsockname()[1]}"
        with waiting(tmp_path, "certs", "show", "--endpoint", named) as process:
            assert re.fullmatch(rf"certs: {named} is to answer{AFTER_TWO_SECONDS}", first_line(process))


def test_a_github_that_answers_late(tmp_path: Path) -> None:
    watch = tmp_path / "watch-dev.json"
    watch.write_text("{}")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        variables = {"GITHUB_TOKEN": "t", "GITHUB_REPOSITORY": "a/b", "GITHUB_API_URL": url}
        arguments = ("--commit", "a" * 40, "--out", str(tmp_path / "plan.json"), "--stack", "dev")
        with waiting(tmp_path, "github", "reviewed-plan", *arguments, **variables) as process:
            assert re.fullmatch(rf"GitHub: {url} is to answer{AFTER_TWO_SECONDS}", first_line(process))


def test_an_engine_that_answers_late(tmp_path: Path) -> None:
    """Every command that asks it first of all, each beside the others."""
    os.mkfifo(tmp_path / "never")
    (tmp_path / "bin").mkdir()
    (tmp_path / "photo.jpg").write_bytes(b"the photo")
    pulumi = tmp_path / "bin" / "pulumi"
    pulumi.write_text(f"#!/bin/sh\nread answer < {tmp_path}/never\n")
    pulumi.chmod(0o700)
    (tmp_path / "passphrase").write_text("word")
    wanted = {
        ("predict", str(tmp_path / "photo.jpg")): "predict: the outputs of the stack local are read",
        ("call-info",): "call-info: the stack local is read, and its account asked",
        ("adopt",): "adopt: the stack local is read",
        ("certs", "renew"): "certs: the stack local is read",
        ("model", "list"): "models: the account of the stack local is asked",
        ("state", "rotate-passphrase"): "state: the engine encrypts it anew",
        ("state", "settle"): "state: the state of local is read, and the cloud asked",
        ("plan",): "plan of local: under way",
        ("watch",): "watch of local: under way",
    }
    with ExitStack() as running:
        processes = {
            words: running.enter_context(waiting(tmp_path, *arguments)) for arguments, words in wanted.items()
        }
        for words, process in processes.items():
            assert re.fullmatch(re.escape(words) + AFTER_TWO_SECONDS, first_line(process)), words
