"""Each sample calls a service: what it prints, and what it says when something is wrong."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import grpc
import psutil
import pytest

from certs.sources.self_signed import Authority
from clients.wire import messages
from tests.integration.samples.conftest import Sample
from tests.support.certificates.authority import Authority as AnotherAuthority
from tests.support.documents.markdown import CHECKOUT
from tests.support.localcloud.deployed_service import FQDN, Deployed
from tests.support.servers.relay import Relay
from tests.support.servers.scoring_server import scores, scoring_server
from tests.support.waiting import wait_until

PHOTO: Final = CHECKOUT / "samples" / "espresso.jpg"
KEY: Final = "a-key"
TABLE: Final = CHECKOUT / "docs" / "calling.md"


def code(err: str) -> str:
    """The status code that a sample says at last, as gRPC's specification writes it: libraries log before."""
    said = re.findall(r"^(\w+): ", err, re.MULTILINE) or [""]
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", said[-1]).upper()


@pytest.fixture(scope="module")
def root(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("roots") / "root.pem"
    file.write_text(authority.certificate_pem)
    return file


@pytest.fixture
def service(deployed: Deployed) -> dict[str, str]:
    """The variables of the service, without any roots."""
    return {
        "FPGA_SERVICE_HOST": FQDN,
        "FPGA_SERVICE_ADDRESS": deployed.service.address,
        "FPGA_SERVICE_PORT": str(deployed.service.port),
        "FPGA_SERVICE_KEY": deployed.declared.keys[0],
    }


def test_it_has_photos_scored(sample: Sample, service: dict[str, str], root: Path) -> None:
    done = sample(PHOTO, PHOTO, FPGA_SERVICE_ROOTS=str(root), **service)
    assert (done.returncode, done.stderr) == (0, "")
    first, second = done.stdout.splitlines()
    assert re.fullmatch(rf"{re.escape(str(PHOTO))}: espresso \(9\d\.\d\d%\)", first)
    assert second == first


def test_the_secondary_key_opens_it_too(
    sample: Sample, service: dict[str, str], deployed: Deployed, root: Path
) -> None:
    service["FPGA_SERVICE_KEY"] = deployed.declared.keys[1]
    done = sample(PHOTO, FPGA_SERVICE_ROOTS=str(root), **service)
    assert "espresso" in done.stdout, done.stderr


@pytest.mark.parametrize("lost", ["FPGA_SERVICE_HOST", "FPGA_SERVICE_PORT", "FPGA_SERVICE_KEY"])
def test_a_variable_that_is_not_set_is_named(sample: Sample, service: dict[str, str], lost: str) -> None:
    done = sample(PHOTO, **{**service, lost: ""})
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{lost} is not set\n")


def test_a_wrong_key_is_told(sample: Sample, service: dict[str, str], root: Path) -> None:
    service["FPGA_SERVICE_KEY"] = "no-key-of-it"
    done = sample(PHOTO, FPGA_SERVICE_ROOTS=str(root), **service)
    assert (done.returncode, done.stdout, code(done.stderr)) == (1, "", "UNAUTHENTICATED")
    assert "no-key-of-it" not in done.stderr


def test_an_untrusted_certificate_is_unavailable(
    sample: Sample, service: dict[str, str], tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(AnotherAuthority().root)
    done = sample(PHOTO, FPGA_SERVICE_ROOTS=str(other), **service)
    assert (done.returncode, done.stdout, code(done.stderr)) == (1, "", "UNAVAILABLE")


def test_a_name_that_the_certificate_does_not_bear_is_unavailable(
    sample: Sample, service: dict[str, str], root: Path
) -> None:
    service["FPGA_SERVICE_HOST"] = "other.clients.test"
    done = sample(PHOTO, FPGA_SERVICE_ROOTS=str(root), **service)
    assert (done.returncode, done.stdout, code(done.stderr)) == (1, "", "UNAVAILABLE")


def ways() -> dict[str, dict[str, bool]]:
    """The table of docs/calling.md: sample -> way to hand over a private root -> whether it is honoured."""
    lines = TABLE.read_text().splitlines()
    (head,) = [at for at, line in enumerate(lines) if line.startswith("| roots |")]
    rows = []
    for line in [lines[head], *lines[head + 2 :]]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip().strip("`") for cell in line.strip("|").split("|")])
    (_, *named), *languages = rows
    return {
        language: {way: {"yes": True, "no": False}[cell] for way, cell in zip(named, cells, strict=True)}
        for language, *cells in languages
    }


HANDED: Final[Mapping[str, Callable[[Path], dict[str, str]]]] = {
    "bytes": lambda root: {"FPGA_SERVICE_ROOTS": str(root)},
    **{
        variable: lambda root, variable=variable: {variable: str(root)}  # type: ignore[misc]
        for variable in ("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")
    },
}
"""How each way hands over a root."""


@pytest.mark.parametrize("way", HANDED)
def test_roots_are_taken_as_the_table_says(
    sample: Sample, service: dict[str, str], root: Path, way: str
) -> None:
    done = sample(PHOTO, **HANDED[way](root), **service)
    if ways()[sample.name][way]:
        assert (done.returncode, done.stderr) == (0, "")
    else:
        assert (done.returncode, code(done.stderr)) == (1, "UNAVAILABLE"), done.stdout


def feed(fifo: Path, content: bytes, reader: subprocess.Popen[str]) -> None:
    """Writes to a FIFO once it is read, unless its reader has ended."""
    descriptors: list[int] = []

    def is_read() -> bool:
        with contextlib.suppress(OSError):  # nobody has it open
            descriptors.append(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
        return bool(descriptors) or reader.poll() is not None

    wait_until(is_read)
    for descriptor in descriptors:
        os.set_blocking(descriptor, True)
        with os.fdopen(descriptor, "wb") as end:
            end.write(content)


def is_connected(process: subprocess.Popen[str], port: int) -> bool:
    """Whether a process that runs has a connection to a port, be it one that the other side has closed."""
    try:
        opened = psutil.Process(process.pid).net_connections("tcp")
    except psutil.NoSuchProcess:
        return False
    return any(one.raddr and one.raddr.port == port for one in opened)


def test_every_call_has_a_deadline(sample: Sample, root: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        done = sample(
            PHOTO,
            FPGA_SERVICE_HOST=FQDN,
            FPGA_SERVICE_ADDRESS="127.0.0.1",
            FPGA_SERVICE_PORT=str(silent.getsockname()[1]),
            FPGA_SERVICE_KEY=KEY,
            FPGA_SERVICE_ROOTS=str(root),
            FPGA_SERVICE_TIMEOUT="2",
        )
    assert (done.returncode, done.stdout, code(done.stderr)) == (1, "", "DEADLINE_EXCEEDED")


def test_unavailable_is_tried_again_and_a_gap_is_waited_for(sample: Sample, tmp_path: Path) -> None:
    """The first photo's call is refused once; before the second one's the server goes away for a while."""
    own = AnotherAuthority()
    root, second = tmp_path / "root.pem", tmp_path / "second.jpg"
    root.write_bytes(own.root)
    os.mkfifo(second)  # the sample reads it, and calls, when it is written
    refused: list[str] = []

    def reluctant(
        request: messages.PredictRequest, context: grpc.ServicerContext
    ) -> messages.PredictResponse:
        if not refused:
            refused.append("once")
            context.abort(grpc.StatusCode.UNAVAILABLE, "come again")
        return scores(request, context)

    with scoring_server(tls=own.issue([FQDN]), key=f"Bearer {KEY}", handler=reluctant) as server:
        relay = Relay(server.port)
        variables = {
            "FPGA_SERVICE_HOST": FQDN,
            "FPGA_SERVICE_ADDRESS": "127.0.0.1",
            "FPGA_SERVICE_PORT": str(relay.port),
            "FPGA_SERVICE_KEY": KEY,
            "FPGA_SERVICE_ROOTS": str(root),
        }
        with sample.begun(PHOTO, second, **variables) as process:
            try:
                assert process.stdout is not None
                first = process.stdout.readline()
                assert first == f"{PHOTO}: class 1 (70.00%)\n"
                relay.cut()
                # In Java a call that is sent while a connection breaks is UNKNOWN, which nothing repeats.
                wait_until(lambda: not is_connected(process, relay.port))
                feed(second, PHOTO.read_bytes(), process)
                wait_until(lambda: relay.hung_up >= 2 or process.poll() is not None)
                relay.mend()
                out, err = process.communicate(timeout=60)
            finally:
                process.kill()
        relay.close()
    assert (process.returncode, out, err) == (0, f"{second}: class 1 (70.00%)\n", "")
    assert server.keys == [f"Bearer {KEY}"] * 3
