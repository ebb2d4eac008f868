"""`fpga cloud manifests`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def manifests(
    image: Annotated[
        str,
        typer.Option(
            metavar="IMAGE",
            help="Image of all containers, which you build. docs/kubernetes.md says what is in it.",
            show_default=False,
        ),
    ],
    address: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="IPv4 address at which callers reach it: that of the load balancer, which stays.",
            show_default=False,
        ),
    ],
    dns_name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="DNS name that leads to that address.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder to write files into.", show_default="standard output"),
    ] = None,
    name: Annotated[str, typer.Option(metavar="NAME", help="Begins all names.")] = "localcloud",
    namespace: Annotated[str, typer.Option(metavar="NAME", help="Namespace of all.")] = "localcloud",
    service_type: Annotated[
        str, typer.Option(metavar="TYPE", help="LoadBalancer, NodePort or ClusterIP.")
    ] = "LoadBalancer",
    storage: Annotated[str, typer.Option(metavar="SIZE", help="Size of the volume with its data.")] = "20Gi",
    storage_class: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="StorageClass of that volume.", show_default="the cluster's default"
        ),
    ] = None,
    workers: Annotated[
        int,
        typer.Option(
            metavar="NUMBER", help="Pods that replicas are placed on, by KubeRay; 0: localcloud scores alone."
        ),
    ] = 2,
    cores: Annotated[int, typer.Option(metavar="NUMBER", help="Cores of each of these.")] = 4,
    memory: Annotated[str, typer.Option(metavar="SIZE", help="Memory of each of these.")] = "8Gi",
    issuer: Annotated[
        str | None,
        typer.Option(
            metavar="ISSUER",
            help="Issuer of cert-manager for --dns-name: NAME of an Issuer, or ClusterIssuer/NAME. It "
            "then makes the CA of the Ray cluster, too.",
            show_default="localcloud's own CA",
        ),
    ] = None,
    encrypted: Annotated[
        bool, typer.Option("--encrypted", help="Encrypt secrets in its data with the key in a Secret.")
    ] = False,
) -> None:
    """Write manifests for Kubernetes: localcloud with its edge, and replicas on a Ray cluster of KubeRay.

    It asks no cluster for anything, and writes no secret: what is to be made of yours is told at the end.
    """
    from fpga.cloud.kubernetes import files
    from fpga.cloud.kubernetes.wanted import Wanted, check

    wanted = Wanted(
        image=image,
        address=address,
        dns_name=dns_name,
        name=name,
        namespace=namespace,
        service_type=service_type,
        storage=storage,
        storage_class=storage_class,
        workers=workers,
        cores=cores,
        memory=memory,
        issuer=issuer,
        encrypted=encrypted,
    )
    check(wanted)
    if out is None:
        objects = [one for found in files.manifests(wanted).values() for one in found]
        typer.echo(files.text(objects), nl=False)
    else:
        changed = files.write(wanted, out)
        for path in changed:
            typer.echo(f"{path} is written.")
        if not changed:
            typer.echo(f"{out} has them already, as they are to be.")
    folder = "-" if out is None else out
    first = [f"kubectl create namespace {namespace}", *files.secrets(wanted)]
    typer.echo("Nothing is applied yet. Next:", err=out is None)
    for step in (*first, f"kubectl apply -f {folder}"):
        typer.echo(f"  {step}", err=out is None)
