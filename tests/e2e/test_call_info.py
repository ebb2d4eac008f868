"""`fpga call-info` of a deployed stack: what it tells is what callers need, as they take it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clients.azure.model_management import ServiceRequest, Tls
from infra.settings.reader import PROJECT_ROOT
from tests.support import waits
from tests.support.certificates.authority import Authority
from tests.support.stacks.program_stack import ProgramStack

PHOTO = PROJECT_ROOT / "samples" / "espresso.jpg"


@pytest.fixture(scope="module")
def stack(make_stack: Callable[..., ProgramStack]) -> ProgramStack:
    made = make_stack("callers", {"fpga-web-service:accountCapacity": "3"})
    made.up()
    return made


def told(stack: ProgramStack, *options: str) -> str:
    done = stack.fpga("call-info", "--stack", stack.stack, *options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def in_shell(stack: ProgramStack, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs a script where `fpga` is on PATH and knows the stack, as in an activated shell."""
    env = {**stack.environment, "FPGA_LOCAL": str(stack.engine.local), "PYTHONPATH": str(PROJECT_ROOT)}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    return subprocess.run(
        ["sh", "-eu", "-c", script],
        cwd=stack.folder,
        env=env | variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_json_tells_all_but_the_key(stack: ProgramStack) -> None:
    outputs = stack.outputs(show_secrets=True)
    info = json.loads(told(stack, "--format", "json"))
    (running,) = stack.services()
    assert {
        name: info[name] for name in ("stack", "service", "host", "address", "port", "http_port", "tls")
    } == {
        "stack": stack.stack,
        "service": running.name,
        "host": outputs["fqdn"],
        "address": outputs["ip"],
        "port": outputs["port"],
        "http_port": running.http_port,
        "tls": True,
    }
    assert running.http_port is not None
    assert Path(info["roots_file"]).read_text() == outputs["rootCertificate"]
    (model,) = stack.of_type("Model")
    assert info["model"] == model["outputs"]["name"]
    assert info["key_variable"] == "FPGA_SERVICE_KEY"
    assert info["key_command"] == f"fpga call-info --stack {stack.stack} --format key"


def test_no_form_but_the_one_that_is_asked_for_shows_a_key(stack: ProgramStack) -> None:
    outputs = stack.outputs(show_secrets=True)
    keys = {outputs["primaryKey"], outputs["secondaryKey"]}
    languages = [told(stack, "--language", one) for one in ("python", "go", "node", "java", "csharp", "curl")]
    for text in (told(stack), told(stack, "--format", "json"), *languages):
        assert not any(key in text for key in keys)
        assert "FPGA_SERVICE_KEY" in text
    assert told(stack, "--format", "key") == f"{outputs['primaryKey']}\n"
    assert told(stack, "--format", "key", "--key", "secondary") == f"{outputs['secondaryKey']}\n"


@pytest.mark.parametrize(("key", "output"), [("primary", "primaryKey"), ("secondary", "secondaryKey")])
def test_exports_set_what_the_samples_read(stack: ProgramStack, key: str, output: str) -> None:
    done = in_shell(
        stack,
        f'exports="$(fpga call-info --stack {stack.stack} --key {key})"; eval "$exports"; '
        'python -c "import json, os; print(json.dumps(dict(os.environ)))"',
    )
    assert done.returncode == 0, done.stderr
    variables = json.loads(done.stdout)
    info = json.loads(told(stack, "--format", "json"))
    assert {name: variables[name] for name in info["variables"]} == info["variables"]
    assert variables["FPGA_SERVICE_KEY"] == stack.outputs(show_secrets=True)[output]


def test_the_python_snippet_connects(stack: ProgramStack) -> None:
    snippet = told(stack, "--language", "python")
    call = """
from clients.wire import messages
status = channel.unary_unary(
    "/tensorflow.serving.ModelService/GetModelStatus",
    messages.GetModelStatusRequest.SerializeToString,
    messages.GetModelStatusResponse.FromString,
)
print(status(messages.GetModelStatusRequest(), timeout=30).model_version_status[0].state)
"""
    key = stack.outputs(show_secrets=True)["primaryKey"]
    done = in_shell(stack, f"python - <<'PYTHON'\n{snippet}\n{call}\nPYTHON", FPGA_SERVICE_KEY=key)
    assert (done.returncode, done.stdout) == (0, "30\n"), done.stderr


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_the_curl_snippet_has_a_photo_scored(stack: ProgramStack) -> None:
    snippet = told(stack, "--language", "curl").replace("PHOTO", str(PHOTO))
    key = stack.outputs(show_secrets=True)["primaryKey"]
    done = in_shell(stack, snippet, FPGA_SERVICE_KEY=key)
    assert done.returncode == 0, done.stderr
    (scores,) = json.loads(done.stdout)["predictions"]
    assert scores.index(max(scores)) == 967


def test_another_service_of_the_account_is_told_of(stack: ProgramStack) -> None:
    own = stack.service()
    plain = stack.management.create_service(ServiceRequest("open", own.model_id, None))
    foreign = Authority().issue(["foreign.contoso.test"])
    tls = Tls(foreign.pem.decode(), foreign.key_pem.decode())
    secure = stack.management.create_service(ServiceRequest("foreign", own.model_id, tls))

    def of(name: str) -> dict[str, Any]:
        info: dict[str, Any] = json.loads(told(stack, "--service", name, "--format", "json"))
        return info

    assert (of("open")["address"], of("open")["tls"], of("open")["roots_file"]) == (
        plain.address,
        False,
        None,
    )
    assert told(stack, "--service", "open").splitlines()[-1] == "unset FPGA_SERVICE_KEY"
    refused = stack.fpga("call-info", "--stack", stack.stack, "--service", "open", "--format", "key")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert waits.without(refused.stderr).splitlines()[-1] == (
        "error: SSL is off at open: it asks for no key, and anyone may call it."
    )

    info = of("foreign")
    assert (info["address"], info["host"], info["roots_file"]) == (
        secure.address,
        "foreign.contoso.test",
        None,
    )
    assert "the root of foreign.contoso.test is not the stack's" in info["note"]
    keys = stack.management.keys(secure.id)
    assert keys is not None
    assert told(stack, "--service", "foreign", "--format", "key") == f"{keys.primary}\n"


def test_a_service_that_is_not_there_is_told_with_those_that_are(stack: ProgramStack) -> None:
    done = stack.fpga("call-info", "--stack", stack.stack, "--service", "other")
    assert done.returncode == 1
    assert f"The account of the stack {stack.stack} has no service other that answers: " in done.stderr
    assert stack.service().name in done.stderr


def test_two_forms_at_once_are_refused(stack: ProgramStack) -> None:
    done = stack.fpga("call-info", "--stack", stack.stack, "--language", "go", "--format", "json")
    assert (done.returncode, done.stdout) == (1, "")
    assert "--language prints lines of a program: leave --format out, or --language." in done.stderr
