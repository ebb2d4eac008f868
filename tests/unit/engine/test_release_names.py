from __future__ import annotations

import platform

import pytest

from engine import release
from engine.errors import EngineError


@pytest.mark.parametrize(
    ("system", "machine", "name"),
    [
        ("Linux", "x86_64", "pulumi-v3.250.0-linux-x64.tar.gz"),
        ("Linux", "aarch64", "pulumi-v3.250.0-linux-arm64.tar.gz"),
        ("Darwin", "x86_64", "pulumi-v3.250.0-darwin-x64.tar.gz"),
        ("Darwin", "arm64", "pulumi-v3.250.0-darwin-arm64.tar.gz"),
    ],
)
def test_archive_has_the_name_that_pulumi_gives_it(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str, name: str
) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert release.archive_name("3.250.0") == name


def test_machine_without_a_release_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(release.Unreachable, match="Pulumi publishes none for Linux on riscv64"):
        release.archive_name("3.250.0")


@pytest.mark.parametrize("line", ["{digest}  {name}", "{digest} *{name}"])
def test_checksum_is_the_one_of_the_archive(line: str) -> None:
    name, digest = "pulumi-v3.250.0-linux-x64.tar.gz", "ab" * 32
    listed = (
        f"{'00' * 32}  pulumi-v3.250.0-linux-arm64.tar.gz\n{line.format(digest=digest.upper(), name=name)}\n"
    )
    assert release.listed_checksum(listed, name) == digest


def test_archive_without_a_checksum_is_refused() -> None:
    with pytest.raises(EngineError, match=r"checksums do not list pulumi-v3\.250\.0-linux-x64\.tar\.gz"):
        release.listed_checksum("", "pulumi-v3.250.0-linux-x64.tar.gz")
