"""The source `files`, on real files."""

from __future__ import annotations

import fcntl
import os
import termios
import time
from array import array
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from certs.checks import judge, require
from certs.errors import UnreadableError
from certs.sources import local_file
from certs.sources.files import FilesSource, read_roots_file
from certs.sources.source import CertificateSource
from tests.support.certificates.forge import FQDN, NOW, chain, intermediate, leaf, root

GOOD = leaf()


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    certificate, key = tmp_path / "chain.pem", tmp_path / "tls.key"
    certificate.write_bytes(chain(GOOD, intermediate()))
    key.write_bytes(GOOD.key_pem)
    key.chmod(0o600)
    return certificate, key


def test_files_are_read(files: tuple[Path, Path], tmp_path: Path) -> None:
    source: CertificateSource = FilesSource(*files)
    obtained = source.obtain([FQDN], NOW)
    assert obtained.root_pem is None
    assert require(obtained.reading, FQDN, NOW).findings == ()
    files[0].write_bytes(chain(GOOD, intermediate(), root()))
    assert FilesSource(*files).obtain([FQDN], NOW).root_pem == root().pem.decode()
    roots = tmp_path / "roots.pem"
    roots.write_bytes(chain(root("P-256", 1), root()))
    named = FilesSource(*files, roots).obtain([FQDN], NOW)
    assert named.root_pem == chain(root("P-256", 1), root()).decode()


@pytest.mark.parametrize(
    ("which", "label"), [(0, "certificate file"), (1, "key file")], ids=["certificate", "key"]
)
def test_a_file_that_cannot_be_had_is_named(files: tuple[Path, Path], which: int, label: str) -> None:
    path = files[which]
    path.unlink()
    _expect(files, "file-missing", f"{label} {path}: does not exist.")
    path.mkdir()
    _expect(files, "file-is-directory", f"{label} {path}: is a directory.")
    path.rmdir()
    path.symlink_to(path)
    _expect(files, "file-unreadable", f"{label} {path}: cannot be read: ")
    path.unlink()
    path.write_bytes(b"\n" * (2 << 20))
    path.chmod(0o600)
    _expect(files, "too-large", f"{label} {path}: ")


@pytest.mark.parametrize("which", [0, 1], ids=["certificate", "key"])
def test_a_pipe_is_read_to_its_end(files: tuple[Path, Path], which: int) -> None:
    content = files[which].read_bytes()
    with ThreadPoolExecutor(1) as pool:
        with _pipe(files[which]) as pipe:
            obtained = pool.submit(FilesSource(*files).obtain, [FQDN], NOW)
            for part in (content[:100], content[100:]):
                os.write(pipe, part)
                _until_empty(pipe)
        assert require(obtained.result(30).reading, FQDN, NOW).findings == ()


def test_roots_may_come_out_of_a_pipe(tmp_path: Path) -> None:
    roots = tmp_path / "roots.pem"
    with ThreadPoolExecutor(1) as pool:
        with _pipe(roots) as pipe:
            read = pool.submit(read_roots_file, roots)
            os.write(pipe, root().pem)
            _until_empty(pipe)
        assert read.result(30) == root().pem.decode()


@pytest.mark.parametrize(
    ("which", "label"), [(0, "certificate file"), (1, "key file")], ids=["certificate", "key"]
)
def test_a_pipe_without_an_end_is_named(
    files: tuple[Path, Path], which: int, label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_file, "PIPE_TIMEOUT_S", 0.2)
    path, words = files[which], "within 0.2 s."
    content = path.read_bytes()
    start = f"{label} {path}: is a pipe, and"
    with _pipe(path) as pipe:
        _expect(files, "pipe-without-end", f"{start} nothing was written into it {words}")
        os.write(pipe, content)
        _expect(files, "pipe-without-end", f"{start} did not come to its end {words}")
    _expect(files, "pipe-without-end", f"{start} nothing was written into it {words}")


@contextmanager
def _pipe(path: Path) -> Iterator[int]:
    """A pipe in the place of the file, and a descriptor to write into it."""
    path.unlink(missing_ok=True)
    os.mkfifo(path, 0o600)
    # What reads, too, need not wait for whoever reads.
    descriptor = os.open(path, os.O_RDWR)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _until_empty(descriptor: int) -> None:
    """Waits until all that was written was read, for some time."""
    left = array("i", [1])
    deadline = time.monotonic() + 10
    while left[0] and time.monotonic() < deadline:
        fcntl.ioctl(descriptor, termios.FIONREAD, left)


def _expect(files: tuple[Path, Path], code: str, text: str) -> None:
    obtained = FilesSource(*files).obtain([FQDN], NOW)
    found = judge(obtained.reading, FQDN, NOW).findings
    assert [one.code for one in found] == [code]
    assert str(found[0]).startswith(text)
    with pytest.raises(UnreadableError, match=found[0].message[:12]):
        obtained.reading.bundle()


def test_both_missing_files_are_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = FilesSource(Path("a.pem"), Path("b\0.key")).obtain([FQDN], NOW).reading.findings
    assert [one.code for one in found] == ["file-missing", "file-unreadable"]
    assert found[0].remedy == f"Correct the path; it is taken from {tmp_path}."


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_of_another_is_named(files: tuple[Path, Path]) -> None:
    files[1].chmod(0o000)
    _expect(files, "file-not-permitted", f"key file {files[1]}: may not be read by this user.")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_key_file_open_to_others_is_a_warning(files: tuple[Path, Path], mode: int) -> None:
    files[1].chmod(mode)
    findings = require(FilesSource(*files).obtain([FQDN], NOW).reading, FQDN, NOW).findings
    assert [(one.code, one.severity) for one in findings] == [("key-file-open", "warning")]
    assert f"mode {mode:04o}" in findings[0].message
    assert findings[0].remedy == f"Close it: chmod 600 {files[1]}"


def test_roots_that_cannot_be_read_are_refused(files: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match=r"roots file .*none\.pem: does not exist"):
        FilesSource(*files, tmp_path / "none.pem").obtain([FQDN], NOW)
    (tmp_path / "empty.pem").touch()
    with pytest.raises(UnreadableError, match=r"roots file .*empty\.pem: is empty"):
        read_roots_file(tmp_path / "empty.pem")
