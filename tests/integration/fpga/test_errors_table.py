"""The errors that are meant for a person: each ends a command with its sentence, and none is left out."""

from __future__ import annotations

import ast
import builtins
import importlib
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from fpga.cli import _FORESEEN
from tests.support import waits

CHECKOUT = Path(__file__).resolve().parents[3]
ROOMS = ("certs", "clients", "engine", "fpga", "infra", "localcloud", "surroundings")
SENTENCE = "This cannot be: do that."

RAISED = {
    # what makes one, and what the command says then
    ("certs.errors", "CertificateError"): (
        "[error('not-pem', 'a.pem', 'it is no PEM.', 'Export it anew.')]",
        "a.pem: it is no PEM. Export it anew.",
    ),
    ("infra.settings.reader", "SettingsError"): (
        repr([SENTENCE, "Other."]),
        f"2 problems in the stack's configuration:\n  - {SENTENCE}\n  - Other.",
    ),
}
OF_OTHER_PROCESSES = ("engine.azure_native", "engine.bootstrap", "engine.wheels")
"""Modules that the command never loads: the plugin, and what sets the checkout up."""
DOCTOR = CHECKOUT / "fpga" / "doctor" / "measures" / "installation.py"
"""Compares what was set up with what it would be set up for."""
ANSWERED = {
    "certs.acme.caa.Unanswered",
    "certs.odd_certificate.UndecodableError",
    "certs.pkcs12.SealedError",
    "certs.rules.name_constraints.UnjudgedError",
    "clients.azure.settings.SettingError",
    "clients.wire.labels.LabelsError",
    "clients.wire.model_package.ConvertibleError",
    "clients.wire.model_package.PackageError",
    "clients.wire.tensorflow_serving.TensorError",
    "fpga.cloud.connection.NeverStarted",
    "fpga.cloud.unit.NotOurs",
    "infra.inputs.model_package.PackageError",
    "infra.settings.table.Unfit",
    "localcloud.configuration.table.Unfit",
}
"""Public errors that no command ends with: a module handles each."""
NEVER_MET = {"localcloud.featurizers.checkpoint.CheckpointError"}
"""Of files whose digest is not the expected one, and those are refused before they are read."""


@pytest.mark.parametrize(("module", "name"), _FORESEEN, ids=[name for _, name in _FORESEEN])
def test_each_ends_a_command_with_its_sentence(module: str, name: str) -> None:
    arguments, said = RAISED.get((module, name), (repr(SENTENCE), SENTENCE))

    done = broken(f"from {module} import {name} as Raised", f"raise Raised({arguments})")

    assert (done.returncode, done.stdout, waits.without(done.stderr)) == (1, "", f"error: {said}\n")


def test_an_error_of_the_system_names_its_file() -> None:
    done = broken("", "open('/nowhere/file')")

    assert (done.returncode, waits.without(done.stderr)) == (
        1,
        "error: /nowhere/file: No such file or directory\n",
    )


def test_an_error_that_nobody_foresaw_is_told_whole() -> None:
    done = broken("", "raise ValueError('unforeseen')")

    assert done.returncode == 1
    assert waits.without(done.stderr).startswith("Traceback")
    assert done.stderr.endswith("ValueError: unforeseen\n")


@pytest.mark.parametrize(("module", "name"), _FORESEEN, ids=[name for _, name in _FORESEEN])
def test_each_is_named_where_it_is_defined(module: str, name: str) -> None:
    # the table is looked up among the modules that are loaded: another one's name would not do
    assert getattr(importlib.import_module(module), name).__module__ == module


def test_no_error_is_left_out() -> None:
    foreseen = tuple(getattr(importlib.import_module(module), name) for module, name in _FORESEEN)
    left_out = {
        f"{module}.{name}"
        for module, name in public_errors()
        if not module.startswith(OF_OTHER_PROCESSES)
        and not issubclass(getattr(importlib.import_module(module), name), (OSError, *foreseen))
    }

    assert left_out == ANSWERED | NEVER_MET, "each is in the table of fpga/cli.py, or answered by a module"


@pytest.mark.parametrize("error", sorted(ANSWERED))
def test_what_is_not_in_the_table_is_answered(error: str) -> None:
    module, _, name = error.rpartition(".")
    answering = [
        file for file in sources() if module in (module_of(file), *imported(file)) and name in handled(file)
    ]

    assert answering


def test_the_command_loads_nothing_of_other_processes() -> None:
    for file in (CHECKOUT / "fpga").rglob("*.py"):
        loaded = {name for name in imported(file) if name.startswith(OF_OTHER_PROCESSES)}
        if file == DOCTOR:
            assert loaded == {"engine.bootstrap"}
            read = set(re.findall(r"\bbootstrap\.(\w+)", file.read_text("utf-8")))
            assert read == {"CHECKOUT", "PROJECT", "STAMP", "key"}  # what raises an error of its own is not
        else:
            assert not loaded, file


def broken(imports: str, statement: str) -> subprocess.CompletedProcess[str]:
    """The command line with one more command, in which this happens."""
    script = (
        "import sys\n"
        "from fpga import cli\n"
        "@cli.app.command('break')\n"
        "def breaks() -> None:\n"
        "    from certs.findings import error\n"
        f"    {imports}\n"
        f"    {statement}\n"
        "sys.argv = ['fpga', 'break']\n"
        "cli.main()\n"
    )
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=CHECKOUT, timeout=60
    )


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


def sources() -> list[Path]:
    return [file for room in ROOMS for file in sorted((CHECKOUT / room).rglob("*.py"))]


def imported(file: Path) -> set[str]:
    """All that it may name a module by: `from a import b` may be of the module a, or a.b."""
    names = set()
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.ImportFrom):
            names |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def handled(file: Path) -> set[str]:
    """Names of the errors that it handles."""
    return {
        part.attr if isinstance(part, ast.Attribute) else part.id
        for handler in ast.walk(tree(file))
        if isinstance(handler, ast.ExceptHandler) and handler.type is not None
        for part in ast.walk(handler.type)
        if isinstance(part, (ast.Name, ast.Attribute))
    }


def public_errors() -> list[tuple[str, str]]:
    """(module, class) of each public error of the rooms; read, not loaded: some modules only run."""
    classes = [
        (module_of(file), node)
        for file in sources()
        for node in tree(file).body
        if isinstance(node, ast.ClassDef)
    ]
    names = {
        name
        for name, kind in vars(builtins).items()
        if isinstance(kind, type) and issubclass(kind, BaseException)
    }
    while True:
        more = {node.name for _, node in classes if names.intersection(map(last_name, node.bases))} - names
        if not more:
            break
        names |= more
    return [
        (module, node.name)
        for module, node in classes
        if node.name in names
        and not node.name.startswith("_")
        and names.intersection(map(last_name, node.bases))
    ]


def module_of(file: Path) -> str:
    parts = file.relative_to(CHECKOUT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def last_name(base: ast.expr) -> str:
    return base.attr if isinstance(base, ast.Attribute) else base.id if isinstance(base, ast.Name) else ""
