"""The source ``files``: a PEM chain and a PEM key, as paths."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from certs.bundle import read, read_roots, to_pem
from certs.errors import UnreadableError
from certs.findings import Finding, Origin, error, warning
from certs.pem import MAXIMUM_SIZE
from certs.sources.source import Obtained


@dataclass(frozen=True)
class FilesSource:
    """Two files in PEM, read anew at each call; ``roots`` names a third, for a chain of a private
    authority.
    """

    certificate: Path
    key: Path
    roots: Path | None = None

    def obtain(self, dns_names: Sequence[str], now: datetime) -> Obtained:  # noqa: ARG002  (what is there is there)
        """The chain and key of the files, whatever their names and dates: ``certs.checks`` judges those.

        Raises :class:`certs.errors.UnreadableError` where ``roots`` is given and cannot be read.
        """
        certificate_origin = Origin.of_file("certificate file", str(self.certificate))
        key_origin = Origin.of_file("key file", str(self.key))
        findings: list[Finding] = []
        certificate = _read(self.certificate, certificate_origin, findings)
        key = _read(self.key, key_origin, findings)
        if key is not None:
            findings += _check_mode(self.key, key_origin)
        reading = read(certificate, key, certificate_origin=certificate_origin, key_origin=key_origin)
        root_pem = reading.root_pem if self.roots is None else read_roots_file(self.roots)
        return Obtained(reading.with_findings(findings), root_pem)


def read_roots_file(path: Path) -> str:
    """The root certificates in the file ``path`` in canonical PEM. Raises
    :class:`certs.errors.UnreadableError`.
    """
    origin = Origin.of_file("roots file", str(path))
    findings: list[Finding] = []
    data = _read(path, origin, findings)
    if data is None:
        raise UnreadableError(findings)
    return to_pem(read_roots(data, origin))


def _read(path: Path, origin: Origin, findings: list[Finding]) -> bytes | None:
    """The octets of the file, or None and a finding. One octet too many is read, so that its size is judged
    later.
    """
    try:
        # A named pipe without a writer would block here for ever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(descriptor, "rb") as file:  # noqa: PTH123  (a descriptor, not a path)
            return file.read(MAXIMUM_SIZE + 1)
    except FileNotFoundError:
        remedy = (
            f"Correct the path; it is taken from {Path.cwd()}."
            if not path.is_absolute()
            else "Correct the path."
        )
        findings.append(error("file-missing", origin.label, "does not exist.", remedy))
    except IsADirectoryError:
        findings.append(error("file-is-directory", origin.label, "is a directory.", "Name the file in it."))
    except PermissionError:
        message = "may not be read by this user."
        findings.append(
            error("file-not-permitted", origin.label, message, f"Look at its mode: ls -l {origin.source}")
        )
    except (OSError, ValueError) as why:
        reason = why.strerror if isinstance(why, OSError) and why.strerror else "its path is not valid"
        findings.append(
            error("file-unreadable", origin.label, f"cannot be read: {reason}.", "Correct the path.")
        )
    return None


def _check_mode(path: Path, origin: Origin) -> list[Finding]:
    if os.name != "posix":
        return []  # modes say nothing there
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & 0o077:
        return []
    message = f"may be read or written by others than its owner (mode {mode:04o})."
    return [warning("key-file-open", origin.label, message, f"Close it: chmod 600 {origin.source}")]
