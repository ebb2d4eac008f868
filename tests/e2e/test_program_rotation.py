"""Certificates, keys and SSL changed by the program while callers call all the time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from certs.sources.self_signed import Authority, issue, new_authority
from clients.prediction.client import PredictionClient, UntrustedCertificate
from infra.proof.endpoint import sample_image
from tests.support.callers import Access, Callers
from tests.support.stacks.program_stack import ProgramStack
from tests.support.stacks.pulumi_project import Result

NOW = dt.datetime.now(dt.UTC)
CALLERS = 4
ROUNDS = 2
PRIMARY, SECONDARY = "fpga-web-service:primaryKeyGeneration", "fpga-web-service:secondaryKeyGeneration"
KEYS_ALONE = {"keys": "update", "endpoint-check": "update"}
SERVICE_ALONE = {"service": "update", "endpoint-check": "update"}


class Served:
    """A stack whose certificate is in files, and what its callers know."""

    def __init__(self, stack: ProgramStack, files: Path) -> None:
        self.stack = stack
        self._files = files
        self._authority: Authority = new_authority("Rotation", NOW)
        (files / "root.pem").write_text(self._authority.certificate_pem)
        self.renew()

    def renew(self) -> str:
        """Puts another certificate into the files; its fingerprint."""
        bundle = issue(self._authority, [self.stack.fqdn], NOW)
        (self._files / "chain.pem").write_text(bundle.certificate_pem)
        (self._files / "key.pem").write_text(bundle.key_pem)
        (self._files / "key.pem").chmod(0o600)
        return bundle.fingerprint_sha256

    def outputs(self) -> dict[str, Any]:
        return self.stack.outputs(show_secrets=True)

    def connect(self, access: Access) -> PredictionClient:
        """As a caller who was told name, port, root and key once."""
        return PredictionClient(
            self.stack.fqdn,
            50051,
            use_ssl=access.ssl,
            access_token=access.key,
            root_certificates=self._authority.certificate_pem.encode(),
            name_servers=[self.stack.cloud.name_server],
        )


@pytest.fixture(scope="module")
def served(make_stack: Callable[..., ProgramStack], tmp_path_factory: pytest.TempPathFactory) -> Served:
    files = tmp_path_factory.mktemp("certificate")
    stack = make_stack(
        "rotation",
        {
            "fpga-web-service:certificateSource": "files",
            "fpga-web-service:certificateFile": str(files / "chain.pem"),
            "fpga-web-service:keyFile": str(files / "key.pem"),
            "fpga-web-service:rootsFile": str(files / "root.pem"),
        },
        loaded=True,
    )
    made = Served(stack, files)
    stack.up()
    return made


def changed(result: Result) -> dict[str, str]:
    """The operations on resources, but for those that stay the same and the providers' configuration."""
    return {
        name: operation
        for name, operation in result.operations.items()
        if operation != "same" and not name.startswith("default")
    }


def different(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {name for name in before if before[name] != after[name]}


def test_a_state_from_before_there_were_generations_shows_nothing(served: Served) -> None:
    stack = served.stack
    state = stack.export()
    (keys,) = [one for one in state["deployment"]["resources"] if one["type"].endswith(":Keys")]
    for kind in ("inputs", "outputs"):
        for name in ("primary_generation", "secondary_generation"):
            del keys[kind][name]
    stack.load(state)

    assert changed(stack.preview("--expect-no-changes")) == {}
    assert changed(stack.up("--expect-no-changes")) == {}
    assert stack.refresh("--expect-no-changes").complaints == []


@pytest.mark.parametrize(
    ("generations", "words"),
    [
        (("2", "2"), [f"{PRIMARY} and {SECONDARY} are both raised", "Leave", "then raise it"]),
        (("2", "1"), []),
        (("1", "1"), [f"{PRIMARY} goes from 2 to 1", "does not come back", "Set it to 2"]),
        (("3", "2"), [f"{PRIMARY} and {SECONDARY} are both raised"]),
        (("two", "1"), [f"{PRIMARY} is 'two'", "a whole number from 1"]),
    ],
)
def test_one_key_goes_up_at_a_time(served: Served, generations: tuple[str, str], words: list[str]) -> None:
    stack, before = served.stack, served.outputs()
    stack.configure(dict(zip((PRIMARY, SECONDARY), generations, strict=True)))

    preview = stack.preview(code=None)

    if not words:
        assert changed(preview) == changed(stack.up()) == KEYS_ALONE
        assert different(before, served.outputs()) == {"primaryKey"}
        return
    assert preview.code not in (0, None)
    assert [word for word in words if word not in preview.text] == []
    assert "Traceback" not in preview.text
    assert before["primaryKey"] not in preview.text
    assert served.outputs() == before


def test_no_call_fails_but_those_with_what_was_withdrawn(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    stack, outputs = served.stack, served.outputs()
    generation = {PRIMARY: 2, SECONDARY: 1}
    stack.configure({name: str(value) for name, value in generation.items()})
    secondary = Access(outputs["secondaryKey"])

    def rotate(setting: str) -> dict[str, Any]:
        generation[setting] += 1
        stack.configure({setting: str(generation[setting])})
        assert changed(stack.up()) == KEYS_ALONE
        return served.outputs()

    with Callers(CALLERS, served.connect, secondary, sample_image()) as callers:
        for _ in range(ROUNDS):
            fingerprint = served.renew()
            assert changed(stack.up()) == SERVICE_ALONE
            assert served.outputs()["certificateFingerprint"] == fingerprint
            callers.let_each_call()

            callers.move(Access(rotate(PRIMARY)["primaryKey"]))
            callers.move(secondary := Access(rotate(SECONDARY)["secondaryKey"]))
        assert [call.error for call in callers.failures()] == []

        plain = Access(None, ssl=False)
        with callers.withdrawn(secondary):
            stack.configure({"fpga-web-service:sslEnabled": "false"})
            assert changed(stack.up()) == SERVICE_ALONE
            callers.move(plain)
        with callers.withdrawn(plain):
            stack.configure({"fpga-web-service:sslEnabled": "true"})
            assert changed(stack.up()) == SERVICE_ALONE
            callers.move(secondary)
        unexpected = [call.error for call in callers.unexpected()]
    withdrawn = len(callers.failures()) - len(unexpected)
    with capsys.disabled():
        print(
            f"\n{len(callers.calls)} calls of {CALLERS} callers over {ROUNDS} certificates, {2 * ROUNDS} "
            f"keys, SSL off and on: {withdrawn} failed with what was withdrawn, {len(unexpected)} otherwise"
        )
    assert unexpected == []
    assert withdrawn > 0, "callers who went on as before were not refused"


def test_a_replacement_says_that_callers_need_new_keys(served: Served) -> None:
    stack, before = served.stack, served.outputs()
    urn = stack.urn("service")

    for result in (stack.preview("--replace", urn), stack.up("--replace", urn)):
        assert changed(result)["keys"] == "replace"
        (warning,) = result.diagnostics["warning"]
        assert "callers need new keys" in warning
    after = served.outputs()
    assert {"primaryKey", "secondaryKey"} <= different(before, after)
    assert stack.preview("--expect-no-changes").complaints == []


def test_a_development_authority_is_made_anew(served: Served) -> None:
    """Its key is in the state: another root, certificate and key, at the same address with the same keys."""
    stack = served.stack
    stack.configure({"fpga-web-service:certificateSource": "self_signed"})
    for key in ("certificateFile", "keyFile", "rootsFile"):
        stack.run("config", "rm", "--stack", stack.stack, f"fpga-web-service:{key}")
    stack.up()
    before = served.outputs()

    done = stack.up("--replace", stack.urn("development-ca"))

    assert changed(done) == SERVICE_ALONE | {"development-ca": "replace", "certificate": "update"}
    after = served.outputs()
    assert {"rootCertificate", "certificateFingerprint"} <= different(before, after)
    kept = ("ip", "fqdn", "primaryKey", "secondaryKey")
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    for root, verifies in ((after["rootCertificate"], True), (before["rootCertificate"], False)):
        with PredictionClient(
            stack.fqdn,
            50051,
            use_ssl=True,
            access_token=after["primaryKey"],
            root_certificates=root.encode(),
            name_servers=[stack.cloud.name_server],
        ) as client:
            if verifies:
                client.score_image(sample_image())
            else:
                with pytest.raises(UntrustedCertificate):
                    client.score_image(sample_image())
    assert stack.preview("--expect-no-changes").complaints == []
