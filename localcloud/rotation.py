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
from localcloud.datafolder import encryption, folder, lock, mark, operator_key, owner, sealed_file
from localcloud.datafolder.mark import Mark
from localcloud.datafolder.operator_key import OperatorKey
from localcloud.datafolder.store import Store
from localcloud.datafolder.vault import Vault
from localcloud.errors import StartError
from localcloud.files import write_private
from localcloud.identity import credentials, secret_file
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


def sign_in(data: Path, *, at_once: bool, key_file: Path | None = None) -> float:
    """Makes the client's secret, and the key that signs tokens, anew.

    Args:
        at_once: whether secret and tokens of before end now, or within the hour that tokens live.
        key_file: of the operator's key, where secrets are encrypted; None: that which the running one was
            given.

    Returns:
        The time at which all of before ends, in seconds since the epoch.

    Raises:
        StartError: it cannot; where the message does not say otherwise nothing was changed.
    """
    with steady(data) as (found, runs):
        with _unlocked(data, found, _key(data, key_file, runs=runs)) as store:
            store.vault.require()
            audit.note(data, "rotate sign-in", now=str(at_once).lower())
            until = credentials.rotate(store, data, at_once=at_once)
            secret = credentials.load(store, data).client_secret
            is_encrypted = store.vault.is_sealing
        if runs:
            control.have_follow(data, lambda: (data / CLIENT_SECRET).read_text() == secret)
        elif not is_encrypted:
            secret_file.keep(data, secret, is_expected=True)
    return until


def ca(data: Path, *, at_once: bool, key_file: Path | None = None) -> Roots:
    """Goes one step towards another CA, or all the way.

    First `ca.pem` has the new CA beside the one that issues, for callers to learn of it. At once, or by a
    second step, the new one issues the server's certificate, and `ca.pem` has it alone.

    Args:
        key_file: as of `sign_in`.

    Raises:
        StartError: it cannot; where the message does not say otherwise nothing was changed.
    """
    with steady(data) as (found, runs):
        if not trusted.is_own(data):
            raise StartError(
                f"The localcloud of {data} shows a certificate that its own CA has not issued. Nothing was "
                "changed: who issued that one renews it, and callers trust it by that one's root. "
                "`fpga cloud status` tells where it comes from."
            )
        with _unlocked(data, found, _key(data, key_file, runs=runs)) as store:
            vault = store.vault
        vault.require()
        file = data / CA_CERTIFICATE
        before = file.read_bytes()
        audit.note(data, "rotate ca", now=str(at_once).lower())
        if not _is_begun(data, vault):
            made = authority.make_ca()
            # The certificate last: a key without one is of nothing that anybody has seen.
            sealed_file.write(data / NEXT_CA_KEY, made.key, vault)
            write_private(file, before.rstrip() + b"\n" + made.certificate)
        if not at_once:
            return Roots(before, file.read_bytes(), is_over=False)
        newest = authority.trusted(file)[-1].public_bytes(serialization.Encoding.PEM)
        if not _fits_newest(data, CA_KEY, vault):
            (data / NEXT_CA_KEY).replace(data / CA_KEY)
        if runs:
            control.have_follow(data, lambda: _is_shown(data, newest.decode()))
        else:
            for name in (SERVER_CERTIFICATE, SERVER_KEY):  # made at the next start
                (data / name).unlink(missing_ok=True)
        write_private(file, newest)
        (data / NEXT_CA_KEY).unlink(missing_ok=True)
        return Roots(before, newest, is_over=True)


def encryption_key(data: Path, new_file: Path, key_file: Path | None = None) -> str:
    """Has another key of the operator's encrypt the folder's own one, whether its localcloud runs or not.

    Args:
        new_file: of the other key.
        key_file: as of `sign_in`.

    Returns:
        The ID of the key that its next start needs.

    Raises:
        StartError: it cannot; nothing was changed.
    """
    if data.resolve() in new_file.resolve().parents:
        raise StartError(
            f"--new {new_file} lies in the data folder, and would be taken together with what is encrypted: "
            "keep it elsewhere. Nothing was changed."
        )
    new = operator_key.read(new_file, f"--new {new_file}")
    with steady(data) as (found, runs), contextlib.closing(Store(data / DATABASE, found)) as store:
        key = _key(data, key_file, runs=runs)
        encryption.rewrap(
            store, data, key, new, lambda: audit.note(data, "rotate encryption-key", key=new.id)
        )
    return new.id


def decrypt(data: Path, key_file: Path | None) -> None:
    """Has the secrets of a folder be in clear again; its localcloud does not run.

    Raises:
        StartError: it cannot, or runs.
    """
    with steady(data) as (found, runs):
        if runs:
            raise StartError(
                f"The localcloud of {data} runs, and needs the key. Nothing was changed: stop it with `fpga "
                "cloud down`, then try again, and start it without the key."
            )
        with _unlocked(data, found, _key(data, key_file, runs=False)) as store:
            if store.vault.is_sealing:
                store.vault.require()
                audit.note(data, "decrypt")
                encryption.leave(store, data)
                secret_file.forget(data)


def _key(data: Path, file: Path | None, *, runs: bool) -> OperatorKey | None:
    """The operator's key of a folder: in that file, or in the one that its localcloud was given.

    Raises:
        StartError: the file holds no key.
    """
    if file is None and runs and encryption.key_id(data, runs=True) is not None:
        running = control.settings_of(data)
        file = None if running is None else running.encryption_key_file
    return operator_key.find(file)


def _unlocked(
    data: Path, found: Mark | None, key: OperatorKey | None
) -> contextlib.AbstractContextManager[Store]:
    """The store of a folder, closed at the end of the block; its secrets can be read with their key alone.

    Raises:
        StartError: they are encrypted with another one.
    """
    return contextlib.closing(Store(data / DATABASE, found, lambda db: encryption.vault_of(data, db, key)))


def _is_begun(data: Path, vault: Vault) -> bool:
    """Whether the last of several CAs is to take the place of the others: its key is there."""
    several = len(authority.trusted(data / CA_CERTIFICATE)) > 1
    return several and any(_fits_newest(data, name, vault) for name in (NEXT_CA_KEY, CA_KEY))


def _fits_newest(data: Path, name: str, vault: Vault) -> bool:
    """Whether a file holds the key of the newest CA; False, too, where it holds none."""
    with contextlib.suppress(StartError):
        return authority.fits(authority.trusted(data / CA_CERTIFICATE)[-1], data / name, vault)
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
