"""What localcloud keeps of its dealings with authorities: accounts, an order under way, the certificate.

One private file of the data folder, replaced in one step: a process that is killed goes on where it was.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from localcloud.datafolder import sealed_file
from localcloud.datafolder.vault import IN_CLEAR, Vault
from localcloud.errors import StartError
from surroundings import json_text

FILE: Final = "acme.json"


@dataclass(frozen=True)
class Account:
    """An account at an authority.

    Attributes:
        key: PEM. A secret.
        url: None: the key is not registered yet.
        contact: the mail address that the authority was told; empty: none.
    """

    key: str = field(repr=False)
    url: str | None = None
    contact: str = ""


@dataclass(frozen=True)
class Order:
    """An order that was placed.

    Attributes:
        key: of the certificate that comes of it, PEM. A secret.
    """

    directory: str
    names: tuple[str, ...]
    url: str
    key: str = field(repr=False)


@dataclass(frozen=True)
class Issued:
    """A certificate that an authority has issued.

    Attributes:
        chain: PEM, leaf first.
        key: PEM. A secret.
        renew_at: when the authority would like it renewed (RFC 9773); None: it does not say.
    """

    directory: str
    names: tuple[str, ...]
    chain: str
    key: str = field(repr=False)
    renew_at: datetime | None = None


@dataclass(frozen=True)
class Tries:
    """Tries that failed, one after the other.

    Attributes:
        what: the directory and the names that they were for.
        trouble: why the last one failed.
        next_at: the time of the next one.
    """

    what: tuple[str, ...] = ()
    count: int = 0
    trouble: str = ""
    next_at: datetime | None = None


@dataclass(frozen=True)
class State:
    """All of it.

    Attributes:
        accounts: by the URLs of the authorities' directories.
    """

    accounts: dict[str, Account] = field(default_factory=dict)
    order: Order | None = None
    issued: Issued | None = None
    tries: Tries = Tries()


def read(data: Path, vault: Vault = IN_CLEAR) -> State:
    """The state in a data folder; an empty one where there is none.

    Args:
        vault: of the folder's secrets.

    Raises:
        StartError: the file is damaged.
    """
    path = data / FILE
    try:
        kept = json_text.loads(sealed_file.read(path, vault))
        return State(
            {url: Account(**one) for url, one in kept["accounts"].items()},
            Order(**_tuples(kept["order"], "names")) if kept["order"] else None,
            Issued(**_moments(_tuples(kept["issued"], "names"), "renew_at")) if kept["issued"] else None,
            Tries(**_moments(_tuples(kept["tries"], "what"), "next_at")),
        )
    except FileNotFoundError:
        return State()
    except (ValueError, TypeError, KeyError, AttributeError):
        raise damaged(data) from None


def damaged(data: Path, why: str = "") -> StartError:
    """The refusal of a state that cannot be used."""
    return StartError(
        f"{data / FILE} is damaged{f' ({why})' if why else ''}: restore a backup (`fpga cloud restore`), or "
        "delete it; a new account is then registered, and a certificate ordered."
    )


def write(data: Path, state: State, vault: Vault = IN_CLEAR) -> None:
    """Replaces the state.

    Raises:
        OSError: it cannot be written; that of before stays.
    """
    written = json.dumps(asdict(state), default=lambda moment: moment.isoformat())
    sealed_file.write(data / FILE, written.encode(), vault)


def _tuples(kept: dict[str, Any], name: str) -> dict[str, Any]:
    return kept | {name: tuple(str(one) for one in kept[name])}


def _moments(kept: dict[str, Any], name: str) -> dict[str, Any]:
    if kept[name] is None:
        return kept
    moment = datetime.fromisoformat(kept[name])
    if moment.tzinfo is None:
        raise ValueError("a moment has no zone")
    return kept | {name: moment}
