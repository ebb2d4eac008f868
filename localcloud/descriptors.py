"""Descriptors: how many files and connections this process may have open (RLIMIT_NOFILE), and who gets them.

A quarter is for connections to the HTTPS APIs, half for services, the rest for the database, the blob service
and packages that come.
"""

from __future__ import annotations

import logging
import resource

_OF_A_SERVICE = 4
"""A service's listening sockets, for gRPC and HTTP, and some calls at once."""
_MOST_CONNECTIONS = 512
_MACOS_LIMIT = 10240
"""The most that macOS takes where it says that there is no limit."""

log = logging.getLogger(__name__)


def raise_limit() -> None:
    """Raises the soft limit to the hard one, and logs both."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (hard, _MACOS_LIMIT):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (ValueError, OSError):  # more than the system takes
            continue
        break
    log.info(
        "may open %s files and connections at once (it was %s): %d connections to the APIs, %d services",
        *(_shown(limit()), _shown(soft)),
        *(connections(), services()),
    )


def limit() -> int:
    """The descriptors that this process may have; `resource.RLIM_INFINITY` where there is no limit."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def connections() -> int:
    """How many connections to the HTTPS APIs there may be."""
    return _MOST_CONNECTIONS if _is_endless() else min(_MOST_CONNECTIONS, limit() // 4)


def services() -> int:
    """How many services there may be."""
    return 2**31 if _is_endless() else limit() // 2 // _OF_A_SERVICE


def _is_endless() -> bool:
    return limit() == resource.RLIM_INFINITY


def _shown(number: int) -> str:
    return "any number of" if number == resource.RLIM_INFINITY else str(number)
