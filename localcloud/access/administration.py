"""Changes of principals in a data folder, whether its localcloud runs or not: they hold at once."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from localcloud import rotation
from localcloud.access import audit, principals
from localcloud.access.principals import FederatedCredential, Principal
from localcloud.access.roles import Role
from localcloud.datafolder.store import Store
from localcloud.errors import StartError
from localcloud.identity.credentials import OVERLAP_S
from localcloud.settings import DATABASE

Keep = Callable[[str], None]
"""Takes a new secret to where it is asked for; what it raises undoes the change."""


@dataclass(frozen=True)
class Known:
    """A principal, and by what it signs in.

    Attributes:
        is_owner: whether it is the client that the folder was made with, whose secret is in the folder.
        secrets: the ends of the secrets that open, in seconds since the epoch; None: the newest one's.
    """

    principal: Principal
    is_owner: bool
    secrets: Sequence[int | None]
    credentials: Sequence[FederatedCredential]


def listing(data: Path) -> list[Known]:
    """All principals of a data folder.

    Raises:
        StartError: it is no data folder, or another version of localcloud runs on it.
    """
    with _opened(data) as store, store.read() as db:
        owner = _owner(store)
        return [
            Known(
                one,
                one.client_id == owner,
                [None] if one.client_id == owner else principals.secrets_of(db, one.client_id),
                principals.trusted(db, one.client_id),
            )
            for one in principals.everyone(db)
        ]


def add(data: Path, name: str, given: Sequence[Role], scope: str | None, keep: Keep | None) -> Principal:
    """Adds a principal with roles over a scope.

    Args:
        scope: resource ID of a group or resource that is there; None: the subscription.
        keep: takes its secret; None: it has none, and signs in by another issuer's token alone.

    Raises:
        StartError: the name or the scope is wrong, or the folder cannot be used; nothing was changed.
    """
    if not principals.NAME.fullmatch(name):
        raise StartError(
            f"'{name}' is no name of a principal: give 1 to 64 letters, digits, '.', '_' or '-', the first "
            "one a letter or digit."
        )
    with _opened(data) as store, store.write() as db:
        if principals.named(db, name) is not None:
            raise StartError(f"There is a principal '{name}' already: give another name, or remove it first.")
        subscription = db.execute("SELECT subscription_id FROM tenant").fetchone()["subscription_id"]
        over = f"/subscriptions/{subscription}" if scope is None else scope
        if not principals.is_scope(db, over):
            raise StartError(
                f"--scope {over} is no resource ID of what is there: give that of the subscription "
                f"(/subscriptions/{subscription}), of a resource group, or of a resource in one."
            )
        client_id = principals.add(db, name)
        for role in given:
            principals.assign(db, client_id, role, over)
        if keep is not None:
            keep(principals.new_secret(db, client_id, 0))
        added = _named(store, name)
    words = ", ".join(role.word for role in given)
    audit.note(data, "principal add", over, name=name, client_id=added.client_id, role=words)
    return added


def rotate(data: Path, name: str, keep: Keep, *, at_once: bool) -> float:
    """Makes a principal's secret anew.

    Args:
        at_once: whether the secret of before, and all tokens of before, end now, or within the hour.

    Returns:
        The time at which the secret of before ends, in seconds since the epoch.

    Raises:
        StartError: it cannot; nothing was changed.
    """
    now = int(time.time())
    until = now if at_once else now + OVERLAP_S
    with _opened(data) as store, store.write() as db:
        principal = _other(store, name, "its secret is that of `fpga cloud rotate sign-in`")
        keep(principals.new_secret(db, principal.client_id, until))
    audit.note(data, "principal rotate", "", name=principal.name, client_id=principal.client_id)
    return until


def remove(data: Path, name: str) -> Principal:
    """Removes a principal; its secrets and tokens open nothing any more.

    Raises:
        StartError: it cannot; nothing was changed.
    """
    with _opened(data) as store, store.write() as db:
        principal = _other(store, name, "this machine's commands sign in as it")
        principals.remove(db, principal.client_id)
    audit.note(data, "principal remove", "", name=principal.name, client_id=principal.client_id)
    return principal


def trust(data: Path, name: str, credential: FederatedCredential) -> None:
    """Has another issuer's tokens sign a principal in.

    Raises:
        StartError: it cannot; nothing was changed.
    """
    given = [("--issuer", credential.issuer), ("--subject", credential.subject)]
    given += [("--audience", audience) for audience in credential.audiences or ("",)]
    for setting, value in given:
        if not value.strip() or value.encode(errors="replace") != value.encode(errors="surrogatepass"):
            raise StartError(f"{setting} is empty, or no text: give it as the issuer's tokens have it.")
    with _opened(data) as store, store.write() as db:
        principal = _named(store, name)
        principals.trust(db, principal.client_id, credential)
    _note_trust(data, "principal trust", principal, credential.issuer, credential.subject)


def distrust(data: Path, name: str, issuer: str, subject: str) -> None:
    """Ends the trust in an issuer's tokens of a subject, and whatever tokens the principal has.

    Raises:
        StartError: it cannot; nothing was changed.
    """
    with _opened(data) as store, store.write() as db:
        principal = _named(store, name)
        if not principals.distrust(db, principal.client_id, issuer, subject):
            raise StartError(
                f"'{principal.name}' trusts no tokens of {issuer} for '{subject}': `fpga cloud principal "
                "list` tells which."
            )
        # those of the folder's own client are this machine's, too: `rotate sign-in --now` ends them
        if principal.client_id != _owner(store):
            principals.end_tokens(db, principal.client_id)
    _note_trust(data, "principal distrust", principal, issuer, subject)


def _note_trust(data: Path, action: str, principal: Principal, issuer: str, subject: str) -> None:
    audit.note(
        data, action, "", name=principal.name, client_id=principal.client_id, issuer=issuer, subject=subject
    )


@contextlib.contextmanager
def _opened(data: Path) -> Iterator[Store]:
    with rotation.steady(data) as (mark, _):
        store = Store(data / DATABASE, mark)
        try:
            yield store
        finally:
            store.close()


def _owner(store: Store) -> str:
    with store.read() as db:
        found: str = db.execute("SELECT client_id FROM tenant").fetchone()["client_id"]
    return found.lower()


def _named(store: Store, name: str) -> Principal:
    with store.write() as db:
        found = principals.named(db, name)
    if found is None:
        raise StartError(f"There is no principal '{name}': `fpga cloud principal list` tells which are.")
    return found


def _other(store: Store, name: str, because: str) -> Principal:
    """The principal of that name, which is not the folder's own client."""
    found = _named(store, name)
    if found.client_id == _owner(store):
        raise StartError(f"'{found.name}' is the client that this localcloud was made with: {because}.")
    return found
