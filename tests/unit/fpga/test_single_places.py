"""What one module of the command does for all others."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
ROOMS = ("certs", "clients", "engine", "fpga", "infra", "localcloud", "surroundings", "tools")


def trees(*rooms: str) -> Iterator[tuple[str, ast.Module]]:
    for room in rooms:
        for file in sorted((CHECKOUT / room).rglob("*.py")):
            yield str(file.relative_to(CHECKOUT)), ast.parse(file.read_text())


def test_the_folder_of_what_is_made_is_found_in_one_place() -> None:
    # the bootstrap stands alone, and the program knows no command
    readers = {
        name
        for name, tree in trees(*ROOMS)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and "environ.get('FPGA_LOCAL')" in ast.unparse(node)
    }

    assert readers == {"engine/bootstrap.py", "infra/settings/reader.py"}
    assert "os.environ.get(VARIABLE)" in (CHECKOUT / "fpga" / "project.py").read_text()


def test_drafts_are_written_in_one_place() -> None:
    writers = {
        name
        for name, tree in trees("fpga")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        # a path's replace takes one argument, a text's two
        and (node.func.attr in ("rename", "mkstemp") or (node.func.attr == "replace" and len(node.args) == 1))
    }

    assert writers == {"fpga/files.py"}
