"""The files of attributes (`.attrs`) in a state that is a folder: what a killed run left torn is removed.

The CLI keeps one beside each file of its state, unless its URL says otherwise (`engine.state_url`), and
writes it in place. One that is cut off has it refuse the state: "failed to load checkpoint: EOF". Nothing
reads what is in them, and a file without one is as good (`gocloud.dev/blob/fileblob`, `attrs.go`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from surroundings import json_text

_SUFFIX: Final = ".attrs"


def remove_torn(folder: Path, stack: str) -> None:
    """Removes what is torn of the attributes that a command on this stack reads.

    Of a run that is just writing them none is missed: it writes them anew with its next file.
    """
    for file in _read_with(folder / ".pulumi", stack):
        if _is_torn(file):
            file.unlink(missing_ok=True)


def _read_with(state: Path, stack: str) -> Iterator[Path]:
    yield state / f"meta.yaml{_SUFFIX}"
    yield from state.glob(f"stacks/*/{stack}.json{_SUFFIX}")
    yield from state.glob(f"locks/*/*/{stack}/*{_SUFFIX}")


def _is_torn(file: Path) -> bool:
    try:
        return not isinstance(json_text.loads(file.read_bytes()), dict)
    except FileNotFoundError:
        return False
    except ValueError:
        return True
