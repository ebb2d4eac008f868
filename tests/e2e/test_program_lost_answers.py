"""Answers that Resource Manager's callers never get, then an outage: a plain `up` ends well all the same."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator

import psutil
import pytest
import yaml

from engine import state_url
from fpga.cloud import connection
from infra.settings.reader import PROJECT_ROOT
from tests.support.localcloud.faulty_cloud import FaultyCloud
from tests.support.stacks import interruption
from tests.support.stacks.local_cloud import LocalCloud
from tests.support.stacks.program_stack import ProgramStack
from tests.support.waiting import PATIENCE_S

GROUP, ZONE, STORAGE, RECORD = (
    "/resourceGroups/[^/]+",
    "/dnsZones/[^/]+",
    "/storageAccounts/[^/]+",
    "/dnsZones/[^/]+/A/[^/]+",
)


@pytest.fixture(scope="module")
def faulty(local_cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyCloud]:
    trust = tmp_path_factory.mktemp("trust") / "roots.pem"
    cloud = FaultyCloud(f"https://{local_cloud.host}", local_cloud.status.ca, trust)
    with cloud.running():
        yield cloud


@pytest.fixture
def make_faulty_stack(
    make_stack: Callable[..., ProgramStack], faulty: FaultyCloud
) -> Callable[[str], ProgramStack]:
    """Makes stacks whose cloud loses answers."""

    def make(name: str) -> ProgramStack:
        host = {connection.METADATA_HOST: faulty.address.removeprefix("https://")}
        stack = make_stack(name, host, loaded=True)
        stack.environment["SSL_CERT_FILE"] = str(faulty.trust)
        return stack

    return make


def fpga(stack: ProgramStack, *arguments: str) -> subprocess.CompletedProcess[str]:
    """An `fpga` command, as a person runs it in the checkout; no terminal is there."""
    local = stack.engine.local
    backend = {
        "url": stack.environment["PULUMI_BACKEND_URL"],
        "passphraseFile": str(local / "passphrase"),
    }
    (stack.folder / "stacks").mkdir(exist_ok=True)
    (stack.folder / "stacks" / f"Backend.{stack.stack}.yaml").write_text(yaml.safe_dump(backend))
    return subprocess.run(
        [sys.executable, "-m", "fpga.cli", *arguments, "--stack", stack.stack],
        cwd=stack.folder,
        env={**stack.environment, "FPGA_LOCAL": str(local), "PYTHONPATH": str(PROJECT_ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def kill_amid(stack: ProgramStack, faulty: FaultyCloud, path: str) -> None:
    """Kills an update once the PUT was carried out, and gives its lock back."""
    faulty.lose_the_answer(path)
    with stack.start("up", "--yes", "--skip-preview", "--stack", stack.stack) as run:
        assert faulty.acted.wait(PATIENCE_S)
        interruption.kill(run)
    faulty.mend()
    stack.run("cancel", "--yes", stack.stack)


def require_whole(stack: ProgramStack) -> None:
    """The stack is as declared, and what it made goes with it."""
    preview = stack.preview("--refresh", "--expect-no-changes")
    assert preview.complaints == []
    stack.destroy()
    assert stack.resources() == []
    assert stack.group not in stack.cloud.groups()


def test_lost_answers_before_an_outage_need_nobody(
    make_faulty_stack: Callable[[str], ProgramStack], faulty: FaultyCloud
) -> None:
    stack = make_faulty_stack("lost")
    for path in (GROUP, RECORD):
        faulty.lose_the_answer(path)
        failed = stack.up(code=None)
        assert faulty.acted.is_set()
        assert failed.code != 0
        faulty.mend()

    up = stack.up()

    assert up.operations["record"] == "update", "it was begun"
    assert up.operations["resource-group"] == "same"
    require_whole(stack)


def test_a_service_named_by_hand_needs_no_consent_to_be_gone_on_with(
    make_faulty_stack: Callable[[str], ProgramStack], faulty: FaultyCloud
) -> None:
    """It runs the stack's own model and serves its certificate: what somebody else made does not."""
    stack = make_faulty_stack("by-hand")
    stack.configure({"fpga-web-service:serviceName": "chosen"})
    faulty.fail("POST", "/services")
    assert stack.up(code=None).code != 0
    assert faulty.acted.is_set()
    faulty.mend()
    (there,) = stack.management.services_named("chosen")

    up = stack.up()

    assert up.operations["service"] == "create"
    assert [one.id for one in stack.management.services_named("chosen")] == [there.id]
    require_whole(stack)


def plugins(run: subprocess.Popen[str]) -> list[psutil.Process]:
    """The processes of the plugin that an update started."""
    started = psutil.Process(run.pid).children(recursive=True)
    return [one for one in started if "engine.azure_native" in one.cmdline()]


@pytest.mark.parametrize(("path", "name"), [(GROUP, "resource-group"), (RECORD, "record")])
def test_a_plugin_that_is_killed_alone_needs_nobody(
    make_faulty_stack: Callable[[str], ProgramStack], faulty: FaultyCloud, path: str, name: str
) -> None:
    """The engine lives, and has no note of what its plugin had begun."""
    stack = make_faulty_stack(f"plugin-{name}")
    faulty.lose_the_answer(path)
    with stack.start("up", "--yes", "--skip-preview", "--stack", stack.stack) as run:
        assert faulty.acted.wait(60)
        for one in plugins(run):
            one.kill()
        assert run.wait(60) != 0
    faulty.mend()
    assert name not in {one["urn"].rpartition("::")[2] for one in stack.resources()}

    up = stack.up()

    assert up.operations[name] == "create"
    require_whole(stack)


def test_what_a_lost_state_knew_is_adopted_as_its_own(
    make_faulty_stack: Callable[[str], ProgramStack],
) -> None:
    stack = make_faulty_stack("forgotten")
    stack.up()
    stack.run("state", "delete", "--all", "--force", "--yes", "--stack", stack.stack)
    assert stack.resources() == []

    adopted = fpga(stack, "adopt", "--yes")

    assert adopted.returncode == 0, adopted.stderr
    assert "retainOnDelete" not in adopted.stdout
    stack.up()
    require_whole(stack)


@pytest.mark.parametrize("left", [0.0, 0.5], ids=["empty", "cut off"])
def test_a_state_that_a_dying_machine_tore_is_recovered(
    make_faulty_stack: Callable[[str], ProgramStack], left: float
) -> None:
    stack = make_faulty_stack(f"torn-{left:.0%}".rstrip("%"))
    stack.up()
    folder = state_url.folder_of(stack.environment["PULUMI_BACKEND_URL"])
    (file,) = folder.glob(f".pulumi/stacks/*/{stack.stack}.json")
    whole = file.read_bytes()
    file.write_bytes(whole[: int(left * len(whole))])

    refused = fpga(stack, "apply", "--yes")
    assert refused.returncode == 1
    assert f"`fpga state recover -s {stack.stack}` puts" in refused.stdout
    recovered = fpga(stack, "state", "recover")

    assert recovered.returncode == 0, recovered.stderr
    assert recovered.stdout.startswith("Taken: backups/fpga-web-service/")
    assert file.read_bytes() == whole
    assert file.with_name(f"{file.name}.torn").read_bytes() == whole[: int(left * len(whole))]
    half = folder / f".pulumi/locks/organization/fpga-web-service/{stack.stack}/a.json.18c2f0.tmp"
    half.parent.mkdir(parents=True, exist_ok=True)
    half.write_text('{"pid": 47')
    os.utime(half, (0, 0))
    refused_up = stack.up(code=None)
    assert refused_up.code != 0
    assert "unexpected end of JSON input" in refused_up.stderr
    unlocked = fpga(stack, "state", "unlock")
    assert unlocked.stdout.startswith("Given back: the lock of a run that was killed while it took it\n")
    require_whole(stack)


@pytest.mark.parametrize(("path", "name"), [(GROUP, "resource-group"), (STORAGE, "storage")])
def test_what_a_killed_run_had_begun_is_read(
    make_faulty_stack: Callable[[str], ProgramStack], faulty: FaultyCloud, path: str, name: str
) -> None:
    stack = make_faulty_stack(f"killed-{name}")
    kill_amid(stack, faulty, path)

    settled = fpga(stack, "state", "settle")

    assert settled.returncode == 0, settled.stderr
    assert re.search(rf"^{name} \S+: there; the next update finishes it$", settled.stdout, re.MULTILINE)
    up = stack.up()
    assert up.complaints == [], "nothing is pending any more"
    assert up.operations[name] == "update"
    assert fpga(stack, "state", "settle").stdout == f"Nothing was under way on the stack {stack.stack}.\n"
    require_whole(stack)


def test_apply_settles_what_a_killed_run_had_begun(
    make_faulty_stack: Callable[[str], ProgramStack], faulty: FaultyCloud
) -> None:
    stack = make_faulty_stack("killed-apply")
    kill_amid(stack, faulty, ZONE)

    applied = fpga(stack, "apply", "--yes")

    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert "zone" in applied.stdout
    require_whole(stack)
