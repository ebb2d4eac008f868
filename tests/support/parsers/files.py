"""Files that people and earlier runs leave: stacks' settings, and what localcloud and the command keep."""

from __future__ import annotations

import functools
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from fpga.commands import apply
from fpga.errors import CommandError
from fpga.project import Project
from fpga.stacks import backend_settings, lock, settings
from fpga.stacks.written_settings import Notes
from fpga.watch import report
from infra.settings import stack
from infra.settings.reader import NAMESPACE, SettingsError
from localcloud import ports
from localcloud.datafolder import mark
from localcloud.errors import StartError
from localcloud.identity import federation
from localcloud.identity.federation import FILE
from tests.support.parsers.parser import Parser, require_sentence

_CHECKOUT: Final = Path(__file__).parents[3]
_CONFIG: Final = {
    "azure-native:subscriptionId": "11111111-1111-1111-1111-111111111111",
    "azure-native:tenantId": "22222222-2222-2222-2222-222222222222",
    "azure-native:clientId": "33333333-3333-3333-3333-333333333333",
    "azure-native:clientSecret": "secret",
    "azure-native:location": "eastus2",
}


@functools.cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="files-"))


def _check_setting(data: bytes) -> None:
    """A stack's settings are read or refused, whatever one of them is set to."""
    key, _, value = data.decode(errors="replace").partition("=")
    given = {**_CONFIG, f"{NAMESPACE}:{key}" if ":" not in key else key: value}
    try:
        stack.read(given, {}, None)
    except SettingsError as refusal:
        for problem in refusal.problems:
            require_sentence(problem, 4000 + 4 * len(data))


def _check_stack_file(data: bytes) -> None:
    """A stack's file, and that of its backend, are read or refused."""
    project = Project(_folder(), _folder() / ".local")
    (_folder() / "stacks").mkdir(exist_ok=True)
    project.stack_file("fuzz").write_bytes(data)
    try:
        found = settings.azure(project, "fuzz", {"ARM_CLIENT_SECRET": "x"})
        assert all(isinstance(value, str) for value in found.values())
    except CommandError as error:
        require_sentence(str(error), 4000 + 8 * len(data))
    try:
        backend_settings.parse(project, data.decode(errors="replace"), "Backend.fuzz.yaml")
    except CommandError as error:
        require_sentence(str(error), 4000 + 8 * len(data))


def _check_kept(data: bytes) -> None:
    """What is kept in JSON is read, is nothing, or is refused by its own name."""
    folder = _folder()

    def reads(name: str, read: Callable[[], object], *refusals: type[Exception]) -> None:
        (folder / name).write_bytes(data)
        try:
            read()
        except refusals as error:
            require_sentence(str(error), 4000 + 8 * len(data))
        finally:
            (folder / name).unlink()

    reads(ports.PORTS_FILE, lambda: ports.read(folder), StartError)
    reads(mark.IDENTITY, lambda: mark.read(folder), StartError)
    reads(FILE, lambda: federation.read_file(folder / FILE), ValueError)
    reads("written-settings.json", lambda: Notes(folder))
    reads("watch.json", lambda: report.read(folder / "watch.json"), CommandError)
    reads("plan.json", lambda: apply._read(folder / "plan.json"), CommandError)
    lock._parse(data)


def _settings() -> Iterator[bytes]:
    for one in stack.known():
        yield f"{one.key}=x".encode()
    for written in (
        "primaryKeyGeneration=" + "9" * 5000,
        "primaryKeyGeneration=²",
        "modelPackage=~nobody/x",
        "modelPackage=" + "x" * 5000,
        "modelPackage=x\0y",
        "nameServers=" + "[" * 5000,
        'tags={"a": {"b": 1e999}}',
        "tags=" + '{"a":' * 5000,
        "zone=" + "xn--" * 70,
        "zone=\u2488com",
        "fqdn=a..b",
        'services=[{"name": "cats", "fqdn": "cats.contoso.test", "recordTtl": 60, "sslEnabled": false}]',
        'services=[{"name": "a", "name": "b", "certificateKey": "x", "nameServers": ["x"]}, null]',
        r'services=[{"name": "\ud800", "\u0000": 1e999}]',
        'services=[{"fqdn": ' + "[" * 5000,
        "azure-native:location=\0",
        "azure-native:metadataHost=[::1",
    ):
        yield written.encode()


def _stack_files() -> Iterator[bytes]:
    for name in ("Pulumi.dev.yaml", "Backend.dev.yaml"):
        yield (_CHECKOUT / "stacks" / name).read_bytes()
    for written in (
        *(
            "",
            "null",
            "[]",
            "config: []",
            "config: {1: 2}",
            "1",
            "a: 2001-99-99",
            "\ufeffa: b",
            "a: !!float x",
        ),
        *("config: {azure-native:x: 2001-01-01}", "&a [*a]", "? {a: b}\n: c", "!!python/object:os.system x"),
        *(
            "a: " + "[" * 3000,
            "1: 2\nurl: {}",
            "<<: 1",
            "a: \ud7ff\x85",
            "---\n---\n",
            "a: 1:99:99",
            "a: 0x_",
        ),
    ):
        yield written.encode()
    yield b"a: \xff"


def _kept() -> Iterator[bytes]:
    given = (
        {"host": "127.0.0.1", "https": 20000, "dns": 20001, "blob": 20002, "has_blob_storage": True},
        {"folder": "a", "commits": 3},
        [{"issuer": "i", "subject": "s", "audiences": ["a"]}],
        {"stack": "prod", "findings": [{"key": "a", "kind": "drift", "title": "t", "detail": "d"}]},
        {"hostname": "h", "pid": 1, "username": "u", "timestamp": "t"},
        {"azure-native:x": ["digest"]},
        {"host": "h", "https": float("inf"), "dns": 1, "blob": 2},
        {"host": "h", "https": -1, "dns": 70000, "blob": "3"},
        {"folder": None, "commits": float("inf")},
        {"hostname": "h", "pid": float("inf")},
        {"a": 1},
        [1],
    )
    for one in given:
        yield json.dumps(one).encode()
    for written in (
        "null",
        "1",
        '"x"',
        "",
        "{",
        "[" * 5000,
        '{"a":' * 5000,
        "\xff",
        '{"https": ' + "9" * 5000 + "}",
    ):
        yield written.encode("latin-1")


PARSERS: Final = (
    Parser("setting", "one setting of a stack", _check_setting, _settings),
    Parser(
        "stack-file", "the file of a stack or of its backend", _check_stack_file, _stack_files, limit_s=10
    ),
    Parser("kept-file", "JSON that localcloud and the command keep", _check_kept, _kept),
)
