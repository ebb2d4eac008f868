"""A stack of the project's own program, against a localcloud."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from clients.azure.model_management import ModelManagement, Service
from engine.install import Engine
from fpga.cloud.connection import CLIENT_SECRET
from infra.settings import naming
from infra.settings.reader import PROJECT_ROOT
from localcloud.status import ServiceStatus
from tests.support.stacks import warm_host
from tests.support.stacks.local_cloud import LocalCloud
from tests.support.stacks.pulumi_project import PulumiProject, Result

ZONE = "contoso.test"
ACCOUNT = "models"


class ProgramStack(PulumiProject):
    """One stack, with a folder, a state, a resource group and a name in the zone of its own.

    Args:
        host: address of a language host that has loaded the program (`warm_host`); None: the installed one.
    """

    def __init__(
        self, engine: Engine, cloud: LocalCloud, folder: Path, name: str, *, host: str | None = None
    ) -> None:
        super().__init__(
            engine, folder / name, state=folder / "state", stack=name, environment=cloud.environment
        )
        self.cloud = cloud
        self._host = host
        self.group = f"rg-{name}"
        self.fqdn = f"www.{name}.{ZONE}"
        self.folder.mkdir()
        (self.folder / "infra").symlink_to(PROJECT_ROOT / "infra")
        manifest = yaml.safe_load((PROJECT_ROOT / "Pulumi.yaml").read_text())
        (self.folder / "Pulumi.yaml").write_text(yaml.safe_dump(manifest | {"stackConfigDir": "."}))

    @property
    def management(self) -> ModelManagement:
        """The stack's Model Management account, as anyone who may can reach it."""
        return self.cloud.management(self.group, ACCOUNT)

    def make(self, config: Mapping[str, str] | None = None) -> None:
        """Makes the stack; its configuration is whole, with a certificate from a development authority."""
        self.init(
            self.cloud.config
            | {
                "fpga-web-service:resourceGroup": self.group,
                "fpga-web-service:account": ACCOUNT,
                "fpga-web-service:zone": f"{self.stack}.{ZONE}",
                "fpga-web-service:fqdn": self.fqdn,
                "fpga-web-service:certificateSource": "self_signed",
            }
            | dict(config or {})
        )
        self.set_secret(CLIENT_SECRET, self.cloud.client_secret)

    def set_secret(self, key: str, value: str) -> None:
        """As a person should: not in the argument list, where every process could read it."""
        subprocess.run(
            [self.engine.pulumi, "config", "set", "--secret", "--stack", self.stack, key],
            cwd=self.folder, env=self.environment, input=value, text=True, check=True, capture_output=True,
        )  # fmt: skip

    def adopt(self, *options: str) -> subprocess.CompletedProcess[str]:
        """`fpga adopt`, as a person runs it in the checkout; no terminal is there."""
        return self.fpga("adopt", "--stack", self.stack, *options)

    def fpga(self, *arguments: str, **backend_settings: str) -> subprocess.CompletedProcess[str]:
        """`fpga`, as a person runs it in the checkout; no terminal is there."""
        local = self.engine.local
        backend = {
            "url": self.environment["PULUMI_BACKEND_URL"],
            "passphraseFile": str(local / "passphrase"),
            **backend_settings,
        }
        (self.folder / "stacks").mkdir(exist_ok=True)
        (self.folder / "stacks" / f"Backend.{self.stack}.yaml").write_text(yaml.safe_dump(backend))
        return subprocess.run(
            [sys.executable, "-m", "fpga.cli", *arguments],
            cwd=self.folder,
            env={**self.environment, "FPGA_LOCAL": str(local), "PYTHONPATH": str(PROJECT_ROOT)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def _operate(self, verb: str, *flags: str, code: int | None, timeout_s: float) -> Result:
        host = ("--client", self._host) if self._host else ()
        return super()._operate(verb, *host, *flags, code=code, timeout_s=timeout_s)

    def services(self) -> list[ServiceStatus]:
        """The stack's services, as localcloud itself tells: one at most."""
        ours = naming.suffixed("service", "fpga-web-service", self.stack, "service")
        return [one for one in self.cloud.services() if one.name == ours]

    def service(self) -> Service:
        """The stack's one service, as the data plane tells it; none, or a second one, fails the test."""
        (running,) = self.services()
        (service,) = self.management.services_named(running.name)
        return service

    def of_type(self, name: str) -> list[dict[str, Any]]:
        """The state's resources of one of the program's own types."""
        return [one for one in self.resources() if one["type"].endswith(f":{name}")]

    def urn(self, logical_name: str) -> str:
        (urn,) = [one["urn"] for one in self.resources() if one["urn"].endswith(f"::{logical_name}")]
        return str(urn)

    def load(self, state: Mapping[str, Any]) -> None:
        """Puts a changed export in the state's place."""
        subprocess.run(
            [self.engine.pulumi, "stack", "import", "--stack", self.stack],
            cwd=self.folder, env=self.environment, input=json.dumps(state), text=True, check=True,
            capture_output=True,
        )  # fmt: skip

    def state_text(self) -> str:
        """The exported state as text."""
        return json.dumps(self.export())


@pytest.fixture(scope="session")
def loaded_program(engine: Engine, local_cloud: LocalCloud) -> Iterator[str]:
    """The address of a language host that has the program loaded, for stacks of the session's localcloud."""
    with warm_host.running(engine.environment | local_cloud.environment) as address:
        yield address


@pytest.fixture(scope="module")
def make_stack(
    engine: Engine,
    local_cloud: LocalCloud,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Callable[..., ProgramStack]:
    """Makes stacks of the program: `make_stack("name", {"fpga-web-service:sslEnabled": "false"})`.

    With `loaded=True` their operations are run by a host that has loaded the program already: for tests of
    what the program, its providers and the cloud do. How a program is started is for other tests.
    """

    def make(name: str, config: Mapping[str, str] | None = None, *, loaded: bool = False) -> ProgramStack:
        host = request.getfixturevalue("loaded_program") if loaded else None
        stack = ProgramStack(engine, local_cloud, tmp_path_factory.mktemp(name), name, host=host)
        stack.make(config)
        return stack

    return make
