"""Changes of principals in a data folder, whether its localcloud runs or not: they hold at once."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from localcloud import rotation
from localcloud.access import audit, principals
from localcloud.access.principals import FederatedCredential, Principal, Secret
from localcloud.access.roles import Role
from localcloud.datafolder import encryption
from localcloud.datafolder.store import Store
from localcloud.errors import StartError
from localcloud.identity.credentials import OVERLAP_S
from localcloud.identity.federation import LOOPBACK
from localcloud.settings import DATABASE

Keep = Callable[[str], None]
"""Takes a new secret to where it is asked for; what it raises undoes the change."""
MOST_CREDENTIALS: Final = 20
"""How many federated credentials a principal may have, as in Entra ID."""
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_LONGEST: Final = 600
"""Most characters of an issuer, a subject or an audience, as in Entra ID."""


@dataclass(frozen=True)
class Known:
    """A principal, by what it signs in, and when it did last.

    Attributes:
        is_owner: whether it is the client that the folder was made with, whose secret is in the folder.
        secrets: those that open, the newest first.
        used_on: the time of its last sign-in, in seconds since the epoch; None: there was none.
    """

    principal: Principal
    is_owner: bool
    secrets: Sequence[Secret]
    credentials: Sequence[FederatedCredential]
    used_on: int | None


def listing(data: Path) -> list[Known]:
    """All principals of a data folder.

    Raises:
        StartError: it is no data folder, or another version of localcloud runs on it.
    """
    with _opened(data) as store, store.read() as db:
        return known(db)


def known(db: sqlite3.Connection) -> list[Known]:
    """All principals of a database, by their names."""
    owner = principals.owner(db)
    return [
        Known(
            one,
            one.client_id == owner,
            [principals.owner_secret(db)]
            if one.client_id == owner
            else principals.secrets_of(db, one.client_id),
            principals.trusted(db, one.client_id),
            principals.used_on(db, one.client_id),
        )
        for one in principals.everyone(db)
    ]


def add(
    data: Path,
    name: str,
    given: Sequence[Role],
    scope: str | None,
    keep: Keep | None,
    *,
    client_id: str | None = None,
) -> Principal:
    """Adds a principal with roles over a scope.

    Args:
        scope: resource ID of a group or resource that is there; None: the subscription.
        keep: takes its secret; None: it has none, and signs in by another issuer's token alone.
        client_id: its client ID, a UUID; None: a new one.

    Raises:
        StartError: the name or the scope is wrong, or the folder cannot be used; nothing was changed.
    """
    if not principals.NAME.fullmatch(name):
        raise StartError(
            f"'{name}' is no name of a principal: give 1 to 64 letters, digits, '.', '_' or '-', the first "
            "one a letter or digit."
        )
    if client_id is not None and not _UUID.fullmatch(client_id):
        raise StartError(f"--client-id {client_id} is no client ID: give a UUID, as Azure has it.")
    with _opened(data) as store, store.write() as db:
        if principals.named(db, name) is not None:
            raise StartError(f"There is a principal '{name}' already: give another name, or remove it first.")
        if client_id is not None and (other := principals.of_client(db, client_id.lower())) is not None:
            raise StartError(f"--client-id {client_id} is that of '{other.name}' already: remove it first.")
        over = _scope(db, scope)
        client_id = principals.add(db, name, client_id)
        for role in given:
            principals.assign(db, client_id, role, over)
        if keep is not None:
            keep(principals.new_secret(db, client_id, 0))
        added = _named(db, name)
        _note(data, "add", added, over, role=_words(given))
    return added


def grant(data: Path, name: str, given: Sequence[Role], scope: str | None) -> tuple[str, list[Role]]:
    """Gives a principal roles over a scope.

    Args:
        scope: as of `add`.

    Returns:
        The scope, and which of the roles it did not have there.

    Raises:
        StartError: it cannot; nothing was changed.
    """
    with _opened(data) as store, store.write() as db:
        principal, over = _named(db, name), _scope(db, scope)
        had = {one.role for one in principal.assignments if one.scope == over.lower().rstrip("/")}
        missing = [role for role in given if role not in had]
        for role in missing:
            principals.assign(db, principal.client_id, role, over)
        if missing:
            _note(data, "grant", principal, over, role=_words(missing))
    return over, missing


def revoke(data: Path, name: str, taken: Sequence[Role], scope: str | None) -> str:
    """Takes roles over a scope from a principal; those over other scopes stay.

    Returns:
        The scope.

    Raises:
        StartError: it has not all of them, or one stays; nothing was changed.
    """
    with _opened(data) as store, store.write() as db:
        principal, over = _named(db, name), scope or _subscription(db)
        found = {one.role: one for one in principal.assignments if one.scope == over.lower().rstrip("/")}
        for role in taken:
            if role not in found:
                raise StartError(
                    f"'{principal.name}' is not given {role.word} of {over}: `fpga cloud principal list` "
                    "tells what it is, and of what."
                )
            if principals.stays(db, found[role]):
                raise StartError(
                    f"'{principal.name}' is the client that this localcloud was made with: it stays its "
                    "owner."
                )
            principals.unassign(db, found[role].name)
        _note(data, "revoke", principal, over, role=_words(taken))
    return over


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
        principal = _other(db, name, "its secret is that of `fpga cloud rotate sign-in`")
        keep(principals.new_secret(db, principal.client_id, until))
        _note(data, "rotate", principal, now=str(at_once).lower())
    return until


def remove(data: Path, name: str) -> Principal:
    """Removes a principal; its secrets and tokens open nothing any more.

    Raises:
        StartError: it cannot; nothing was changed.
    """
    with _opened(data) as store, store.write() as db:
        principal = _other(db, name, "this machine's commands sign in as it")
        principals.remove(db, principal.client_id)
        _note(data, "remove", principal)
    return principal


def trust(data: Path, name: str, credential: FederatedCredential) -> None:
    """Has another issuer's tokens sign a principal in.

    Raises:
        StartError: it cannot; nothing was changed.
    """
    _require_text(credential)
    _require_issuer(credential.issuer)
    with _opened(data) as store, store.write() as db:
        principal = _named(db, name)
        other = principals.trusting(db, credential)
        if other not in (None, principal.client_id):
            raise StartError(
                f"Such tokens sign '{_named(db, other).name}' in already: whoever has one chooses as whom. "
                "Give that one the roles that it needs (`fpga cloud principal grant`), or end its trust "
                "first (`fpga cloud principal trust … --end`)."
            )
        principals.trust(db, principal.client_id, credential)
        if len(principals.trusted(db, principal.client_id)) > MOST_CREDENTIALS:
            raise StartError(
                f"'{principal.name}' has {MOST_CREDENTIALS} federated credentials, which is the most, as in "
                "Entra ID: end one that is not used, or add another principal."
            )
        _note(
            data,
            "trust",
            principal,
            issuer=credential.issuer,
            subject=credential.subject,
            audiences=" ".join(credential.audiences),
        )


def distrust(data: Path, name: str, issuer: str, subject: str) -> None:
    """Ends the trust in an issuer's tokens of a subject, and whatever tokens the principal has.

    Raises:
        StartError: it cannot; nothing was changed.
    """
    with _opened(data) as store, store.write() as db:
        principal = _named(db, name)
        if not principals.distrust(db, principal.client_id, issuer, subject):
            raise StartError(
                f"'{principal.name}' trusts no tokens of {issuer} for '{subject}': `fpga cloud principal "
                "list` tells which."
            )
        # those of the folder's own client are this machine's, too: `rotate sign-in --now` ends them
        if principal.client_id != principals.owner(db):
            principals.end_tokens(db, principal.client_id)
        _note(data, "distrust", principal, issuer=issuer, subject=subject)


def _require_text(credential: FederatedCredential) -> None:
    given = [("--issuer", credential.issuer), ("--subject", credential.subject)]
    given += [("--audience", audience) for audience in credential.audiences or ("",)]
    for setting, value in given:
        if not value.strip() or not value.isprintable():
            raise StartError(f"{setting} is empty, or no text: give it as the issuer's tokens have it.")
        if len(value) > _LONGEST:
            raise StartError(
                f"{setting} has {len(value)} characters, and takes at most {_LONGEST}, as in Entra ID."
            )


def _require_issuer(issuer: str) -> None:
    """Refuses an issuer that could be asked for no keys: its tokens would never be taken."""
    parts = urlsplit(issuer)
    is_asked = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not is_asked or not parts.hostname or parts.query or parts.fragment:
        raise StartError(
            f"--issuer {issuer} is no address of an issuer: give the tokens' `iss`, https://HOST and a path, "
            "such as https://token.actions.githubusercontent.com."
        )


def _scope(db: sqlite3.Connection, scope: str | None) -> str:
    """The scope that is asked for, which is there; None: the subscription."""
    over = _subscription(db) if scope is None else scope
    if not principals.is_scope(db, over):
        raise StartError(
            f"--scope {over} is no resource ID of what is there: give that of the subscription "
            f"({_subscription(db)}), of a resource group, or of a resource in one."
        )
    return over


def _subscription(db: sqlite3.Connection) -> str:
    row = db.execute("SELECT subscription_id FROM tenant").fetchone()
    return f"/subscriptions/{row['subscription_id']}"


def _words(given: Sequence[Role]) -> str:
    return ", ".join(role.word for role in given)


def _note(data: Path, action: str, principal: Principal, scope: str = "", **others: str) -> None:
    """Notes a change, as the last thing before it is there."""
    audit.note(
        data, f"principal {action}", scope, name=principal.name, client_id=principal.client_id, **others
    )


@contextlib.contextmanager
def _opened(data: Path) -> Iterator[Store]:
    with rotation.steady(data) as (mark, _):
        # without its key: secrets of principals are kept as digests alone
        store = Store(data / DATABASE, mark, lambda db: encryption.vault_of(data, db, None))
        try:
            yield store
        finally:
            store.close()


def _named(db: sqlite3.Connection, name: str) -> Principal:
    found = principals.named(db, name)
    if found is None:
        raise StartError(f"There is no principal '{name}': `fpga cloud principal list` tells which are.")
    return found


def _other(db: sqlite3.Connection, name: str, because: str) -> Principal:
    """The principal of that name, which is not the folder's own client."""
    found = _named(db, name)
    if found.client_id == principals.owner(db):
        raise StartError(f"'{found.name}' is the client that this localcloud was made with: {because}.")
    return found
