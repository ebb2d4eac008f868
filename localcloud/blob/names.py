"""The DNS names of storage accounts: `ACCOUNT.blob.SUFFIX`, the host style that Azure has. Pure.

Source: Azure Storage, "Storage account overview", standard endpoints.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import Final

AZURE: Final = "core.windows.net"
"""The suffix of Azure's public cloud, which clients of 2018 put behind each account's name."""
HERE: Final = "core.localhost"
"""The suffix of a localcloud without a DNS name: below `localhost` (RFC 6761), which is nobody's domain."""
SECONDARY: Final = "-secondary"
"""Ends the name at which Azure reads an account's second copy."""
_ACCOUNT = re.compile(rf"[a-z0-9]{{3,24}}({SECONDARY})?")


def suffixes(*names: str | None) -> tuple[str, ...]:
    """The suffixes of a localcloud that callers know by these names: its own first, Azure's last.

    Args:
        names: DNS names and IPv4 addresses, of which none is a suffix; None: left out.
    """
    own = [name.lower().rstrip(".") for name in names if name is not None and not _is_address(name)]
    found = [name for name in own if name != "localhost"]
    return tuple(dict.fromkeys([*found, HERE, AZURE]))


def hosts(account: str, suffixes: Sequence[str]) -> tuple[str, ...]:
    """The DNS names of an account, those of its second copy with them; `*` for each account's."""
    accounts = (account,) if account == "*" else (account, account + SECONDARY)
    return tuple(f"{one}.blob.{suffix}" for suffix in suffixes for one in accounts)


def account_of(host: str, suffixes: Sequence[str]) -> str | None:
    """The account that a DNS name is of, as it is written there; None: it is no account's."""
    account, _, rest = host.lower().rstrip(".").partition(".")
    if rest in {f"blob.{suffix}" for suffix in suffixes} and _ACCOUNT.fullmatch(account):
        return account
    return None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
