"""Five machines of a team: Azure's part, the team's server, a laptop, a runner of jobs, and a caller.

The DNS of the cloud in Azure's place is the only one: its own name, the server's, the authority's and the
job issuer's are in zones of it, and each machine asks it. A person at the laptop, and jobs at the runner,
share a state and its passphrase.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from engine.install import Engine
from tests.support.certificates.authority import Authority
from tests.support.github import issuer as oidc
from tests.support.github.issuer import REQUEST_TOKEN, Issuer
from tests.support.localcloud.arm_caller import ArmCaller
from tests.support.localcloud.on_machine import OperatedCloud
from tests.support.machines import Machine, Network, network
from tests.support.pebble import server as pebble_server
from tests.support.pebble.server import Pebble
from tests.support.stacks.team_project import FPGA
from tests.support.stacks.workplace import Workplace

AZURE, SERVER, ISSUER, LAPTOP, RUNNER, CALLER = (f"10.77.0.{number}" for number in (10, 20, 30, 40, 50, 60))
POOL: Final = "10.77.0.128/29"
POOL_ADDRESSES: Final = tuple(f"10.77.0.{number}" for number in range(129, 135))
NAME_SERVER: Final = f"{AZURE}:53"
AZURE_NAME, SERVER_NAME = "management.azure.test", "models.team.test"
ACME_NAME, ISSUER_NAME = "acme.azure.test", "token.actions.test"
_NAMES: Final = {AZURE_NAME: AZURE, ACME_NAME: AZURE, SERVER_NAME: SERVER, ISSUER_NAME: ISSUER}
_LISTENERS: Final = ("--public", "--https-port", "443", "--dns-port", "53")
_SUBJECT: Final = "repo:contoso/fpga:environment:"


@dataclass
class FiveMachines:
    """The machines, and who is at work on them.

    Attributes:
        folder: of the test: backups, secrets, the state.
        trusted: PEM of the roots that the laptop's and the runner's programs know.
        authority_root: PEM of what the service's certificate ends in; a caller knows no other.
        clients: by the name of a principal its client IDs, in Azure's part and on the server.
    """

    switch: Network
    engine: Engine
    folder: Path
    trusted: Path
    azure: OperatedCloud
    server: OperatedCloud
    issuer: Issuer
    pebble: Pebble
    laptop: Workplace
    runner: Workplace
    caller: Machine
    machines: list[Machine]
    clients: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def authority_root(self) -> Path:
        return self.pebble.roots

    @property
    def clouds(self) -> tuple[OperatedCloud, OperatedCloud]:
        return self.azure, self.server

    def add_principal(self, name: str, role: str, group: str | None = None, *, secret: bool = False) -> None:
        """A principal of the same name on both clouds, each by a command of its operator; a job of the
        environment of that name signs in as it.

        Args:
            group: name of the resource group that the role is over; None: the subscription.
        """
        made = []
        for cloud in self.clouds:
            options = ["--role", role]
            if group is not None:
                options += ["--scope", f"/subscriptions/{cloud.status().subscription}/resourceGroups/{group}"]
            if secret:
                options += ["--secret-file", str(self._secret(cloud, name))]
            made.append(cloud.principal(name, *options))
            cloud.trust(name, self.issuer.url, _SUBJECT + name)
        self.clients[name] = (made[0], made[1])

    def signed_in(self, name: str) -> dict[str, str]:
        """The variables by which a person signs in as a principal, by its secrets."""
        azure, server = (self._secret(cloud, name).read_text().strip() for cloud in self.clouds)
        return self._as(name) | {"ARM_CLIENT_SECRET": azure, "FPGA_MANAGEMENT_CLIENT_SECRET": server}

    def job(self, name: str) -> dict[str, str]:
        """The variables of a job in the environment of that name: it asks for tokens, and has no secret."""
        self.issuer.subject = _SUBJECT + name
        return self._as(name) | {
            "ARM_USE_OIDC": "true",
            "ACTIONS_ID_TOKEN_REQUEST_URL": self.issuer.request_url,
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": REQUEST_TOKEN,
        }

    def new_server(self, data: Path) -> None:
        """Another machine takes the place of the server's, with an empty disk but for a folder of data."""
        self.machines.remove(self.server.machine)
        self.server.machine.end()
        machine = self.switch.machine("standin", SERVER, *POOL_ADDRESSES, resolver=AZURE)
        self.machines.append(machine)
        place = Workplace(self.engine, self.folder / "operator-standin", machine, self.trusted)
        self.server = _server(place, data)

    def _as(self, name: str) -> dict[str, str]:
        azure, server = self.clients[name]
        return {"ARM_CLIENT_ID": azure, "FPGA_MANAGEMENT_CLIENT_ID": server}

    def _secret(self, cloud: OperatedCloud, name: str) -> Path:
        return self.folder / f"{name}.{'azure' if cloud is self.azure else 'server'}.secret"


@contextmanager
def running(engine: Engine, pebble: Path, folder: Path) -> Iterator[FiveMachines]:
    """The machines with both clouds, an authority and a job issuer; no stack is there yet.

    Args:
        pebble: the executable.
    """
    with ExitStack() as stack:
        switch = stack.enter_context(network())
        issuing = Authority("of the job issuer")
        trusted = folder / "trusted.pem"
        trusted.write_bytes(issuing.root)

        machines = {
            label: switch.machine(label, *addresses, resolver=AZURE)
            for label, addresses in {
                "azure": (AZURE,),
                "server": (SERVER, *POOL_ADDRESSES),
                "issuer": (ISSUER,),
                "laptop": (LAPTOP,),
                "runner": (RUNNER,),
                "caller": (CALLER,),
            }.items()
        }

        def workplace(label: str) -> Workplace:
            return Workplace(engine, folder / label, machines[label], trusted)

        azure = _azure(workplace("azure"), folder / "azure-data")
        ca = azure.up().ca.read_bytes()
        trusted.write_bytes(issuing.root + ca)
        with azure.owner() as owner:
            _declare_names(owner)
        with machines["azure"].entered():
            authority = stack.enter_context(
                pebble_server.running(pebble, folder / "pebble", NAME_SERVER, host=AZURE, name=ACME_NAME)
            )
        with machines["issuer"].entered():
            leaf = issuing.issue([ISSUER_NAME])
            issuer = stack.enter_context(oidc.served(leaf, ISSUER, ISSUER_NAME))
        server = _server(workplace("server"), folder / "server-data")
        server.up()
        yield FiveMachines(
            switch,
            engine,
            folder,
            trusted,
            azure,
            server,
            issuer,
            authority,
            workplace("laptop"),
            workplace("runner"),
            machines["caller"],
            list(machines.values()),
        )


def settings(team: FiveMachines, stack: str) -> dict[str, object]:
    """What a stack's file says of both clouds, and of the authority; nobody who signs in."""
    azure, server = team.azure.status(), team.server.status()
    return {
        "azure-native:metadataHost": AZURE_NAME,
        "azure-native:disableInstanceDiscovery": "true",
        "azure-native:tenantId": _known(azure.tenant),
        "azure-native:subscriptionId": _known(azure.subscription),
        "managementHost": SERVER_NAME,
        "managementTenantId": _known(server.tenant),
        "managementSubscriptionId": _known(server.subscription),
        "managementRoots": ".local/server.pem",
        "nameServers": [NAME_SERVER],
        "zone": f"{stack}.contoso.test",
        "fqdn": f"fpga.{stack}.contoso.test",
        "certificateSource": "acme",
        "acmeDirectory": team.pebble.directory,
        "acmeEmail": "hostmaster@contoso.test",
        "acmeProfile": "default",
        "acmeRootsFile": ".local/authority.pem",
    }


def make_stack(team: FiveMachines, stack: str, more: dict[str, object]) -> None:
    """Makes a stack at the laptop, whose state and passphrase the runner has, too."""
    laptop = team.laptop
    shutil.copy(team.server.status().ca, laptop.local / "server.pem")
    shutil.copy(team.authority_root, laptop.local / "authority.pem")
    laptop.fpga("model", "build")
    state = team.folder / "state"
    state.mkdir(exist_ok=True)
    laptop.fpga("stack", "new", stack, "--from", "dev", "--backend", f"file://{state}")
    laptop.configure(stack, settings(team, stack) | more)
    laptop.fpga("stack", "init", stack)


def check_out(team: FiveMachines, stack: str) -> None:
    """Has the runner check out what is committed, with what its environment's secrets hold."""
    team.runner.fpga("model", "build")
    for part in ("stacks", ".local/passphrases", ".local/server.pem", ".local/authority.pem"):
        source, target = team.laptop.folder / part, team.runner.folder / part
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copy(source, target)


def predict(team: FiveMachines, photo: Path, name: str, key: str) -> str:
    """`fpga predict` at the caller's, who has no checkout: what it prints."""
    folder = team.folder / "caller"
    folder.mkdir(exist_ok=True)
    key_file = folder / "key"
    key_file.write_text(key)
    return team.caller.run(
        FPGA, "predict", "--endpoint", f"grpcs://{name}", "--key-file", key_file,
        "--roots", team.authority_root, photo,
        folder=folder,
        environment={"PATH": os.environ["PATH"], "HOME": str(folder)},
    ).stdout  # fmt: skip


def _azure(place: Workplace, data: Path) -> OperatedCloud:
    scoring = ("--scoring-network", f"{AZURE}/32", "--scoring-port", "20000")
    return OperatedCloud(place, data, *_LISTENERS, "--host", AZURE, "--name", AZURE_NAME, *scoring)


def _server(place: Workplace, data: Path) -> OperatedCloud:
    scoring = ("--scoring-network", POOL)
    return OperatedCloud(place, data, *_LISTENERS, "--host", SERVER, "--name", SERVER_NAME, *scoring)


def _declare_names(owner: ArmCaller) -> None:
    """The zones that are there before any stack is."""

    def put(path: str, body: object, version: str) -> None:
        answer = owner("PUT", f"{owner.subscription}/resourceGroups/{path}", body, version=version)
        assert answer.ok, answer.text

    owner("POST", f"{owner.subscription}/providers/Microsoft.Network/register", version="2021-04-01")
    put("names", {"location": "eastus2"}, "2021-04-01")
    for name, address in _NAMES.items():
        label, _, zone = name.partition(".")
        path = f"names/providers/Microsoft.Network/dnsZones/{zone}"
        put(path, {"location": "global"}, "2018-05-01")
        record = {"properties": {"TTL": 60, "ARecords": [{"ipv4Address": address}]}}
        put(f"{path}/A/{label}", record, "2018-05-01")


def _known(told: str | None) -> str:
    assert told is not None
    return told
