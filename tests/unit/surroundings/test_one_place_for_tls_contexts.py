"""Two modules of `surroundings` alone decide whom TLS trusts; who makes a context elsewhere is found."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[3]
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
ROOMS: list[str] = PROJECT["tool"]["importlinter"]["root_packages"]
OTHERS = CHECKOUT / "tools" / "compatibility" / "clients"
"""Programs around other people's clients, each in an environment without this project."""
DECIDERS = {"surroundings/tls.py", "surroundings/https.py"}
MAKERS = {
    *(f"ssl.{name}" for name in ("SSLContext", "create_default_context", "get_server_certificate")),
    *(f"ssl.{name}" for name in ("_create_unverified_context", "_create_default_https_context")),
    *(f"requests.{name}" for name in ("Session", "session", "request", "get", "head", "options")),
    *(f"requests.{name}" for name in ("post", "put", "patch", "delete", "sessions.Session")),
    "requests.adapters.HTTPAdapter",
    *(f"urllib3.{name}" for name in ("PoolManager", "ProxyManager", "request", "HTTPSConnectionPool")),
    *(f"urllib3.{name}" for name in ("connection_from_url", "util.create_urllib3_context")),
    *(f"urllib.request.{name}" for name in ("urlopen", "urlretrieve", "build_opener", "HTTPSHandler")),
    "uvicorn.run",
}
"""What makes a context, or has one made."""
GIVEN = {
    "http.client.HTTPSConnection": "context",
    "uvicorn.Config": "ssl_context_factory",
}
"""What makes one where it is not given in this argument."""


def makers_in(source: str) -> set[str]:
    """The names of what makes a context in a module's text."""
    tree = ast.parse(source)
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for each in node.names:
                top = each.name.partition(".")[0]
                names[each.asname or top] = each.name if each.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
    found: set[str] = set()
    for node in ast.walk(tree):
        bases = node.bases if isinstance(node, ast.ClassDef) else []
        called = [node.func] if isinstance(node, ast.Call) else []
        for expression in [*bases, *called]:
            name = _full_name(expression, names)
            if name in MAKERS:
                found.add(name)
            if isinstance(node, ast.Call):
                given = {keyword.arg for keyword in node.keywords}
                wanted = GIVEN.get(name) or ("transport" if _is_azure_client(name) else None)
                if wanted is not None and wanted not in given:
                    found.add(name)
    return found


def _full_name(expression: ast.expr, names: dict[str, str]) -> str:
    if isinstance(expression, ast.Attribute):
        return f"{_full_name(expression.value, names)}.{expression.attr}"
    return names.get(expression.id, expression.id) if isinstance(expression, ast.Name) else ""


def _is_azure_client(name: str) -> bool:
    maker = name.removesuffix(".from_connection_string")
    return name.startswith("azure.") and maker.endswith(("Credential", "Client"))


def test_no_other_module_makes_one() -> None:
    found = {
        str(file.relative_to(CHECKOUT)): makers
        for room in ROOMS
        for file in sorted((CHECKOUT / room).rglob("*.py"))
        if OTHERS not in file.parents and (makers := makers_in(file.read_text("utf-8")))
    }
    assert found.keys() >= DECIDERS
    assert {file: makers for file, makers in found.items() if file not in DECIDERS} == {}


@pytest.mark.parametrize(
    ("source", "maker"),
    [
        ("import ssl\nssl.create_default_context()", "ssl.create_default_context"),
        ("from ssl import SSLContext as C\nC(1)", "ssl.SSLContext"),
        ("def f():\n    import requests\n    requests.head('')", "requests.head"),
        (
            "from requests.adapters import HTTPAdapter\nclass A(HTTPAdapter): ...",
            "requests.adapters.HTTPAdapter",
        ),
        ("import urllib.request\nurllib.request.urlopen('')", "urllib.request.urlopen"),
        ("import http.client\nhttp.client.HTTPSConnection('')", "http.client.HTTPSConnection"),
        ("import uvicorn\nuvicorn.Config(1, ssl_certfile='')", "uvicorn.Config"),
        (
            "from azure.identity import DefaultAzureCredential as D\nD()",
            "azure.identity.DefaultAzureCredential",
        ),
        (
            "from azure.storage.blob import BlobClient\nBlobClient.from_connection_string('')",
            "azure.storage.blob.BlobClient.from_connection_string",
        ),
    ],
)
def test_what_makes_one_is_found(source: str, maker: str) -> None:
    assert makers_in(source) == {maker}


def test_what_is_given_one_is_passed_over() -> None:
    source = "import http.client\nhttp.client.HTTPSConnection('', context=c)\nimport ssl\nssl.SSLError()"
    assert makers_in(source) == set()
