"""Addresses of blobs in the storage accounts of this localcloud, by whichever name they are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import SplitResult

from localcloud.blob import names

_HTTPS = 443


class OwnAccounts:
    """The storage accounts of this localcloud.

    Args:
        suffixes: those of `localcloud.blob.names`.
        place: `HOST:PORT` of the blob service, as callers are told it.
        holds: whether this localcloud has an account of that name.
    """

    def __init__(self, suffixes: Sequence[str], place: str, holds: Callable[[str], bool]) -> None:
        self._suffixes, self._place, self._holds = suffixes, place, holds
        self._ports = (_HTTPS, int(place.rpartition(":")[2]))

    def path_style(self, url: SplitResult) -> SplitResult | None:
        """The address of the same blob at the blob service itself, with the account in its path; None: it is
        of no account that is here.

        A shared access signature holds for both: it is of account, container and blob, and of no host.
        """
        if url.scheme != "https" or (url.port or _HTTPS) not in self._ports:
            return None
        account = names.account_of(url.hostname or "", self._suffixes)
        if account is None or not self._holds(account.removesuffix(names.SECONDARY)):
            return None
        return url._replace(netloc=self._place, path=f"/{account}{url.path}")
