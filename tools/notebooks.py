"""The notebooks without what a run leaves in them: `python -m tools.notebooks [--check]`.

Outputs would be a machine's own, and may hold a secret; a count of runs makes a change where there is none.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

from surroundings import settle

CHECKOUT: Final = Path(__file__).parents[1]
_KERNEL: Final = {"display_name": "Python 3", "language": "python", "name": "python3"}


def stripped(text: str) -> str:
    """The text of a notebook (nbformat 4.5) without outputs, counts, and what editors note.

    Raises:
        ValueError: it is no notebook.
    """
    notebook: dict[str, Any] = json.loads(text)
    if not isinstance(notebook, dict) or notebook.get("nbformat") != 4:
        raise ValueError("this is no notebook of format 4")
    notebook["metadata"] = {"kernelspec": _KERNEL, "language_info": {"name": "python"}}
    for cell in notebook["cells"]:
        cell["metadata"] = {}
        if cell["cell_type"] == "code":
            cell["execution_count"], cell["outputs"] = None, []
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    settle()
    parser = argparse.ArgumentParser(prog="tools.notebooks", description="Strip notebooks of their outputs.")
    parser.add_argument("--check", action="store_true", help="change nothing; end with 1 where one has any")
    is_check = parser.parse_args(arguments).check
    code = 0
    for path in sorted((CHECKOUT / "notebooks").glob("*.ipynb")):
        text = path.read_text(encoding="utf-8")
        wanted = stripped(text)
        if wanted == text:
            continue
        if is_check:
            name = path.relative_to(CHECKOUT)
            print(f"error: {name} has what a run left in it: `make notebooks` takes it out.", file=sys.stderr)
            code = 1
        else:
            path.write_text(wanted, encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
