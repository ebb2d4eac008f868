"""`fpga certs renew` as a person types it; a script in the engine's place tells a stack, and notes calls.

With the real engine it is run in tests/e2e/test_program_acme.py.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from certs.sources.self_signed import issue, new_authority
from tests.support import python_script, waits

STACK = "dev"
GENERATION = "fpga-web-service:certificateGeneration"
SETTINGS = "config:\n  # kept as it is\n  fpga-web-service:certificateSource: self_signed\n"
URN = "urn:pulumi:dev::fpga-web-service::{}::{}"
RENEWAL = {
    "certificate": "pulumi-python:dynamic/fpga:Certificate",
    "service": "pulumi-python:dynamic/fpga:Service",
    "endpoint-check": "pulumi-python:dynamic/fpga:EndpointCheck",
}
# answers `pulumi VERB …` out of files, raises the generation as the CLI does, and notes the rest
ENGINE = """\
import pathlib, sys
here = pathlib.Path({here!r})
verb = " ".join(one for one in sys.argv[1:3] if not one.startswith("-"))
with (here / "calls").open("a") as calls:
    print(*sys.argv[1:], file=calls)
if verb == "config set-all":
    settings = pathlib.Path({settings!r})
    pair = next(one for one in sys.argv if one.startswith("fpga-web-service:"))
    settings.write_text(settings.read_text() + "  " + pair.replace("=", ": ") + "\\n")
elif verb == "up":
    (here / "stack.json").write_text((here / "renewed.json").read_text())
    print("Updating (dev)")
else:
    answer = here / {{"config": "config.json", "stack export": "stack.json"}}.get(verb, verb + ".json")
    print(answer.read_text())
    sys.exit(255 if verb == "preview" and '"failed"' in answer.read_text() else 0)
"""


def _step(operation: str, name: str, kind: str, parent: str = "") -> dict[str, Any]:
    """A step of the engine's, as the CLI tells it."""
    state = {"custom": True, "id": name, "inputs": {}, "outputs": {}, "parent": parent}
    urn = URN.format(kind, name)
    return {
        "resourcePreEvent": {
            "metadata": {"urn": urn, "type": kind, "op": operation, "old": state, "new": state}
        }
    }


class Checkout:
    """A checkout with one stack that has a certificate, issued `age_days` ago for 90 days."""

    def __init__(self, folder: Path, *, age_days: float, source: str = "self_signed") -> None:
        self.folder, self.settings = folder, folder / "stacks" / f"Pulumi.{STACK}.yaml"
        self._answers = folder / ".local"
        (self._answers / "bin").mkdir(parents=True)
        (folder / "stacks").mkdir()
        (folder / "Pulumi.yaml").write_text("name: fpga-web-service\n")
        (folder / "passphrase").touch()
        self.settings.write_text(SETTINGS)
        self.settings.with_name(f"Backend.{STACK}.yaml").write_text(
            f"url: file://{folder}\npassphraseFile: {folder}/passphrase\n"
        )
        python_script.write(
            self._answers / "bin" / "pulumi",
            ENGINE.format(here=str(self._answers), settings=str(self.settings)),
        )
        begin = dt.datetime.now(dt.UTC) - dt.timedelta(days=age_days)
        self.tell("config", {"fpga-web-service:certificateSource": {"value": source, "secret": False}})
        self.tell("stack", self._state(begin, 1))
        self.tell("renewed", self._state(dt.datetime.now(dt.UTC), 2))
        self.preview()

    def _state(self, begin: dt.datetime, generation: int) -> dict[str, Any]:
        bundle = issue(new_authority("Contoso CA", begin), ["www.contoso.test"], begin)
        outputs = {
            "certificate": bundle.certificate_pem,
            "not_before": begin.isoformat(),
            "not_after": (begin + dt.timedelta(days=90)).isoformat(),
            "generation": generation,
        }
        return {"deployment": {"resources": [{"type": RENEWAL["certificate"], "outputs": outputs}]}}

    def preview(self, **others: str) -> None:
        """What a preview shows: a renewal, and others by type; the stack and the provider follow it."""
        changed = [*RENEWAL.items(), *(("other", kind) for kind in others.values())]
        steps = [_step("update", name, kind) for name, kind in changed]
        steps.append(_step("update", "default", "pulumi:providers:pulumi-python"))
        steps.append(_step("same", "zone", "azure-native:dns:Zone"))
        self.tell("preview", *steps, {"summaryEvent": {"result": "succeeded"}})

    def tell(self, verb: str, *answers: object) -> None:
        """Has the engine answer so, a line each."""
        (self._answers / f"{verb}.json").write_text("\n".join(json.dumps(one) for one in answers))

    @property
    def calls(self) -> list[str]:
        """The engine's commands that change something, by their verbs."""
        calls = (self._answers / "calls").read_text().splitlines()
        return [call.split()[0] for call in calls if call.split()[0] == "up" or "set-all" in call]

    def renew(self, *options: str, answer: str | None = None) -> subprocess.CompletedProcess[str]:
        """Runs the command; with an `answer` in a terminal where a person types it."""
        command = [sys.executable, "-m", "fpga.cli", "certs", "renew", "-s", STACK, *options]
        environment = {**os.environ, "FPGA_LOCAL": str(self._answers), "COLUMNS": "100"}
        person, terminal = pty.openpty()
        if answer is not None:
            os.write(person, answer.encode())
        stdin = subprocess.DEVNULL if answer is None else terminal
        done = subprocess.run(
            command, cwd=self.folder, env=environment, stdin=stdin, capture_output=True, text=True,
            check=False, timeout=60,
        )  # fmt: skip
        done.stderr = waits.without(done.stderr)
        os.close(person)
        os.close(terminal)
        return done


class Several(Checkout):
    """A checkout with three services: cats' certificate is due, dogs' is not, birds' is brought."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, age_days=0)
        listed = [
            {"name": "birds", "fqdn": "birds.contoso.test", "certificateSource": "files"},
            {"name": "cats", "fqdn": "cats.contoso.test"},
            {"name": "dogs", "fqdn": "dogs.contoso.test", "certificateGeneration": 1},
        ]
        # a secret in the list has the engine tell all of it as one
        told = {"value": json.dumps(listed), "secret": True}
        source = {"value": "self_signed", "secret": False}
        self.tell("config", {"fpga-web-service:services": told, "fpga-web-service:certificateSource": source})
        now = dt.datetime.now(dt.UTC)
        ages = {name: now - dt.timedelta(days=age) for name, age in {"cats": 61, "dogs": 1}.items()}
        self.tell("stack", self._of(ages, 1))
        self.tell("renewed", self._of(dict.fromkeys(ages, now), 2))

    def _of(self, begins: dict[str, dt.datetime], generation: int) -> dict[str, Any]:
        resources = []
        for name, begin in begins.items():
            (one,) = self._state(begin, generation)["deployment"]["resources"]
            resources.append({**one, "urn": URN.format(RENEWAL["certificate"], f"{name}-certificate")})
        return {"deployment": {"resources": resources}}

    def share(self, holder: str, other: str) -> None:
        """Has the state tell of another service that has the certificate of this one."""
        state = json.loads((self._answers / "stack.json").read_text())
        resources = state["deployment"]["resources"]
        name = f"{holder}-certificate"
        chain = next(one["outputs"]["certificate"] for one in resources if one["urn"].endswith(f"::{name}"))
        resources[:] = [one for one in resources if not one["urn"].endswith(f"::{other}-certificate")]
        resources.append(
            {
                "type": RENEWAL["service"],
                "urn": URN.format(RENEWAL["service"], f"{other}-service"),
                "parent": URN.format("fpga:index:ScoringEndpoint", other),
                "inputs": {"ssl_certificate": chain},
            }
        )
        self.tell("stack", state)

    def preview_of(self, *names: str) -> None:
        """What a preview shows: the renewals of these services."""
        steps = [
            _step("update", f"{name}-{what}", kind, URN.format("fpga:index:ScoringEndpoint", name))
            for name in names
            for what, kind in RENEWAL.items()
        ]
        self.tell("preview", *steps, {"summaryEvent": {"result": "succeeded"}})


def test_of_several_services_those_that_are_due_are_renewed(tmp_path: Path) -> None:
    checkout = Several(tmp_path)
    checkout.preview_of("cats")

    done = checkout.renew("--yes")

    assert done.returncode == 0, done.stderr
    shown = done.stdout[: done.stdout.index("plan of dev") if "plan of dev" in done.stdout else None]
    assert "service     cats\n" in shown
    assert "service     dogs\n" in shown
    assert "birds" not in shown
    assert "Not due until" in shown[shown.index("service     dogs") :]
    assert checkout.calls == ["up"]
    renewed = done.stdout[done.stdout.index("\nRenewed.\n") :]
    assert "service     cats\n" in renewed
    assert "dogs" not in renewed
    assert checkout.settings.read_text() == SETTINGS


def test_an_early_one_of_several_is_raised_where_it_stands_in_the_list(tmp_path: Path) -> None:
    checkout = Several(tmp_path)
    checkout.preview_of("dogs")

    done = checkout.renew("--service", "dogs", "--early", "--yes")

    assert done.returncode == 0, done.stderr
    path = "fpga-web-service:services[2].certificateGeneration"
    assert f"{path} is 2 now, in {checkout.settings}: if that file is committed" in done.stdout
    assert checkout.calls == ["config", "up"]
    assert checkout.settings.read_text() == f"{SETTINGS}  {path}: 2\n"
    assert "cats" not in done.stdout


def test_a_renewal_of_one_service_is_none_of_another(tmp_path: Path) -> None:
    checkout = Several(tmp_path)
    checkout.preview_of("cats", "dogs")

    done = checkout.renew("--service", "cats", "--yes")

    assert done.returncode == 1
    assert (
        "error: The update is more than the renewal: dogs-certificate (update). --yes agrees" in done.stderr
    )
    assert checkout.calls == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ("--early",),
            "the stack dev has 3 services; name one of them:\n  birds  birds.contoso.test\n  cats",
        ),
        (("--service", "dog"), "the stack dev has no service 'dog': did you mean dogs? It has:\n  birds"),
    ],
)
def test_a_service_that_is_not_named_or_not_there_is_bad_usage(
    tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    checkout = Several(tmp_path)

    done = checkout.renew(*options, "--yes")

    assert done.returncode == 2
    assert said in done.stderr
    assert checkout.calls == []


def test_one_of_several_that_was_brought_is_told_where_it_is_set(tmp_path: Path) -> None:
    checkout = Several(tmp_path)

    done = checkout.renew("--service", "birds", "--yes")

    assert done.returncode == 1
    assert (
        "certificateSource of the service birds of the stack dev is files: its certificate is renewed by "
        "you. To renew it, put the new chain and key where fpga-web-service:services[0].certificateFile and "
        "fpga-web-service:services[0].keyFile name them" in done.stderr
    )


@pytest.mark.parametrize("other", ["dogs", "birds"])
def test_one_that_two_services_have_is_renewed_by_the_one_whose_it_is(tmp_path: Path, other: str) -> None:
    """Whatever the source is that the other one's own settings would have."""
    checkout = Several(tmp_path)
    checkout.share("cats", other)
    checkout.preview_of("cats")

    refused = checkout.renew("--service", other, "--yes")
    assert refused.returncode == 1
    assert (
        f"The service {other} of the stack dev has the certificate of the service cats: `fpga certs renew -s "
        "dev --service cats` renews it." in refused.stderr
    )
    done = checkout.renew("--yes")
    assert done.returncode == 0, done.stderr
    assert f"service     {other}" not in done.stdout


def test_a_stack_without_a_list_takes_no_service(tmp_path: Path) -> None:
    done = Checkout(tmp_path, age_days=61).renew("--service", "cats", "--yes")
    assert done.returncode == 2
    assert "the stack dev has no list of services: leave --service out." in done.stderr


def test_one_that_is_not_due_is_left_as_it_is(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path, age_days=59)

    done = checkout.renew()

    assert (done.returncode, waits.without(done.stderr)) == (0, "")
    assert "names       www.contoso.test\nissuer      CN=Contoso CA\n" in done.stdout
    assert "two thirds of its lifetime are over then" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("Not due until ")
    assert checkout.calls == []


def test_one_that_is_due_is_renewed_when_a_person_agrees(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path, age_days=61)

    refused = checkout.renew(answer="n\n")
    assert refused.returncode == 1
    assert "Due: two thirds of its lifetime are over since" in refused.stdout
    for name in RENEWAL:
        assert f"update {name} (" in refused.stdout
    assert "dev: 3 to update, 1 unchanged\nUpdate?" in refused.stdout
    assert refused.stdout.endswith("Nothing was changed.\n")
    assert checkout.calls == []

    agreed = checkout.renew(answer="y\n")
    assert agreed.returncode == 0, agreed.stderr
    assert "\nRenewed.\n" in agreed.stdout
    assert "generation  2 (self_signed)" in agreed.stdout
    assert checkout.calls == ["up"]
    assert checkout.settings.read_text() == SETTINGS


def test_an_early_one_raises_the_generation_in_the_settings(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path, age_days=1)

    done = checkout.renew("--early", "--yes")

    assert done.returncode == 0, done.stderr
    assert f"{GENERATION} is 2 now, in {checkout.settings}: if that file is committed" in done.stdout
    assert checkout.calls == ["config", "up"]
    assert checkout.settings.read_text() == f"{SETTINGS}  {GENERATION}: 2\n"


def test_the_settings_are_put_back_where_nothing_is_renewed(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path, age_days=1)

    declined = checkout.renew("--early", answer="n\n")
    assert declined.returncode == 1
    assert "Not due yet: --early renews it all the same.\n" in declined.stdout
    assert checkout.settings.read_text() == SETTINGS
    checkout.tell(
        "preview",
        {"diagnosticEvent": {"severity": "error", "message": "a check refuses"}},
        {"summaryEvent": {"result": "failed"}},
    )
    failed = checkout.renew("--early", "--yes")

    assert failed.returncode == 1
    assert "error: a check refuses" in failed.stdout
    assert failed.stderr.endswith("error: The stack dev cannot be updated. Nothing was changed.\n")
    assert checkout.settings.read_text() == SETTINGS
    assert checkout.calls == ["config", "config"]


def test_one_that_was_raised_already_is_reached(tmp_path: Path) -> None:
    """By a pull request, or by a run whose update failed."""
    checkout = Checkout(tmp_path, age_days=1)
    values = {"fpga-web-service:certificateSource": "self_signed", GENERATION: "2"}
    checkout.tell("config", {key: {"value": value, "secret": False} for key, value in values.items()})

    done = checkout.renew("--early", "--yes")

    assert done.returncode == 0, done.stderr
    assert f"Due: {GENERATION} is 2, and it was issued for 1." in done.stdout
    assert checkout.calls == ["up"]


def test_without_anybody_to_ask_nothing_is_done(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path, age_days=61)

    done = checkout.renew()

    assert (done.returncode, waits.without(done.stderr)) == (
        1,
        "error: There is nobody to ask: run it with --yes, or in a terminal. Nothing was changed.\n",
    )
    assert checkout.calls == []


def test_consent_in_advance_is_to_the_renewal_alone(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path, age_days=61)
    checkout.preview(model="pulumi-python:dynamic/fpga:Model")

    done = checkout.renew("--yes")

    assert done.returncode == 1
    assert (
        "error: The update is more than the renewal: other (update). --yes agrees to the renewal"
        in done.stderr
    )
    assert checkout.calls == []
    asked = checkout.renew(answer="y\n")
    assert "More than the renewal: other (update).\n" in asked.stdout
    assert checkout.calls == ["up"]


@pytest.mark.parametrize(
    ("source", "setting"), [("files", "keyFile"), ("pfx", "pfxFile"), ("config", "certificateChain")]
)
def test_one_that_was_brought_is_not_renewed_here(tmp_path: Path, source: str, setting: str) -> None:
    checkout = Checkout(tmp_path, age_days=61, source=source)

    done = checkout.renew("--yes")

    assert done.returncode == 1
    assert waits.without(done.stderr).startswith(
        f"error: fpga-web-service:certificateSource of the stack dev is {source}: its certificate is renewed"
    )
    assert f"fpga-web-service:{setting}" in done.stderr
    assert checkout.calls == []


def test_an_update_that_left_the_certificate_is_no_renewal(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path, age_days=61)
    checkout.tell("renewed", json.loads((tmp_path / ".local" / "stack.json").read_text()))

    done = checkout.renew("--yes")

    assert (done.returncode, checkout.calls) == (1, ["up"])
    assert "Renewed." not in done.stdout
    assert "error: The stack dev was updated, and its certificate is the one of before" in done.stderr
