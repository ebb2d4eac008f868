"""`fpga cloud principal add|list|grant|revoke|rotate|remove|trust`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fpga.errors import CommandError
from fpga.project import Project

if TYPE_CHECKING:
    from localcloud.access.administration import Known
    from localcloud.access.principals import Secret
    from localcloud.access.roles import Role

app = typer.Typer(
    help="Say who may sign in to localcloud, by what, and what each may do there.", no_args_is_help=True
)

Data = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="Folder of all that it keeps.", show_default=".local/cloud"),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the principal.", show_default=False)]
_SECRET_FILE = "File to write the secret to, private; '-' prints it."  # noqa: S105 - help


class RoleName(StrEnum):
    """A role, in lower case."""

    OWNER = "owner"
    CONTRIBUTOR = "contributor"
    READER = "reader"
    KEYS_READER = "keys-reader"
    USER_ACCESS_ADMINISTRATOR = "user-access-administrator"


Roles = Annotated[
    list[RoleName],
    typer.Option(
        "--role",
        metavar="ROLE",
        help="owner, contributor, reader (reads all but keys), keys-reader (keys of services alone) or "
        "user-access-administrator (reads, and gives roles); may be given more than once.",
        show_default=False,
    ),
]
Scope = Annotated[
    str | None,
    typer.Option(
        "--scope",
        metavar="RESOURCE_ID",
        help="Where: that, and all below it.",
        show_default="the subscription",
    ),
]


@app.command()
def add(
    name: Name,
    role: Roles,
    scope: Scope = None,
    secret_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help=_SECRET_FILE, show_default="no secret")
    ] = None,
    client_id: Annotated[
        str | None,
        typer.Option(
            metavar="UUID",
            help="Its client ID, such as that of its application in Azure.",
            show_default="a new one",
        ),
    ] = None,
    data: Data = None,
) -> None:
    """Add a principal with a role. Without a secret it signs in by another issuer's tokens: see trust."""
    from localcloud.access import administration

    given = _roles(role)
    keep = None if secret_file is None else _keep(secret_file)
    with _taken(data) as folder:
        added = administration.add(folder, name, given, scope, keep, client_id=client_id)
    is_quiet = secret_file == Path("-")
    typer.echo(f"{added.name} is added. Its client ID is {added.client_id}.", err=is_quiet)
    if secret_file is None:
        typer.echo(
            f"It has no secret: `fpga cloud principal trust {name}` has another issuer's tokens sign it in, "
            f"`fpga cloud principal rotate {name} --secret-file FILE` makes one."
        )
    elif not is_quiet:
        typer.echo(f"Its secret is in {secret_file}.")


@app.command(name="list")
def list_(
    data: Data = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
) -> None:
    """List all principals: their roles and scopes, and by what they sign in."""
    from localcloud.access import administration

    with _taken(data) as folder:
        found = administration.listing(folder)
    if as_json:
        typer.echo(json.dumps([_told(one) for one in found], indent=2))
        return
    for one in found:
        typer.echo(f"{one.principal.name}  {one.principal.client_id}")
        for given in one.principal.assignments:
            typer.echo(f"  {given.role.word} of {given.scope}")
        for secret in one.secrets:
            typer.echo(f"  {_secret(secret)}")
        for trusted in one.credentials:
            audiences = ", ".join(trusted.audiences)
            typer.echo(f"  tokens of {trusted.issuer} for {trusted.subject}, audience {audiences}")
        last = "none is known" if one.used_on is None else _time(one.used_on)
        typer.echo(f"  last sign-in: {last}")


@app.command()
def grant(name: Name, role: Roles, scope: Scope = None, data: Data = None) -> None:
    """Give a principal a role, beside those that it has. It holds at once, for tokens that it has, too."""
    from localcloud.access import administration

    with _taken(data) as folder:
        over, missing = administration.grant(folder, name, _roles(role), scope)
    for one in _roles(role):
        typer.echo(f"{name} {'is' if one in missing else 'was already'} {one.word} of {over}.")


@app.command()
def revoke(name: Name, role: Roles, scope: Scope = None, data: Data = None) -> None:
    """Take a role over a scope from a principal, at once. Those over other scopes stay."""
    from localcloud.access import administration

    with _taken(data) as folder:
        over = administration.revoke(folder, name, _roles(role), scope)
    for one in _roles(role):
        typer.echo(f"{name} is no longer {one.word} of {over}.")


@app.command()
def rotate(
    name: Name,
    secret_file: Annotated[Path, typer.Option(metavar="FILE", help=_SECRET_FILE, show_default=False)],
    at_once: Annotated[
        bool, typer.Option("--now", help="Neither the secret nor a token of before opens from now on.")
    ] = False,
    data: Data = None,
) -> None:
    """Make a principal's secret anew. That of before opens for an hour more, beside it."""
    from localcloud.access import administration

    is_quiet = secret_file == Path("-")
    with _taken(data) as folder:
        until = administration.rotate(folder, name, _keep(secret_file), at_once=at_once)
    if not is_quiet:
        typer.echo(f"The secret of {name} is new, in {secret_file}.")
    end = "opens nothing any more" if at_once else f"opens until {_time(until)}"
    typer.echo(f"The secret of before {end}, and no token of before longer.", err=is_quiet)


@app.command()
def remove(name: Name, data: Data = None) -> None:
    """Remove a principal: its secrets and tokens open nothing from now on, and its roles are gone."""
    from localcloud.access import administration

    with _taken(data) as folder:
        removed = administration.remove(folder, name)
    typer.echo(f"{removed.name} is removed: its secrets and its tokens open nothing any more.")


@app.command()
def trust(
    name: Name,
    issuer: Annotated[str, typer.Option(metavar="URL", help="The tokens' `iss`.", show_default=False)],
    subject: Annotated[str, typer.Option(metavar="TEXT", help="The tokens' `sub`.", show_default=False)],
    audience: Annotated[
        str, typer.Option(metavar="TEXT", help="The tokens' `aud`.")
    ] = "api://AzureADTokenExchange",
    end: Annotated[
        bool, typer.Option("--end", help="End it, and all tokens that the principal has.")
    ] = False,
    data: Data = None,
) -> None:
    """Have another issuer's tokens sign a principal in, in a secret's place: a federated credential."""
    from localcloud.access import administration
    from localcloud.access.principals import FederatedCredential

    if end:
        with _taken(data) as folder:
            administration.distrust(folder, name, issuer, subject)
        typer.echo(f"Tokens of {issuer} for {subject} sign {name} in no more.")
        return
    with _taken(data) as folder:
        administration.trust(folder, name, FederatedCredential(issuer, subject, (audience,)))
    typer.echo(f"Tokens of {issuer} for {subject} sign {name} in.")


def _keep(file: Path) -> Callable[[str], None]:
    """Writes a secret where it is asked for."""

    def keep(secret: str) -> None:
        from localcloud.files import write_private

        if file == Path("-"):
            typer.echo(secret)
            return
        path = file.expanduser().absolute()
        try:
            write_private(path, secret.encode())
        except OSError as error:
            raise CommandError(
                f"--secret-file {file} cannot be written: {error.strerror}. Nothing was changed."
            ) from None

    return keep


def _told(one: Known) -> dict[str, Any]:
    return {
        "name": one.principal.name,
        "clientId": one.principal.client_id,
        "roles": [{"role": given.role.word, "scope": given.scope} for given in one.principal.assignments],
        "secrets": [
            {"madeOn": _time_or_none(secret.made_on), "until": _time_or_none(secret.until)}
            for secret in one.secrets
        ],
        "federatedCredentials": [
            {"issuer": trusted.issuer, "subject": trusted.subject, "audiences": list(trusted.audiences)}
            for trusted in one.credentials
        ],
        "lastSignIn": _time_or_none(one.used_on),
    }


def _roles(names: list[RoleName]) -> list[Role]:
    from localcloud.access.roles import WORDS

    return [WORDS[one] for one in dict.fromkeys(names)]


def _secret(secret: Secret) -> str:
    """A secret by its age and its end; never what it is."""
    kind = "a secret" if secret.until is None else "a secret of before"
    if secret.made_on is None:
        age = ""
    else:
        days = int((time.time() - secret.made_on) // 86400)
        age = f", {days} days old, made {_time(secret.made_on)}"
    return f"{kind}{age}" + ("" if secret.until is None else f", opens until {_time(secret.until)}")


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def _time_or_none(seconds: float | None) -> str | None:
    return None if seconds is None else _time(seconds)


@contextmanager
def _taken(data: Path | None) -> Iterator[Path]:
    """The data folder, whose store another command may have for itself meanwhile."""
    from fpga.console import told_when_long

    folder = Project.here().cloud if data is None else data.expanduser().absolute()
    with told_when_long("principals", f"those of {folder} are read and written"):
        yield folder
