"""The source `files`: a chain and a key of the operator's, shown as soon as they fit, and never copied.

They are looked at every few seconds: by their octets, which change in whatever way others replace them
(renamed into place, by a link that leads elsewhere, or written where they are).
"""

from __future__ import annotations

import stat
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from certs.errors import CertificateError
from certs.sources.files import FilesSource as Files
from certs.sources.files import read_roots_file
from localcloud.certificate import judgement
from localcloud.certificate.pair import Pair
from localcloud.errors import StartError
from localcloud.settings import Settings

_AGAIN_S: Final = 60.0
"""So long a verdict stands while nothing changes: dates go by."""


class FilesSource:
    """A chain and key in files, judged for the names of the server.

    Args:
        settings: name the files.
        names: DNS names and addresses by which callers reach the server.
    """

    interval_s = 2.0
    trouble = ""

    def __init__(self, settings: Settings, names: Sequence[str]) -> None:
        chain, key = settings.certificate_chain_file, settings.certificate_key_file
        assert chain is not None  # noqa: S101 - the settings were checked
        assert key is not None  # noqa: S101 - likewise
        roots = settings.certificate_roots_file
        fields = ["certificate_chain_file", "certificate_key_file"]
        fields += [] if roots is None else ["certificate_roots_file"]
        self._told = ", ".join(map(settings.named, fields))
        self._paths = {"certificate file": chain, "key file": key}
        self._paths |= {} if roots is None else {"roots file": roots}
        self._files, self._roots = Files(chain, key), roots
        self._names = names
        self._seen: list[bytes] = []
        self._verdict: Pair | StartError | None = None
        self._judged_at = 0.0
        self._fit: Pair | None = None

    def current(self) -> Pair:
        """As `Source.current`. What does not fit has to stay so for two looks: it may be half written."""
        seen = [_octets(label, path, self._told) for label, path in self._paths.items()]
        is_new = seen != self._seen
        self._seen = seen
        if is_new or self._verdict is None or time.monotonic() - self._judged_at > _AGAIN_S:
            self._verdict, self._judged_at = self._judge(), time.monotonic()
        if isinstance(self._verdict, Pair):
            self._fit = self._verdict
            return self._verdict
        if is_new and self._fit is not None:
            return self._fit
        raise self._verdict

    def kept_up(self) -> AbstractContextManager[None]:
        """As `Source.kept_up`: nothing takes longer."""
        return nullcontext()

    def _judge(self) -> Pair | StartError:
        now = datetime.now(UTC)
        try:
            roots = None if self._roots is None else judgement.roots_in(read_roots_file(self._roots))
            return judgement.require(self._files.obtain(self._names, now).reading, self._names, now, roots)
        except CertificateError as why:
            return StartError(f"{self._told} cannot be used: {judgement.words(why)}")


def _octets(label: str, path: Path, told: str) -> bytes:
    """What the file holds.

    Raises:
        StartError: it is none that can be read again and again.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise StartError(
                f"{told} cannot be used: {label} {path} is no file. Name one: it is read again and again."
            )
        with path.open("rb") as file:
            return file.read(1 << 21)
    except OSError as error:
        raise StartError(
            f"{told} cannot be used: {label} {path} cannot be read ({error.strerror}). Correct the path, or "
            "have the user who runs localcloud read it."
        ) from None
