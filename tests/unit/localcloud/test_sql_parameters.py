"""Parameters of SQL: by name, from a mapping, or by `?`, from a sequence.

`?1` with a sequence is deprecated since Python 3.12, and an error after that.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import localcloud

ROOM = Path(localcloud.__file__).parent


def test_none_is_by_number() -> None:
    texts = [
        (file.name, node.value)
        for file in ROOM.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    statements = [text for text in texts if re.match(r"(SELECT|INSERT|UPDATE|DELETE) ", text[1])]
    assert len(statements) > 20
    assert [text for text in statements if re.search(r"\?\d", text[1])] == []
