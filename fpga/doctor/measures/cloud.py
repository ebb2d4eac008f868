"""The localclouds of a checkout, asked on loopback, and what killed processes left behind."""

from __future__ import annotations

import fcntl
import os
import pwd
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from fpga.doctor.checks.cloud import Certificate, Cloud, Leftover
from fpga.project import Project
from surroundings import proxies, tls

if TYPE_CHECKING:
    from localcloud.status import ServiceStatus, Status

_HANDSHAKE_S = 3.0


@dataclass(frozen=True)
class Seen:
    """A localcloud as it was found.

    Attributes:
        status: what it tells, or its folder does; None: neither does.
    """

    cloud: Cloud
    status: Status | None


def clouds(project: Project) -> list[Seen]:
    """The localclouds of the checkout; those that run are asked for their status."""
    return [_seen(data, is_default=data == project.cloud) for data in project.clouds]


def certificates(seen: list[Seen]) -> list[Certificate]:
    """The certificates of these localclouds and of the services that they run, as they are shown."""
    return [certificate for one in seen for certificate in _certificates(one)]


def left_behind(project: Project) -> list[Leftover]:
    """What is left of processes that were killed."""
    return [*_of_clouds(project), *_of_stacks(project), *_of_the_cache()]


def _seen(data: Path, *, is_default: bool) -> Seen:
    from fpga.cloud import upgrade
    from localcloud import control, version
    from localcloud.datafolder import lock
    from localcloud.errors import LocalcloudError

    held = False
    try:
        held = lock.is_held(data)
        holder = _other_user(data) if held else ""
        if holder:
            return Seen(Cloud(data, is_default, held, holder=holder), None)
        status = control.status(data)
    except (LocalcloudError, OSError) as error:
        return Seen(Cloud(data, is_default, held, trouble=str(error).rstrip(".")), None)
    if not status.running:
        return Seen(Cloud(data, is_default, is_running=False), status)
    standing = upgrade.of(status).value
    own = str(version.here())
    return Seen(
        Cloud(data, is_default, is_running=True, version=str(status.version), own=own, standing=standing),
        status,
    )


def _other_user(data: Path) -> str:
    """The user whose process runs on a data folder, if that is neither this one nor to be known."""
    from localcloud.settings import PID

    try:
        number = int((data / PID).read_text())
        owner = Path(f"/proc/{number}").stat().st_uid
    except (OSError, ValueError):
        return ""
    if owner == os.geteuid() or os.geteuid() == 0:
        return ""
    try:
        return pwd.getpwuid(owner).pw_name
    except KeyError:
        return str(owner)


def _certificates(seen: Seen) -> Iterator[Certificate]:
    from cryptography import x509

    from localcloud.settings import CA_CERTIFICATE

    data, status = seen.cloud.data, seen.status
    if status is None:
        return
    if status.certificate is not None:
        yield Certificate(
            f"localcloud's own HTTPS on {data}",
            datetime.fromisoformat(status.certificate.expires),
            f"`fpga cloud rotate ca --data {data}`, or see docs/server-certificate.md",
        )
    if (data / CA_CERTIFICATE).is_file():
        for root in x509.load_pem_x509_certificates((data / CA_CERTIFICATE).read_bytes()):
            remedy = f"`fpga cloud rotate ca --data {data}`"
            yield Certificate(f"the CA of {data}", root.not_valid_after_utc, remedy)
    for service in status.services:
        expires = _shown_until(service)
        if expires is not None:
            yield Certificate(
                f"the service {service.name} at {service.address}:{service.port}",
                expires,
                "`fpga certs renew` issues another one; one of your own is replaced where it is from",
            )


def _shown_until(service: ServiceStatus) -> datetime | None:
    """The end of the certificate that a service shows; None: it shows none, or is on no loopback."""
    from cryptography import x509

    if not service.ssl or service.address is None or service.port is None:
        return None
    host, _, port = (service.listens or f"{service.address}:{service.port}").rpartition(":")
    if not proxies.is_loopback(host):
        return None
    context = tls.looking_context()
    context.set_alpn_protocols(["h2"])
    try:
        with (
            socket.create_connection((host, int(port)), _HANDSHAKE_S) as plain,
            context.wrap_socket(plain) as connection,
        ):
            shown = connection.getpeercert(binary_form=True)
    except (OSError, ValueError):
        return None
    return None if shown is None else x509.load_der_x509_certificate(shown).not_valid_after_utc


def _of_clouds(project: Project) -> Iterator[Leftover]:
    from localcloud.datafolder import lock
    from localcloud.settings import CRASH_REPORT, PID

    for data in project.clouds:
        try:
            is_held = lock.is_held(data)
        except OSError:
            continue  # which is told of the folder itself
        if (data / PID).exists() and not is_held:
            yield Leftover(
                f"{data / PID} is of a localcloud that was killed",
                "nothing: the next start takes its place; `fpga cloud list` takes it away",
            )
        crash = data / CRASH_REPORT
        if crash.exists() and crash.stat().st_size:
            yield Leftover(f"{crash} tells of a crash of localcloud", f"read it, and remove it: {crash}")


def _of_stacks(project: Project) -> Iterator[Leftover]:
    from fpga.stacks import backend, lock

    own = backend.own(project)
    for stack in backend.names_in(own):
        for one in lock.locks(own.url, stack, {}):
            if one.is_dead:
                yield Leftover(
                    f"the stack {stack} is locked by an update that was killed ({one})",
                    f"`fpga state unlock -s {stack}`; `fpga up` gives it back by itself",
                )
    if backend.rotation(project) is not None:
        yield Leftover(
            "a rotation of a passphrase was cut off", "`fpga state rotate-passphrase` goes on with it"
        )


def _of_the_cache() -> Iterator[Leftover]:
    from engine import cache

    root = cache.root()
    for building in sorted(root.glob(".*.building-*")) if root.is_dir() else ():
        entry = building.name.rpartition(".building-")[0]
        if not _is_locked(root / f"{entry}.lock"):
            yield Leftover(
                f"{building} is half of what a process that was killed was making",
                "`make up` removes it when it makes that part; or remove it by hand",
            )


def _is_locked(file: Path) -> bool:
    try:
        with file.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
