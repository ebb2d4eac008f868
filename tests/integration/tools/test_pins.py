"""The commands that renew what the project is pinned to, on a checkout and registries in miniature."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import cache, go, wheels
from engine.errors import EngineError
from engine.report import ConsoleReport
from tests.support.engine.package_sources import publish, publish_module, serving
from tools.pins import lock, pulumi
from tools.pins.staged import staged

PROJECT = """\
[project]
name = "miniature"
version = "1"
requires-python = ">=3.11"
classifiers = ["Programming Language :: Python :: 3.11"]
dependencies = ["pulumi==3.1.0"]
[dependency-groups]
dev = ["checker==1.0"]
"""
TAGS = ("cp311-cp311-manylinux_2_17_x86_64", "cp312-cp312-macosx_11_0_arm64", "cp314-cp314-win_amd64")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The only index that there is, with two versions of what `pulumi` needs."""
    wheels.ensure("uv", ConsoleReport())  # from the real one
    folder = tmp_path / "index"
    publish(folder, "helper", "1.0", tags=TAGS)
    publish(folder, "pulumi", "3.1.0", requires=["helper>=1", "onlywin; sys_platform == 'win32'"])
    publish(folder, "onlywin", "1.0")
    publish(folder, "checker", "1.0")
    publish(folder, "sometool", "1.0")
    with serving(folder) as address:
        for name in list(os.environ):
            if name.startswith(("PIP_", "UV_")):
                monkeypatch.delenv(name)
        monkeypatch.setenv("PIP_INDEX_URL", f"{address}/simple")
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("FPGA_CACHE", str(cache.root()))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # uv's own
        yield folder


@pytest.fixture
def checkout(tmp_path: Path, index: Path) -> Path:
    """A checkout whose locks have been made."""
    folder = tmp_path / "checkout"
    (folder / "engine/tools").mkdir(parents=True)
    (folder / "engine/cli").mkdir()
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "requirements.lock").write_text("")
    (folder / "engine/tools/sometool.lock").write_text("")
    renew(folder)
    return folder


def renew(checkout: Path, upgrade: str = "") -> None:
    with staged(checkout, lock.files(checkout)) as folder:
        lock.renew(folder, ConsoleReport(), upgrade)


def versions(checkout: Path) -> dict[str, str]:
    return dict(re.findall(r"^(\w+)==(\S+)", (checkout / "requirements.lock").read_text(), re.MULTILINE))


def contents(checkout: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(checkout)): file.read_bytes() for file in checkout.rglob("*") if file.is_file()
    }


def test_a_lock_has_every_published_file_and_no_address(checkout: Path, index: Path) -> None:
    text = (checkout / "requirements.lock").read_text()
    assert versions(checkout) == {"checker": "1.0", "helper": "1.0", "onlywin": "1.0", "pulumi": "3.1.0"}
    assert "onlywin==1.0 ; sys_platform == 'win32' \\" in text
    (helper,) = re.findall(r"^helper==1.0 \\\n((?:    --hash=sha256:\w+(?: \\)?\n)+)", text, re.MULTILINE)
    assert re.findall(r"sha256:(\w+)", helper) == sorted(
        hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in index.rglob("helper-*.whl")
    )
    assert "127.0.0.1" not in text
    assert "#" not in text
    assert (checkout / "engine/tools/sometool.lock").read_text().startswith("sometool==1.0 \\\n    --hash=")


def test_what_is_locked_stays_until_an_upgrade_is_asked_for(checkout: Path, index: Path) -> None:
    before = contents(checkout)
    publish(index, "helper", "1.1")
    publish(index, "sometool", "2.0")
    renew(checkout)
    assert contents(checkout) == before
    renew(checkout, "helper")
    assert versions(checkout)["helper"] == "1.1"
    assert b"sometool==1.0" in contents(checkout)["engine/tools/sometool.lock"]
    renew(checkout, "all")
    assert b"sometool==2.0" in contents(checkout)["engine/tools/sometool.lock"]


def test_what_cannot_be_had_changes_nothing(checkout: Path) -> None:
    (checkout / "pyproject.toml").write_text(PROJECT.replace("checker==1.0", "checker==9"))
    before = contents(checkout)
    with pytest.raises(
        EngineError, match=r"Renewing requirements.lock failed .*\n.*\n.*no version of checker==9"
    ):
        renew(checkout)
    assert contents(checkout) == before


def test_an_upgrade_of_what_is_not_locked_is_refused(checkout: Path) -> None:
    with pytest.raises(
        EngineError, match=r"^help is in no lock file: name a package as it stands there, or all\.$"
    ):
        renew(checkout, "help")


def test_uv_is_told_where_packages_come_from_as_pip_is() -> None:
    pip = {
        "HOME": "/home/one",
        "PIP_INDEX_URL": "https://mirror.test/simple",
        "PIP_CERT": "/etc/root.pem",
        "PIP_RETRIES": "2",
        "UV_EXCLUDE_NEWER": "2020-01-01",
    }
    assert lock.environment(pip) == {
        "HOME": "/home/one",
        "UV_DEFAULT_INDEX": "https://mirror.test/simple",
        "SSL_CERT_FILE": "/etc/root.pem",
    }


def test_the_locks_of_this_checkout_have_that_form() -> None:
    line = re.compile(r"[a-z0-9-]+==[^\s;]+( ; [^\\]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?")
    for name in lock.files()[1:]:
        for text in (lock.CHECKOUT / name).read_text().splitlines():
            assert line.fullmatch(text), f"{name}: {text}"


@pytest.fixture
def modules(tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module proxy with two releases of Pulumi, of which the later replaces what it needs by a fork."""
    proxy = tmp_path / "proxy"
    publish_module(
        proxy, "fork.test/clip", "1.1.0", {"go.mod": "module original.test/clip\n", "a.go": "package clip\n"}
    )
    publish_module(
        proxy,
        "original.test/clip",
        "1.0.0",
        {"go.mod": "module original.test/clip\n", "a.go": "package clip\n"},
    )
    for version, replace in (
        ("3.1.0", ""),
        ("3.2.0", "replace original.test/clip => fork.test/clip v1.1.0\n"),
    ):
        sdk = {"go.mod": f"module {go.SDK}\ngo 1.20\n", "sdk.go": "package sdk\n"}
        publish_module(proxy, go.SDK, version, sdk)
        uses = f'package main\nimport (\n_ "{go.SDK}"\n_ "original.test/clip"\n)\nfunc main() {{}}\n'
        needs = f"require (\n{go.SDK} v{version}\noriginal.test/clip v1.0.0\n)\n"
        needs += f"replace {go.SDK} => ../sdk\n"
        cli = {"go.mod": f"module {go.CLI}\ngo 1.20\n{needs}{replace}", "cmd/pulumi/main.go": uses}
        publish_module(proxy, go.CLI, version, cli)
    monkeypatch.setenv("GOPROXY", proxy.as_uri())
    monkeypatch.setenv("GOSUMDB", "off")
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "modules"))
    (checkout / "engine/cli/go.mod").write_text("module fpga-web-service/engine/cli\n\ngo 1.26\n")
    (checkout / "engine/cli/go.sum").write_text("")
    yield checkout
    subprocess.run(["chmod", "-R", "u+w", str(tmp_path / "modules")], check=False)
    shutil.rmtree(tmp_path / "modules", ignore_errors=True)


def pin(checkout: Path, version: str) -> None:
    with staged(checkout, pulumi.files(checkout)) as folder:
        pulumi.pin(folder, version, ConsoleReport())


def test_pulumi_is_pinned_everywhere_at_once(modules: Path, index: Path) -> None:
    pin(modules, "3.1.0")
    before = contents(modules)
    pin(modules, "3.1.0")
    assert contents(modules) == before
    publish(index, "pulumi", "3.2.0", requires=["helper>=1"])
    pin(modules, "3.2.0")
    assert 'dependencies = ["pulumi==3.2.0"]' in (modules / "pyproject.toml").read_text()
    assert versions(modules)["pulumi"] == "3.2.0"
    go_mod = (modules / "engine/cli/go.mod").read_text()
    assert re.findall(r"pulumi/(pkg|sdk)/v3 v(\S+)", go_mod) == [("pkg", "3.2.0"), ("sdk", "3.2.0")]
    assert re.findall("^(?:go|replace|tool) .*", go_mod, re.MULTILINE) == [
        "go 1.26",
        "replace original.test/clip => fork.test/clip v1.1.0",
        f"tool {go.CLI_PACKAGE}",
    ]
    assert "fork.test/clip v1.1.0 h1:" in (modules / "engine/cli/go.sum").read_text()
    pin(modules, "3.1.0")
    assert contents(modules) == before


def test_a_release_that_one_registry_lacks_changes_nothing(modules: Path, index: Path) -> None:
    publish(index, "pulumi", "3.3.0")
    before = contents(modules)
    with pytest.raises(EngineError, match=r"go mod download failed: .*pulumi/pkg/v3@v3\.3\.0"):
        pin(modules, "3.3.0")
    with pytest.raises(EngineError, match=r"no version of pulumi==3\.4\.0"):
        pin(modules, "3.4.0")
    with pytest.raises(EngineError, match=r"'latest' is not a release of Pulumi: give it as 3\.250\.0\."):
        pin(modules, "latest")
    assert contents(modules) == before
