"""The secrets by which clients sign in: the owner's, whose own file has it, and those of all principals."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from localcloud.access import principals
from localcloud.datafolder.store import Store
from localcloud.identity.credentials import Credentials
from localcloud.identity.tenant import Tenant


class ClientSecrets:
    """A judge of clients' secrets, by what is in force now.

    Args:
        tenant: tells who the owner is.
        credentials: gives the owner's in force.
    """

    def __init__(self, store: Store, tenant: Tenant, credentials: Callable[[], Credentials]) -> None:
        self._store = store
        self._owner = tenant.client_id
        self._credentials = credentials

    def opens_until(self, client_id: str, secret: str) -> float | None:
        """The time until which a secret signs a client in, in seconds since the epoch; infinite: it is the
        newest. None: it does not.
        """
        if client_id == self._owner:
            return self._credentials().opens_until(secret)
        with self._store.read() as db:
            return principals.opens_until(db, client_id, secret)

    def stamp(self, client_id: str) -> str | None:
        """A text that is another one once a client's secret was made anew, or its tokens were ended.

        None: there is no such client.
        """
        with self._store.read() as db:
            known = principals.of_client(db, client_id)
            newest = principals.newest_digest(db, client_id)
        if known is None:
            return None
        if client_id == self._owner:
            given = self._credentials()
            newest = f"{given.client_secret} {given.key_id}"
        return hashlib.sha256(f"{known.generation} {newest}".encode()).hexdigest()
