"""Files that are renewed together: made in a folder of their own, put in their places once all are."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def staged(root: Path, names: Sequence[str]) -> Iterator[Path]:
    """A folder with copies of the files; what they have become takes their places when the context ends well.

    Args:
        root: the folder that the names are relative to.
    """
    with tempfile.TemporaryDirectory(prefix=".renewed-", dir=root) as scratch:
        folder = Path(scratch)
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / name, folder / name)
        yield folder
        changed = [name for name in names if (folder / name).read_bytes() != (root / name).read_bytes()]
        for name in changed:
            shutil.copymode(root / name, folder / name)
            os.replace(folder / name, root / name)  # noqa: PTH105 - the same file system, in one step
            print(f"renewed: {name}")
        if not changed:
            print("Nothing has changed.")
