"""The official release archive of the CLI, checked against the checksums published with it."""

from __future__ import annotations

import hashlib
import os
import platform
import tarfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from engine.errors import EngineError
from engine.report import Report

if TYPE_CHECKING:
    import requests

BASE_VARIABLE = "FPGA_PULUMI_RELEASES"
"""Names the folder of releases instead of Pulumi's; set to nothing, no release is asked for."""
BASE = "https://get.pulumi.com/releases/sdk"
CONNECT_TIMEOUT_S = 3.0
READ_TIMEOUT_S = 10.0
SYSTEMS = {"Linux": "linux", "Darwin": "darwin"}
MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}
EXECUTABLES = (
    "pulumi",
    "pulumi-language-python",
    "pulumi-language-python-exec",
    "pulumi-resource-pulumi-python",
)


class Unreachable(EngineError):
    """No release can be had: no host answers, or there is none for this machine. Another way is open."""


def entry(version: str) -> str:
    """The name of this release in the cache."""
    return f"pulumi-{version}-release-{platform.system()}-{platform.machine()}".lower()


def archive_name(version: str) -> str:
    """The archive for this machine, as Pulumi names it. Raises Unreachable where there is none."""
    system, machine = platform.system(), platform.machine()
    try:
        return f"pulumi-v{version}-{SYSTEMS[system]}-{MACHINES[machine.lower()]}.tar.gz"
    except KeyError:
        raise Unreachable(f"Pulumi publishes none for {system} on {machine}.") from None


def fetch(version: str, out: Path, report: Report) -> None:
    """Downloads, checks and unpacks the release of `version` into the folder `out`.

    Raises:
        Unreachable: no host answers within three seconds, or it does not have this release.
        EngineError: what it sent is not what its checksum says, or not an archive to be trusted.
    """
    base = os.environ.get(BASE_VARIABLE, BASE).rstrip("/")
    if not base:
        raise Unreachable(f"{BASE_VARIABLE} is empty, so none is asked for.")
    name = archive_name(version)
    from surroundings.https import session as https_session

    with https_session() as session:
        session.auth = None  # a company's mirror may ask who calls: ~/.netrc tells
        # The small file first: it tells whether the host is there at all.
        expected = listed_checksum(_get(session, f"{base}/pulumi-{version}-checksums.txt").text, name)
        with report.stage(f"Downloading Pulumi {version}"):
            archive = out / name
            actual = _download(_get(session, f"{base}/{name}", stream=True), archive, report)
    if actual != expected:
        raise EngineError(
            f"{base}/{name} has the SHA-256 {actual}, its published checksum is {expected}: it was "
            f"changed on the way and is not used. Set {BASE_VARIABLE} to a source that you trust, or to "
            "nothing to have the CLI built instead."
        )
    _unpack(archive, out)
    archive.unlink()
    missing = [executable for executable in EXECUTABLES if not (out / executable).is_file()]
    if missing:
        raise EngineError(f"{base}/{name} does not hold {', '.join(missing)}.")


def _get(session: requests.Session, url: str, *, stream: bool = False) -> requests.Response:
    import requests

    try:
        answer = session.get(url, timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S), stream=stream)
    except requests.RequestException as error:
        raise Unreachable(f"{url} does not answer ({type(error).__name__}).") from None
    if answer.status_code != requests.codes.ok:
        raise Unreachable(f"{url} answers {answer.status_code}.")
    return answer


def listed_checksum(checksums: str, name: str) -> str:
    for line in checksums.splitlines():
        match line.split():
            case [digest, listed] if listed.lstrip("*") == name:
                return digest.lower()
    raise EngineError(f"The release's checksums do not list {name}: it is not used.")


def _download(answer: requests.Response, archive: Path, report: Report) -> str:
    """Writes the body to `archive` and returns its SHA-256."""
    import requests

    total = int(answer.headers.get("Content-Length", 0))
    digest, received = hashlib.sha256(), 0
    try:
        with archive.open("wb") as file:
            for chunk in answer.iter_content(1 << 20):
                file.write(chunk)
                digest.update(chunk)
                received += len(chunk)
                report.progress(f"{received >> 20} of {total >> 20} MB")
    except requests.RequestException as error:
        raise Unreachable(f"{answer.url} broke off ({type(error).__name__}).") from None
    return digest.hexdigest()


def _unpack(archive: Path, out: Path) -> None:
    """Writes the archive's plain files, which all lie under `pulumi/`, to `out`; refuses everything else."""
    try:
        with tarfile.open(archive, "r:gz") as members:
            for member in members:
                path = PurePosixPath(member.name)
                inside = path.parts[:1] == ("pulumi",) and ".." not in path.parts
                if not inside or not (member.isfile() or member.isdir()):
                    raise EngineError(
                        f"{archive.name} holds {member.name!r}, which no release does: it is not used."
                    )
                source = members.extractfile(member)
                if source is None:  # a folder
                    continue
                target = out.joinpath(*path.parts[1:])
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("wb") as file:
                    while chunk := source.read(1 << 20):
                        file.write(chunk)
                target.chmod(0o700 if member.mode & 0o111 else 0o600)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise EngineError(f"{archive.name} cannot be unpacked: {error}") from error
