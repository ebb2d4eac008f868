"""`fpga cloud credentials`, `join` and `leave`, where no Ray is, and what is told before it is asked."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from fpga.cli import app
from fpga.errors import CommandError
from localcloud.cluster import installed, issuing, membership
from localcloud.errors import StartError
from tests.support.machines import needs_machines, network

HERE, OTHER = "10.79.4.1", "10.79.4.2"
DOCUMENT = Path(__file__).parents[3] / "docs" / "replicas.md"


def cloud(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["cloud", *map(str, arguments)])


def test_credentials_are_made_for_each_machine_and_told_again(tmp_path: Path) -> None:
    folder = tmp_path / "cluster"
    first = cloud("credentials", folder, HERE, OTHER)
    assert first.exit_code == 0
    lines = first.stdout.splitlines()
    assert [line.split()[:2] for line in lines[:2]] == [[str(folder / one), "new,"] for one in (HERE, OTHER)]
    token = (folder / "token").read_text().strip()
    assert token not in first.output
    assert stat.S_IMODE((folder / "ca.key").stat().st_mode) == 0o600
    again = cloud("credentials", folder)
    assert [line.split()[1:4] for line in again.stdout.splitlines()[:2]] == [["as", "it", "was,"]] * 2


def test_credentials_of_no_machine_are_refused(tmp_path: Path) -> None:
    error = cloud("credentials", tmp_path / "cluster").exception
    assert isinstance(error, CommandError)
    assert "has no machine yet: give the addresses of some" in str(error)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Give the address of the cluster's head, or --head"),
        ((HERE, "--head"), "Give the address of the cluster's head, or --head"),
        (
            (HERE,),
            "--ray-tls names the folder of this machine's certificate, without which Ray is not started",
        ),
    ],
)
def test_nothing_joins_without_a_head_or_without_credentials(
    tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    error = cloud("join", *arguments, "--data", tmp_path / "node").exception
    assert isinstance(error, CommandError)
    assert words in str(error)
    assert not (tmp_path / "node").exists()


@needs_machines
def test_a_head_is_named_by_its_address_and_ray_by_its_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (made,) = issuing.make(tmp_path / "cluster", [HERE])
    options = ("--ray-tls", made.credentials.tls_folder, "--data", tmp_path / "node")
    monkeypatch.setattr(
        installed, "obstacle", lambda: "needs Ray, which is not installed: in the checkout, …"
    )
    with network() as switch, switch.machine("here", HERE).entered():
        named = cloud("join", "head.example", *options).exception
        assert isinstance(named, CommandError)
        assert "head.example is no IPv4 address, or address and port" in str(named)
        without_ray = cloud("join", "--head", *options).exception
        assert isinstance(without_ray, StartError)
        assert str(without_ray).startswith("`fpga cloud join` needs Ray, which is not installed")
    assert not (tmp_path / "node").exists()


def test_who_is_of_no_cluster_leaves_none(tmp_path: Path) -> None:
    left = cloud("leave", "--data", tmp_path / "node")
    assert left.stdout == f"This machine is of no cluster, by {tmp_path / 'node'}.\n"
    assert not (tmp_path / "node").exists()


def test_the_document_has_the_ports_that_are_bound() -> None:
    told = DOCUMENT.read_text()
    workers = membership.WORKERS
    rows = (
        f"| {membership.HEAD_PORT} | the head",
        f"| {membership.NODE_MANAGER}, {membership.OBJECT_MANAGER} | each machine",
        f"| {membership.RUNTIME_ENV_AGENT} | each machine",
        f"| {workers.start} to {workers.stop - 1} | each machine",
        f"{{ {membership.HEAD_PORT}-{membership.RUNTIME_ENV_AGENT}, {workers.start}-{workers.stop - 1}, ",
    )
    assert [row for row in rows if row not in told] == []
