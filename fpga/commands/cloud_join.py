"""`fpga cloud credentials|join|leave`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fpga.errors import CommandError
from fpga.project import Project

if TYPE_CHECKING:
    from localcloud.scoring.addresses import Endpoint

Data = Annotated[
    Path | None,
    typer.Option(
        "--data", metavar="DIR", help="Folder of what this machine keeps.", show_default=".local/node"
    ),
]


def credentials(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", help="Folder of the cluster; made where it is missing.", show_default=False
        ),
    ],
    addresses: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ADDRESS", help="IPv4 addresses of machines of the cluster.", show_default=False
        ),
    ] = None,
) -> None:
    """Make what machines of a cluster know each other by: a CA, a token, and for each machine a certificate.

    Done again it adds machines, and makes certificates anew that have a third of their life left.
    """
    from fpga.console import told_when_long
    from localcloud.cluster import issuing

    place = folder.expanduser().absolute()
    with told_when_long("credentials", f"those of {place} are looked at and made"):
        made = issuing.make(place, addresses or [])
    for one in made:
        state = "new" if one.is_new else "as it was"
        typer.echo(f"{one.credentials.tls_folder}  {state}, until {one.expires:%Y-%m-%d}")
    if not made:
        raise CommandError(f"{place} has no machine yet: give the addresses of some.")
    typer.echo(
        f"Take each machine its folder, and nothing else of {folder}: `ca.key` lets machines in. There: "
        "`fpga cloud join --ray-tls THAT_FOLDER …`."
    )


def join(
    address: Annotated[
        str | None,
        typer.Argument(
            metavar="ADDRESS", help="Where the cluster's head is, as HOST or HOST:PORT.", show_default=False
        ),
    ] = None,
    tls: Annotated[
        Path | None,
        typer.Option(
            "--ray-tls",
            metavar="DIR",
            help="Folder of this machine's ca.crt, tls.crt and tls.key.",
            show_default=False,
        ),
    ] = None,
    token: Annotated[
        Path | None,
        typer.Option(
            "--ray-token",
            metavar="FILE",
            help="File of the cluster's token.",
            show_default="token in that folder",
        ),
    ] = None,
    head: Annotated[bool, typer.Option("--head", help="Be the head: the first machine.")] = False,
    replicas: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=0, help="Room for so many replicas; 0: none.", show_default="its cores"
        ),
    ] = None,
    own_address: Annotated[
        str | None,
        typer.Option(
            "--address",
            metavar="ADDRESS",
            help="This machine's address in the cluster.",
            show_default="that of its certificate",
        ),
    ] = None,
    data: Data = None,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Stay, until Ctrl-C or SIGTERM, as a unit of systemd does.")
    ] = False,
) -> None:
    """Have this machine join a cluster, in the background, so that services have replicas here.

    One that is joined is left as it is. Ray is started with token and mutual TLS, never without.
    """
    from engine.report import ConsoleReport
    from fpga.console import told_when_long
    from localcloud.cluster import joining
    from localcloud.cluster.credentials import TLS_OPTION, TOKEN, TOKEN_OPTION, Credentials
    from localcloud.cluster.membership import HEAD_PORT, Membership
    from localcloud.cluster.node_folder import LOG
    from localcloud.scoring.addresses import Endpoint

    folder = _data(data)
    if (address is None) != head:
        raise CommandError(
            "Give the address of the cluster's head, or --head on the machine that is to be it."
        )
    if tls is None:
        raise CommandError(
            f"{TLS_OPTION} names the folder of this machine's certificate, without which Ray is not started: "
            "`fpga cloud credentials FOLDER ADDRESS...` makes it."
        )
    place = tls.expanduser().absolute()
    token_file = (place / TOKEN) if token is None else token.expanduser().absolute()
    files = Credentials(token_file, place)
    there = joining.joined(folder)
    own = own_address or (there.address if there else files.own_address())
    wanted = Membership(
        Endpoint(own, HEAD_PORT) if address is None else _endpoint(address, HEAD_PORT),
        own,
        len(os.sched_getaffinity(0)) if replicas is None else replicas,
        files,
    )
    if there is not None:
        if wanted.head != there.head or (replicas is not None and replicas != there.replicas):
            raise CommandError(
                f"This machine is joined already: to {_told(there.head)}, with room for {there.replicas} "
                "replicas. `fpga cloud leave`, then this again."
            )
        with told_when_long("join", f"the head at {_told(there.head)} is to answer"):
            if not joining.is_up(folder):
                raise CommandError(
                    f"This machine is to be of the cluster of {_told(there.head)}, which does not answer: it "
                    f"is tried again and again; {folder / LOG} has more. `fpga cloud leave --now` gives up."
                )
        typer.echo(f"This machine, {there.address}, is joined to {_told(there.head)} already.")
        return
    report = ConsoleReport()
    with report.stage("join"):
        joining.require(wanted, token=TOKEN_OPTION, tls=TLS_OPTION)
        joining.prepare(folder, wanted)
        if foreground:
            command = joining.command(folder)
            os.execv(command[0], command)  # noqa: S606 - from a list, never through a shell
        pid = joining.start(folder)
    part = "is the head at" if wanted.is_head else "is joined to"
    typer.echo(
        f"This machine, {own}, {part} {_told(wanted.head)}, as process {pid}, with room for "
        f"{wanted.replicas} replicas."
    )
    typer.echo(f"Its certificate expires on {files.expires():%Y-%m-%d}.")


def leave(
    data: Data = None,
    at_once: Annotated[
        bool, typer.Option("--now", help="Do not wait until its replicas are elsewhere.")
    ] = False,
) -> None:
    """Have this machine leave its cluster: its replicas come up elsewhere first."""
    from fpga.console import told_when_long
    from localcloud.cluster import joining

    folder = _data(data)
    with told_when_long("leave", "the head is asked to move this machine's replicas") as tell:
        was_joined = joining.leave(folder, at_once=at_once, tell=tell)
    typer.echo("This machine has left." if was_joined else f"This machine is of no cluster, by {folder}.")


def _data(data: Path | None) -> Path:
    return Project.here().local / "node" if data is None else data.expanduser().absolute()


def _told(endpoint: Endpoint) -> str:
    return endpoint.target


def _endpoint(written: str, port: int) -> Endpoint:
    from ipaddress import AddressValueError, IPv4Address

    from localcloud.scoring.addresses import Endpoint

    host, _, digits = written.partition(":")
    try:
        return Endpoint(str(IPv4Address(host)), int(digits) if digits else port)
    except (AddressValueError, ValueError):
        raise CommandError(
            f"{written} is no IPv4 address, or address and port: give the head's, as in its certificate."
        ) from None
