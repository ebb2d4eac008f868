"""Whatever a rule can say, a table of odd bundles has a case for: a rule without one fails here."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import certs
from tests.support.certificates import odd_certificates, odd_containers, odd_paths, odd_texts
from tests.support.certificates.forge import NOW

ROOM = Path(certs.__file__).parent
ERROR, WARNING, MENDED = SEVERITIES = ("error", "warning", "mended")
"""The functions that make findings have these names; their first argument is the code."""

BUNDLES = [
    "checks.py",
    "arrangement.py",
    "formats.py",
    "pem.py",
    "reading.py",
    "key_reading.py",
    "text.py",
    "wrappings.py",
]
BUNDLES += [f"rules/{module.name}" for module in sorted((ROOM / "rules").glob("*.py"))]
CODE = re.compile(r"[a-z]+(-[a-z0-9]+)+")


def said_by(module: str) -> set[tuple[str, str]]:
    """The codes, each with its severity, of the findings that a module of the room makes.

    Where a code comes out of a variable, all texts of its function that look like one count.
    """
    tree = ast.parse((ROOM / module).read_text("utf-8"))
    found: set[tuple[str, str]] = set()
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
            severity = _name(call.func)
            if severity not in SEVERITIES or not call.args or function.name == f"_{severity}":
                continue
            code = call.args[0]
            codes = [code] if isinstance(code, ast.Constant) else ast.walk(function)
            found |= {
                (node.value, severity)
                for node in codes
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_code(node, code)
            }
    return found


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr.removeprefix("_")
    return function.id if isinstance(function, ast.Name) else ""


def _is_code(node: ast.Constant, first: ast.expr) -> bool:
    return node is first or CODE.fullmatch(str(node.value)) is not None


CASES = {
    (case.code, severity)
    for severity, cases in (
        (ERROR, [*odd_texts.UNREADABLE, *odd_certificates.refused(NOW)]),
        (WARNING, odd_certificates.warned(NOW)),
        (MENDED, [*odd_texts.MENDED, *odd_paths.mended(NOW)]),
    )
    for case in cases
}
CONTAINERS = {(case.code, ERROR) for case in odd_containers.REFUSED}
CONTAINERS |= {(case.code, WARNING) for case in odd_containers.WARNED}
CONTAINERS |= {(case.code, MENDED) for case in odd_containers.MENDED}


@pytest.mark.parametrize("module", BUNDLES)
def test_each_rule_has_a_case(module: str) -> None:
    # no source gives a chain and a key in PEM together with a password: a container's is the case
    assert said_by(module) - CASES - {("password-unused", WARNING)} == set()


def test_each_rule_about_containers_has_a_case() -> None:
    assert said_by("pkcs12_reading.py") - CONTAINERS == set()


def test_the_rules_are_found() -> None:
    assert {("rsa-too-long", ERROR), ("curve-unsupported", ERROR)} <= said_by("rules/algorithms.py")
    assert ("pem-crlf", MENDED) in said_by("text.py")
    assert ("renewal-due", WARNING) in said_by("rules/validity.py")
    assert len({code for module in BUNDLES for code in said_by(module)}) > 70
