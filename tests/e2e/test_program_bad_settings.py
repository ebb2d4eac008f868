"""Settings that cannot be: `up` ends with one clear message and has changed nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.stacks.program_stack import ProgramStack

BAD = {
    "a region without FPGAs": ({"location": "westeurope"}, ["fpga-web-service:location", "eastus2 only"]),
    "a tier without FPGAs": ({"accountSku": "DevTest"}, ["fpga-web-service:accountSku", "S1 is enough"]),
    "an FQDN of another zone": (
        {"fqdn": "www.fabrikam.test"},
        ["fpga-web-service:fqdn", "not under its zone"],
    ),
    "a package that is none": (
        {"modelPackage": "docs"},
        ["fpga-web-service:modelPackage", "service_def.json"],
    ),
    "four at once": (
        {"accountSku": "P9", "accountCapacity": "17", "resourceGroup": "rg.", "acount": "x"},
        [
            "4 problems",
            "choose one of S1, S2, S3",
            "from 1 to 16",
            "does not end with '.'",
            "did you mean account?",
        ],
    ),
}


@pytest.fixture(scope="module")
def stack(make_stack: Callable[..., ProgramStack]) -> ProgramStack:
    return make_stack("settings", loaded=True)


@pytest.mark.parametrize(("settings", "words"), BAD.values(), ids=BAD.keys())
def test_up_is_refused(stack: ProgramStack, settings: dict[str, str], words: list[str]) -> None:
    original = (stack.folder / f"Pulumi.{stack.stack}.yaml").read_text()
    stack.configure({f"fpga-web-service:{key}": value for key, value in settings.items()})

    refused = stack.up(code=None)

    (stack.folder / f"Pulumi.{stack.stack}.yaml").write_text(original)
    assert refused.code not in (0, None)
    (message,) = refused.diagnostics["error"]
    assert [word for word in words if word not in message] == []
    assert refused.diagnostics.get("info#err", []) == []
    assert "Traceback" not in refused.text
    assert [one for one in stack.resources() if one["type"] != "pulumi:pulumi:Stack"] == []
    assert stack.group not in stack.cloud.groups()


def test_a_wrong_client_secret_is_told_without_telling_it(stack: ProgramStack) -> None:
    stack.set_secret("azure-native:clientSecret", "not-the-s3cret")

    refused = stack.up(code=None)

    assert refused.code not in (0, None)
    assert "AADSTS7000215" in refused.text
    assert "not-the-s3cret" not in refused.text
    assert "Traceback" not in refused.text
    assert stack.group not in stack.cloud.groups()
