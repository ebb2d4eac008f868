"""The acts, in their order. What each plays is what a team's people do, and what its workflows do."""

from __future__ import annotations

import json
import os
from typing import Final

import yaml

from tools.story.narrator import StoryError
from tools.story.team import SERVICES, STACKS, Team, fqdn, zone

BRANCH: Final = "renew-certificates"
FOREIGN_ADDRESS: Final = "192.0.2.1"  # nobody's: for documentation (RFC 5737)
_ROOTS: Final = "stacks/contoso-roots.pem"
_NAMESPACE: Final = "fpga-web-service"
_DNS_API: Final = "2018-05-01"


def first_day(team: Team) -> None:
    """A repository, three clouds, three stacks with their state in them, and a first deployment."""
    team.narrator.act("1. The first day: a repository, and an environment behind each stack")
    checkout = os.path.relpath(team.checkout, team.folder)
    team.narrator.command(("cd", str(team.folder)))
    team.git("clone", "--quiet", "--bare", checkout, "origin.git", folder=team.folder)
    team.git("clone", "--quiet", "origin.git", team.repository.name, folder=team.folder)
    team.narrator.command(("cd", team.repository.name))
    team.git("switch", "--quiet", "--force-create", "main")
    _set_up(team)
    for stack in STACKS:
        team.start_cloud(stack)
    kinds = ("Pulumi", "Backend")
    team.git("rm", "--quiet", *(f"stacks/{kind}.{stack}.yaml" for stack in STACKS for kind in kinds))
    (team.repository / _ROOTS).write_text(team.authority.certificate_pem)
    for stack in STACKS:
        blobs = str(team.clouds[stack].blob).removeprefix("https://").rstrip("/")
        state = f"azblob://pulumi-state?storage_account=contoso{stack}&domain={blobs}"
        data = team.told(team.data(stack))
        team.fpga("stack", "new", stack, "--cloud", data, "--backend", state, stack=stack)
        team.fpga("state", "init", "-s", stack, stack=stack)
        _configure(team, stack)
        for service in SERVICES:
            _put_certificate(team, stack, service)
    team.git("add", "stacks")
    team.git("commit", "--quiet", "--message", "Declare dev, staging and prod")
    team.git("push", "--quiet", "--force", "origin", "main")
    for stack in STACKS:
        team.fpga("apply", "-s", stack, "--yes", stack=stack)


def pull_request(team: Team) -> None:
    """A branch with a new certificate of one service and another SKU, and what its reviewer reads."""
    team.narrator.act("2. A pull request: new certificates of one of two services, and a larger SKU")
    team.git("switch", "--quiet", "--create", BRANCH)
    for stack in STACKS:
        _put_certificate(team, stack, SERVICES[0])
        team.pulumi(stack, "config", "set", f"{_NAMESPACE}:accountSku", "S3")
    team.git("commit", "--quiet", "--all", "--message", "Renew the certificates, and take S3")
    team.git("push", "--quiet", "origin", BRANCH)
    touched = team.fpga("touched", "--base", "origin/main", "--json")
    expect("the stacks that the branch touches", json.loads(touched), list(STACKS))
    for stack in STACKS:
        team.fpga("plan", "-s", stack, "--out", team.told(team.plan(stack)), stack=stack)
    plans = [part for stack in STACKS for part in ("--plan", team.told(team.plan(stack)))]
    comment = team.artifacts / "comment.md"
    comment.write_text(team.fpga("github", "comment", "--print", *plans, shown=False))
    team.narrator.tell(f"The comment is in {team.told(comment)}, and says first of each stack:")
    for line in comment.read_text().splitlines():
        if line.startswith("### "):
            team.narrator.printed(line)


def merge(team: Team) -> None:
    """The branch goes to main, and from there through the environments: what was reviewed, and no more."""
    team.narrator.act("3. The merge: dev, then staging, then prod, each as it was reviewed")
    team.git("switch", "--quiet", "main")
    team.git("merge", "--quiet", "--no-ff", "--message", "Merge the new certificates", BRANCH)
    team.git("push", "--quiet", "origin", "main")
    for stack in STACKS:
        team.fpga("apply", "-s", stack, "--reviewed", team.told(team.plan(stack)), stack=stack)
        for service in SERVICES:
            team.fpga("predict", "samples/espresso.jpg", "-s", stack, "--service", service, stack=stack)


def quiet_night(team: Team) -> None:
    """The watch, while everything is as it was deployed."""
    team.narrator.act("4. The night watch: everything is as it was deployed")
    for stack in STACKS:
        expect(f"what the watch finds in {stack}", _watch(team, stack), [])


def drift(team: Team) -> None:
    """Somebody changes prod's A record by hand; the watch finds it, and an update mends it."""
    team.narrator.act("5. Drift: somebody points prod's A record elsewhere, by hand")
    _redirect(team, "prod")
    team.narrator.tell(f"{fqdn('prod')} is {FOREIGN_ADDRESS} now.")
    expect("what the watch finds in dev", _watch(team, "dev"), [])
    expect("what the watch finds in prod", _watch(team, "prod"), [f"drift/{SERVICES[0]}-record"])
    team.pulumi("prod", "up", "--refresh", "--yes", "--skip-preview", "--color", "never", shown=False)
    expect("what the watch finds in prod", _watch(team, "prod"), [])


ACTS: Final = (first_day, pull_request, merge, quiet_night, drift)


def expect(what: str, seen: object, expected: object) -> None:
    """Stops a story that goes another way.

    Raises:
        StoryError: with what was seen and what was expected.
    """
    if seen != expected:
        raise StoryError(f"{what}: {seen}, and the story has {expected}.")


def _set_up(team: Team) -> None:
    """The engine, as `make engine` puts it into a checkout, and the model package that the stacks name."""
    team.python("-m", "engine", "install")
    team.fpga("model", "build")


def _configure(team: Team, stack: str) -> None:
    """Two services under `.test`, and certificates of the company's authority, carried by pull requests."""
    file = team.repository / "stacks" / f"Pulumi.{stack}.yaml"
    settings = yaml.safe_load(file.read_text())["config"]
    unused = ("acme", "caaIssuers", "certificateGeneration", "fqdn")
    removed = [key for key in settings if key.removeprefix(f"{_NAMESPACE}:").startswith(unused)]
    if removed:
        team.pulumi(stack, "config", "rm-all", *removed)
    wanted = {
        "zone": zone(stack),
        "certificateSource": "config",
        "rootsFile": _ROOTS,
        "accountCapacity": len(SERVICES),
    }
    pairs = [f"--plaintext={_NAMESPACE}:{key}={value}" for key, value in wanted.items()]
    team.pulumi(stack, "config", "set-all", *pairs)
    listed = [
        f"--plaintext={_inside(service, key)}={value}"
        for service in SERVICES
        for key, value in (("name", service), ("fqdn", fqdn(stack, service)))
    ]
    team.pulumi(stack, "config", "set-all", "--path", *listed)


def _inside(service: str, key: str) -> str:
    """The path of a service's setting, inside of the list."""
    return f"{_NAMESPACE}:services[{SERVICES.index(service)}].{key}"


def _put_certificate(team: Team, stack: str, service: str) -> None:
    """The chain in plain, its key encrypted: both into the stack's file, which a pull request carries."""
    chain, key = team.certificate(stack, service)
    for flag, setting, file in (
        ("--plaintext", "certificateChain", chain),
        ("--secret", "certificateKey", key),
    ):
        team.pulumi(stack, "config", "set", "--path", flag, _inside(service, setting), stdin=file)


def _watch(team: Team, stack: str) -> list[str]:
    """The keys of the findings of a watch."""
    file = team.artifacts / f"watch-{stack}.json"
    team.fpga("watch", "-s", stack, "--out", team.told(file), stack=stack)
    return [finding["key"] for finding in json.loads(file.read_text())["findings"]]


def _redirect(team: Team, stack: str) -> None:
    """Changes the record through Resource Manager, as the portal does."""
    from clients.azure.cloud import Cloud
    from fpga.cloud import connection

    status = team.clouds[stack]
    cloud = Cloud(connection.azure_settings(status), ca_file=str(status.ca))
    group = f"/subscriptions/{status.subscription}/resourceGroups/fpga-{stack}"
    record = f"{group}/providers/Microsoft.Network/dnsZones/{zone(stack)}/A/scores"
    body = {"properties": {"TTL": 300, "ARecords": [{"ipv4Address": FOREIGN_ADDRESS}]}}
    cloud.manage("PUT", record, _DNS_API, body)
