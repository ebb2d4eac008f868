"""Rotations of what opens a localcloud, or proves that it is the one: its sign-in and its CA.

Both are written to the data folder, whether its localcloud runs or not; one that runs takes them without a
restart. Each step leaves a folder that works: a rotation that was cut off is run again.
"""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from localcloud import authority, control, ports, version
from localcloud.access import audit
from localcloud.authority import CA_KEY, NEXT_CA_KEY, SERVER_CERTIFICATE, SERVER_KEY
from localcloud.certificate import trusted
from localcloud.datafolder import folder, lock, mark, owner
from localcloud.datafolder.mark import Mark
from localcloud.datafolder.store import Store
from localcloud.errors import StartError
from localcloud.files import write_private
from localcloud.identity import credentials
from localcloud.settings import CA_CERTIFICATE, CLIENT_SECRET, DATABASE
from surroundings.tls import client_context

_CONNECT_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Roots:
    """The CAs that callers are to trust, PEM: those of before a step of a rotation, and those behind it.

    Attributes:
        is_over: whether nothing of before is trusted any more.
    """

    before: bytes
    after: bytes
    is_over: bool


def sign_in(data: Path, *, at_once: bool) -> float:
    """Makes the client's secret, and the key that signs tokens, anew.

    Args:
        at_once: whether secret and tokens of before end now, or within the hour that tokens live.

    Returns:
        The time at which all of before ends, in seconds since the epoch.

    Raises:
        StartError: it cannot; where the message does not say otherwise nothing was changed.
    """
    with steady(data) as (found, runs):
        store = Store(data / DATABASE, found)
        try:
            audit.note(data, "rotate sign-in", now=str(at_once).lower())
            until = credentials.rotate(store, data, at_once=at_once)
            secret = credentials.load(store, data).client_secret
        finally:
            store.close()
        if runs:
            control.have_follow(data, lambda: (data / CLIENT_SECRET).read_text() == secret)
        else:
            credentials.keep_file(data, secret, is_expected=True)
    return until


def ca(data: Path, *, at_once: bool) -> Roots:
    """Goes one step towards another CA, or all the way.

    First `ca.pem` has the new CA beside the one that issues, for callers to learn of it. At once, or by a
    second step, the new one issues the server's certificate, and `ca.pem` has it alone.

    Raises:
        StartError: it cannot; where the message does not say otherwise nothing was changed.
    """
    with steady(data) as (_, runs):
        if not trusted.is_own(data):
            raise StartError(
                f"The localcloud of {data} shows a certificate that its own CA has not issued. Nothing was "
                "changed: who issued that one renews it, and callers trust it by that one's root. "
                "`fpga cloud status` tells where it comes from."
            )
        file = data / CA_CERTIFICATE
        before = file.read_bytes()
        audit.note(data, "rotate ca", now=str(at_once).lower())
        if not _is_begun(data):
            made = authority.make_ca()
            # The certificate last: a key without one is of nothing that anybody has seen.
            write_private(data / NEXT_CA_KEY, made.key)
            write_private(file, before.rstrip() + b"\n" + made.certificate)
        if not at_once:
            return Roots(before, file.read_bytes(), is_over=False)
        newest = authority.trusted(file)[-1].public_bytes(serialization.Encoding.PEM)
        if not _fits_newest(data, CA_KEY):
            (data / NEXT_CA_KEY).replace(data / CA_KEY)
        if runs:
            control.have_follow(data, lambda: _is_shown(data, newest.decode()))
        else:
            for name in (SERVER_CERTIFICATE, SERVER_KEY):  # made at the next start
                (data / name).unlink(missing_ok=True)
        write_private(file, newest)
        (data / NEXT_CA_KEY).unlink(missing_ok=True)
        return Roots(before, newest, is_over=True)


def _is_begun(data: Path) -> bool:
    """Whether the last of several CAs is to take the place of the others: its key is there."""
    several = len(authority.trusted(data / CA_CERTIFICATE)) > 1
    return several and (_fits_newest(data, NEXT_CA_KEY) or _fits_newest(data, CA_KEY))


def _fits_newest(data: Path, name: str) -> bool:
    """Whether a file holds the key of the newest CA; False, too, where it holds none."""
    with contextlib.suppress(StartError):
        return authority.fits(authority.trusted(data / CA_CERTIFICATE)[-1], data / name)
    return False


@contextlib.contextmanager
def steady(data: Path) -> Iterator[tuple[Mark | None, bool]]:
    """The mark of a folder, and whether its localcloud runs; else it does not begin to inside the block."""
    if not (data / DATABASE).is_file():
        raise StartError(f"{data} holds no localcloud's data: name its folder with --data.")
    if not lock.is_held(data):
        with lock.held(data), owner.kept(data):
            yield folder.checked(data), False
        return
    running = control.status(data).version
    if running != version.here():
        raise StartError(
            f"The localcloud of {data} runs as {running}, and this checkout is {version.here()}. Nothing was "
            "changed: restart it with `fpga cloud down` and `fpga cloud up`, then try again."
        )
    with owner.kept(data):
        yield mark.read(data), True


def _is_shown(data: Path, root: str) -> bool:
    """Whether the HTTPS of the localcloud that runs shows a certificate that this CA has issued."""
    kept = ports.read(data)
    if kept is None:
        return False
    connection = http.client.HTTPSConnection(
        kept.near_host, kept.https, timeout=_CONNECT_TIMEOUT_S, context=client_context(cadata=root)
    )
    try:
        connection.connect()
    except OSError:
        return False
    finally:
        connection.close()
    return True
