"""The source `files`: a chain and a key of the operator's, shown as soon as they fit, and never copied.

They are looked at every few seconds: by their octets, which change in whatever way others replace them
(renamed into place, by a link that leads elsewhere, or written where they are).
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from certs.errors import CertificateError
from certs.pem import MAXIMUM_SIZE
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
        self._unfit_looks = 0

    def current(self) -> Pair:
        """As `Source.current`. What does not fit has to stay so for two looks: it may be half written."""
        verdict = self._look()
        if isinstance(verdict, Pair):
            self._fit, self._unfit_looks = verdict, 0
            return verdict
        self._unfit_looks += 1
        if self._fit is not None and self._unfit_looks < 2:
            return self._fit
        raise verdict

    def _look(self) -> Pair | StartError:
        """The verdict on what the files hold now."""
        try:
            seen = [_octets(label, path, self._told) for label, path in self._paths.items()]
        except StartError as error:
            self._seen = []
            return error
        if self._verdict is not None and seen == self._seen:
            if time.monotonic() - self._judged_at < _AGAIN_S:
                return self._verdict
            again = self._judge()
            if not _is_alike(again, self._verdict):
                self._verdict = again
        else:
            self._seen, self._verdict = seen, self._judge()
        self._judged_at = time.monotonic()
        return self._verdict

    def kept_up(self) -> AbstractContextManager[None]:
        """As `Source.kept_up`: nothing takes longer."""
        return nullcontext()

    def _judge(self) -> Pair | StartError:
        now = datetime.now(UTC)
        try:
            roots = None if self._roots is None else judgement.roots_in(read_roots_file(self._roots))
            return judgement.require(self._files.obtain(self._names, now).reading, self._names, now, roots)
        except CertificateError as why:
            refusal = StartError(f"{self._told} cannot be used: {judgement.words(why)}")
            refusal.__cause__ = why
            return refusal


def _is_alike(one: Pair | StartError, other: Pair | StartError) -> bool:
    """Whether two verdicts on the same files are the same refusal, told at another time of day."""
    causes = [verdict.__cause__ for verdict in (one, other) if isinstance(verdict, StartError)]
    codes = [[each.code for each in why.findings] for why in causes if isinstance(why, CertificateError)]
    return len(codes) == 2 and codes[0] == codes[1]


def _octets(label: str, path: Path, told: str) -> bytes:
    """What the file holds.

    Raises:
        StartError: it is none that can be read again and again.
    """
    try:
        # a pipe that nobody writes to would keep whoever opens it
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise StartError(
                    f"{told} cannot be used: {label} {path} is no file. Name one: it is read again and again."
                )
            return file.read(MAXIMUM_SIZE + 1)
    except OSError as error:
        raise StartError(
            f"{told} cannot be used: {label} {path} cannot be read ({error.strerror}). Correct the path, or "
            "have the user who runs localcloud read it."
        ) from None
