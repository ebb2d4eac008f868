"""The list of services in a stack's file, with secrets in it: as the CLI writes it, the program gets it."""

from __future__ import annotations

import datetime as dt
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from certs.sources.self_signed import issue, new_authority
from clients.tls import fingerprint, served_certificate
from tests.support.certificates.odd_bundles import CHAIN, KEY
from tests.support.stacks.program_stack import ProgramStack

NOW = dt.datetime.now(dt.UTC)
LISTED = "fpga-web-service:services"


@pytest.fixture(scope="module")
def stack(make_stack: Callable[..., ProgramStack]) -> ProgramStack:
    return make_stack("listed", {"fpga-web-service:accountCapacity": "2"})


def configure(stack: ProgramStack, services: list[dict[str, Any]], **secrets: str) -> None:
    """Writes the list as a person does, and then secrets into its first item."""
    file = stack.folder / f"Pulumi.{stack.stack}.yaml"
    content = yaml.safe_load(file.read_text())
    content["config"][LISTED] = services
    file.write_text(yaml.safe_dump(content))
    for key, value in secrets.items():
        subprocess.run(
            [stack.engine.pulumi, "config", "set", "--path", "--secret", "--stack", stack.stack,
             f"{LISTED}[0].{key}"],
            cwd=stack.folder, env=stack.environment, input=value, text=True, check=True, capture_output=True,
        )  # fmt: skip


def refused(stack: ProgramStack) -> tuple[str, str]:
    """The one message that refuses it, and all that was printed."""
    done = stack.preview(code=None)
    assert done.code not in (0, None)
    (message,) = done.diagnostics["error"]
    assert "Traceback" not in done.text, done.text
    return message, done.text


def test_a_secret_that_is_encrypted_is_taken_and_another_in_plain_refused(stack: ProgramStack) -> None:
    """The engine says of the whole list that it is secret."""
    cats = {"name": "cats", "fqdn": stack.fqdn, "certificateSource": "config"}
    dogs = {"name": "dogs", "fqdn": f"dogs.{stack.fqdn}", "recordTtl": 0, "certificateSource": "config"}
    chain = {"certificateChain": CHAIN.decode()}
    configure(
        stack,
        [cats | chain, dogs | chain | {"certificateKey": KEY.decode()}],
        certificateKey=KEY.decode(),
    )

    message, text = refused(stack)

    assert message.startswith("2 problems in the stack's configuration:")
    assert f"{LISTED}[1].recordTtl is '0': it takes a whole number" in message
    assert f"{LISTED}[1].certificateKey stands in plain in the stack's file" in message
    assert f"`pulumi config set --secret --path '{LISTED}[1].certificateKey'`" in message
    assert KEY.decode().splitlines()[1] not in text
    told = stack.fpga("adopt", "--stack", stack.stack)
    assert told.returncode == 1
    assert f"{LISTED}[1].certificateKey stands in plain" in told.stderr
    assert f"{LISTED}[0]" not in told.stderr
    assert KEY.decode().splitlines()[1] not in told.stdout + told.stderr


def test_what_is_no_secret_is_not_encrypted(stack: ProgramStack) -> None:
    configure(stack, [{"name": "cats"}], fqdn="s3cret.fabrikam.test")

    message, text = refused(stack)

    assert f"{LISTED}[0].fqdn is encrypted in the stack's file" in message
    assert "s3cret" not in text


def test_a_list_that_is_encrypted_as_a_whole_is_refused(stack: ProgramStack) -> None:
    stack.set_secret(LISTED, '[{"name": "s3cret-cats"}]')

    message, text = refused(stack)

    assert f"{LISTED} is encrypted as a whole, or the stack's file" in message
    assert "s3cret" not in text


def test_the_inputs_of_each_are_judged(stack: ProgramStack) -> None:
    package = stack.folder / "package"
    package.mkdir()
    configure(
        stack,
        [{"name": "cats"}, {"name": "dogs", "fqdn": f"dogs.{stack.fqdn}", "modelPackage": str(package)}],
    )

    message, _ = refused(stack)

    assert f"{LISTED}[1].modelPackage: {package}: " in message
    assert "service_def.json" in message


def test_a_secret_of_the_list_ends_up_with_its_service_alone(make_stack: Callable[..., ProgramStack]) -> None:
    stack = make_stack("listed-secret", {"fpga-web-service:accountCapacity": "2"}, loaded=True)
    authority = new_authority("A private authority", NOW - dt.timedelta(days=1))
    bundle = issue(authority, [stack.fqdn], NOW)
    roots = stack.folder / "root.pem"
    roots.write_text(authority.certificate_pem)
    configure(
        stack,
        [
            {
                "name": "cats",
                "certificateSource": "config",
                "certificateChain": bundle.certificate_pem,
                "rootsFile": str(roots),
            },
            {"name": "dogs", "fqdn": f"dogs.{stack.fqdn}"},
        ],
        certificateKey=bundle.key_pem,
    )
    secret = bundle.key_pem.splitlines()[1]

    made = stack.up()

    assert made.complaints == []
    told = stack.outputs()["services"]
    assert told["cats"]["certificateFingerprint"] == bundle.fingerprint_sha256
    assert told["dogs"]["certificateFingerprint"] != bundle.fingerprint_sha256
    served = served_certificate(told["cats"]["ip"], int(told["cats"]["port"]))
    assert fingerprint(served or b"") == bundle.fingerprint_sha256
    assert secret not in made.text + stack.state_text()
