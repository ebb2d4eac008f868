"""The log of a localcloud as a reader has it: its last lines, and what comes, over each change of files.

`localcloud.logs` renames a log that has grown large to `.1`, and writes on into a new one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

_BLOCK: Final = 1 << 16
_LOOK_INTERVAL_S: Final = 0.2
_SHOWN: Final = {code: f"\\x{code:02x}" for code in (*range(9), *range(11, 32), *range(127, 160))}
"""Control characters as a terminal may have them; line feed and tab stay."""


def told(
    log: Path, count: int, *, follow: bool = False, is_over: Callable[[], bool] = lambda: False
) -> Iterator[str]:
    """The last lines of a log, each with its line feed, and what is written to it from then on.

    The last part of a file that is put aside is told before the first one of the next.

    Args:
        follow: go on with what comes, endless.
        is_over: looked at when there is nothing new; True ends it.

    Raises:
        OSError: it cannot be read.
    """
    file = _opened(log)
    rest = b"" if file is None else _tail(file, count)
    before = log.with_name(f"{log.name}.1")
    lacking = count - rest.count(b"\n")
    if lacking > 0 and before.exists():
        with before.open("rb") as aside:
            rest = _tail(aside, lacking) + rest
    *lines, rest = rest.split(b"\n")
    yield from (f"{shown(line)}\n" for line in lines)
    while follow:
        # asked before the file is read: what was written until it was put aside is read, too
        is_aside = file is not None and _is_another(log, file)
        content = b"" if file is None else _new(file)
        *lines, rest = (rest + content).split(b"\n")
        yield from (f"{shown(line)}\n" for line in lines)
        if content:
            continue
        if file is None or is_aside:
            if file is not None:
                file.close()
            file = _opened(log)
            if file is not None:
                continue
        if is_over():
            break
        time.sleep(_LOOK_INTERVAL_S)
    if file is not None:
        file.close()
    if rest:
        yield shown(rest)


def shown(line: bytes) -> str:
    """A line as a terminal may have it: nothing in it moves the cursor, or changes a colour."""
    return line.decode(errors="replace").translate(_SHOWN)


def _tail(file: BinaryIO, count: int) -> bytes:
    """The last lines of a file, which is read from its end, as far as need be, and is at its end then."""
    at = end = file.seek(0, os.SEEK_END)
    content = b""
    while count > 0 and at > 0 and content.count(b"\n") <= count:
        size = min(_BLOCK, at)
        at -= size
        file.seek(at)
        content = file.read(size) + content
    file.seek(end)
    return b"".join(content.splitlines(keepends=True)[-count:]) if count > 0 else b""


def _opened(log: Path) -> BinaryIO | None:
    try:
        return log.open("rb")
    except FileNotFoundError:
        return None


def _is_another(log: Path, file: BinaryIO) -> bool:
    """Whether the log is another file by now than the one that is read."""
    try:
        return not os.path.samestat(log.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False  # the next one is not there yet


def _new(file: BinaryIO) -> bytes:
    """What is new in a file; one that has been emptied is read from its beginning."""
    if os.fstat(file.fileno()).st_size < file.tell():
        file.seek(0)
    return file.read(_BLOCK)
