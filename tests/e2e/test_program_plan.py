"""What a reviewer reads before a stack is updated, and that no secret and no machine path is in it."""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from certs.sources.self_signed import Authority, issue, new_authority
from engine.install import Engine
from fpga.plan import table
from fpga.plan.markdown import render
from fpga.plan.model import Change, Plan
from fpga.plan.runner import preview
from fpga.project import Project
from infra.settings.reader import PROJECT_ROOT
from tests.support.stacks.program_stack import ProgramStack

NOW = dt.datetime.now(dt.UTC)
SETTING = "fpga-web-service:"


class Reviewed:
    """A stack that is deployed, whose settings change, and all that reviewers were shown of it."""

    def __init__(self, stack: ProgramStack, files: Path, authority: Authority) -> None:
        self.stack, self._files, self._authority = stack, files, authority
        self.project = Project(stack.folder, Path(stack.engine.pulumi).parent.parent)
        self.secrets: set[str] = {stack.cloud.client_secret}
        self.shown: list[str] = []

    def renew(self) -> str:
        """Puts another certificate into the files; its fingerprint."""
        bundle = issue(self._authority, [self.stack.fqdn], NOW)
        (self._files / "chain.pem").write_text(bundle.certificate_pem)
        (self._files / "key.pem").write_text(bundle.key_pem)
        (self._files / "key.pem").chmod(0o600)
        self.secrets.update(line for line in bundle.key_pem.splitlines() if not line.startswith("-"))
        return bundle.fingerprint_sha256

    def plan(self, *, refresh: bool = False, save_plan: Path | None = None) -> Plan:
        plan = preview(
            self.project,
            self.stack.stack,
            refresh=refresh,
            save_plan=save_plan,
            environment=self.stack.environment,
        )
        terminal = io.StringIO()
        table.show(plan, Console(file=terminal, width=80, force_terminal=True))
        told = json.dumps(plan.to_json())
        assert Plan.from_json(json.loads(told)) == plan
        self.shown += [told, render(plan), terminal.getvalue()]
        return plan

    def run(self, *arguments: str, policy: Path | None = None) -> subprocess.CompletedProcess[str]:
        """`fpga plan`, as a person or a workflow starts it in the checkout."""
        declared = {
            "url": self.stack.environment["PULUMI_BACKEND_URL"],
            "passphraseFile": str(self.project.local / "passphrase"),
        }
        file = self.stack.folder / "stacks" / f"Backend.{self.stack.stack}.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(yaml.safe_dump(declared | ({"policyPack": str(policy)} if policy else {})))
        done = subprocess.run(
            [sys.executable, "-m", "fpga.cli", "plan", "--stack", self.stack.stack, *arguments],
            cwd=self.stack.folder,
            env={**os.environ, **self.stack.cloud.environment, "FPGA_LOCAL": str(self.project.local)},
            capture_output=True,
            text=True,
            check=False,
        )
        self.shown += [done.stdout, done.stderr]
        return done


@pytest.fixture(scope="module")
def reviewed(
    make_stack: Callable[..., ProgramStack], engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> Reviewed:
    files = tmp_path_factory.mktemp("certificate")
    authority = new_authority("Contoso", NOW)
    (files / "root.pem").write_text(authority.certificate_pem)
    stack = make_stack(
        "plan",
        {
            f"{SETTING}certificateSource": "files",
            f"{SETTING}certificateFile": str(files / "chain.pem"),
            f"{SETTING}keyFile": str(files / "key.pem"),
            f"{SETTING}rootsFile": str(files / "root.pem"),
        },
        loaded=True,
    )
    return Reviewed(stack, files, authority)


def operations(plan: Plan) -> dict[str, str]:
    return {change.name: change.operation for change in plan.changes}


def change(plan: Plan, name: str) -> Change:
    (found,) = (change for change in plan.changes if change.name == name)
    return found


def words(plan: Plan, name: str) -> dict[str, tuple[str, str]]:
    """The differences of a resource as they are worded."""
    return {one.path: (str(one.before), str(one.after)) for one in change(plan, name).differences}


def test_a_new_stack_is_shown_before_it_is_made(reviewed: Reviewed) -> None:
    fingerprint = reviewed.renew()

    plan = reviewed.plan()

    assert set(operations(plan).values()) == {"create"}
    assert list(operations(plan))[:2] == ["resource-group", "account"]
    assert list(operations(plan))[-2:] == ["record", "endpoint-check"]
    assert plan.ssl == (None, True)
    assert plan.certificate is not None
    assert plan.certificate.before is None
    assert plan.certificate.after is not None
    assert plan.certificate.after.fingerprint_sha256 == fingerprint
    assert plan.certificate.after.names == (reviewed.stack.fqdn,)
    assert plan.keys is not None
    assert (plan.keys.before, plan.keys.after) == (None, (1, 1))
    assert [record.before for record in plan.records] == [None]
    reviewed.stack.up()
    outputs = reviewed.stack.outputs(show_secrets=True)
    reviewed.secrets |= {outputs["primaryKey"], outputs["secondaryKey"]}


def test_nothing_is_shown_of_what_stays_as_it_is(reviewed: Reviewed) -> None:
    plan, again = reviewed.plan(), reviewed.plan()

    assert (plan.changes, plan.records, plan.keys, plan.warnings, plan.errors) == ((), (), None, (), ())
    assert render(plan) == render(again)
    assert plan.digest() == again.digest()
    assert f"### plan: no changes, {plan.unchanged} unchanged" in render(plan)


def test_certificate_sku_ttl_and_key_are_told_with_their_reasons(reviewed: Reviewed, tmp_path: Path) -> None:
    old = reviewed.stack.outputs()["certificateFingerprint"]
    fingerprint = reviewed.renew()
    reviewed.stack.configure(
        {
            f"{SETTING}accountSku": "S2",
            f"{SETTING}recordTtl": "120",
            f"{SETTING}primaryKeyGeneration": "2",
        }
    )

    plan = reviewed.plan(save_plan=tmp_path / "plan.json")

    assert list(operations(plan)) == ["account", "service", "keys", "record", "endpoint-check"]
    assert set(operations(plan).values()) == {"update"}
    assert words(plan, "account") == {"sku.name": ("S1", "S2")}
    assert words(plan, "record") == {"ttl": ("300", "120")}
    assert words(plan, "service")["fingerprint"] == (old, fingerprint)
    assert words(plan, "keys") == {"primary_generation": ("1", "2")}
    assert plan.certificate is not None
    assert plan.certificate.before is not None
    assert plan.certificate.after is not None
    assert (plan.certificate.before.fingerprint_sha256, plan.certificate.after.source) == (old, "files")
    assert plan.certificate.before.public_key_sha256 != plan.certificate.after.public_key_sha256
    assert plan.keys is not None
    assert plan.keys.callers[0].startswith("The primary key is withdrawn")
    assert plan.keys.callers[0].endswith("The secondary key goes on.")
    comment = render(plan)
    assert comment.startswith("### plan: 5 to update, ")
    assert "BEGIN CERTIFICATE" not in comment
    assert stat.S_IMODE((tmp_path / "plan.json").stat().st_mode) == 0o600


def test_the_command_says_by_its_exit_code_that_there_are_changes(reviewed: Reviewed, tmp_path: Path) -> None:
    out = tmp_path / "out.json"

    done = reviewed.run("--format", "markdown", "--exit-code", "--out", str(out))

    assert done.returncode == 2, done.stderr
    assert "\x1b" not in done.stdout
    written = Plan.from_json(json.loads(out.read_text()))
    assert done.stdout == render(written)
    assert written.digest() == reviewed.plan().digest()
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_callers_are_told_that_a_replaced_service_has_other_keys(reviewed: Reviewed) -> None:
    reviewed.stack.configure({f"{SETTING}serviceName": "another"})

    plan = reviewed.plan()

    replaced = {name for name, operation in operations(plan).items() if operation == "replace"}
    assert replaced == {"service", "endpoint", "keys"}
    assert change(plan, "service").replaced_by == ("name",)
    assert change(plan, "service").deleted_first
    assert plan.keys is not None
    assert plan.keys.callers[0].startswith("Both keys end")
    (record,) = plan.records
    assert record.after is not None
    assert record.after.values == ("known after apply",)
    reviewed.stack.run("config", "rm", "--stack", reviewed.stack.stack, f"{SETTING}serviceName")


def test_what_was_changed_by_hand_is_drift(reviewed: Reviewed) -> None:
    stack = reviewed.stack
    zone = f"{stack.cloud.group_id(stack.group)}/providers/Microsoft.Network/dnsZones/plan.contoso.test"
    ours = {"properties": {"TTL": 77, "ARecords": [{"ipv4Address": "127.80.9.9"}]}}
    stack.cloud.client.manage("PUT", f"{zone}/A/www", "2018-05-01", ours)

    plan = reviewed.plan(refresh=True)

    assert plan.refreshed
    (drift,) = plan.drift
    assert (drift.name, drift.gone) == ("record", False)
    assert {one.path: str(one.after) for one in drift.differences} == {
        "ttl": "77",
        "aRecords[0].ipv4Address": "127.80.9.9",
    }
    assert words(plan, "record")["ttl"] == ("77", "120")
    assert "drifted" in render(plan).splitlines()[0]


def test_a_broken_policy_is_named_with_its_remedy(reviewed: Reviewed) -> None:
    reviewed.stack.configure({f"{SETTING}recordTtl": "604800"})

    done = reviewed.run("--format", "json", policy=PROJECT_ROOT / "policy")

    plan = Plan.from_json(json.loads(done.stdout))
    assert [finding.name for finding in plan.policy] == ["record"], done.stdout
    assert (done.returncode, plan.succeeded, plan.errors) == (1, False, ())
    assert plan.policy[0].rule == "record-ttl-bounds"
    assert "Set fpga-web-service:recordTtl to 60 to 3600." in plan.policy[0].message
    assert words(plan, "record")["ttl"] == ("300", "604800")


def test_settings_that_cannot_be_used_fail_with_their_remedy(reviewed: Reviewed) -> None:
    reviewed.stack.configure({f"{SETTING}accountSku": "DevTest"})

    done = reviewed.run("--format", "markdown")

    assert done.returncode == 1
    assert "### plan: the preview failed, 1 error" in done.stdout
    assert "fpga-web-service:accountSku is 'DevTest'" in done.stdout
    assert "S1 is enough" in done.stdout


def test_a_stack_that_is_not_there_is_an_error_with_its_remedy(reviewed: Reviewed) -> None:
    plan = preview(reviewed.project, "nowhere", environment=reviewed.stack.environment)

    assert not plan.succeeded
    assert plan.errors == (
        "no stack named 'nowhere' found\n`fpga stack init nowhere` makes the stack; "
        "stacks/Backend.nowhere.yaml says where.",
    )


def test_no_secret_and_no_path_of_this_machine_was_shown(reviewed: Reviewed) -> None:
    assert len(reviewed.secrets) > 5
    shown = "\n".join(reviewed.shown)
    assert len(shown) > 10_000
    for secret in reviewed.secrets:
        assert secret not in shown
    folders = [reviewed.stack.folder, reviewed.project.local.parent.parent, Path.home(), PROJECT_ROOT]
    for path in (*map(str, folders), "ciphertext"):
        assert path not in shown
