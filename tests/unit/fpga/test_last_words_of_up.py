"""The last words of `fpga up`: what is shared once, and each service."""

from __future__ import annotations

import pytest

from fpga.commands.up import _summary
from fpga.predict.endpoint import Endpoint
from fpga.predict.services import named
from tests.unit.fpga.test_endpoint_outputs import OUTPUTS
from tests.unit.fpga.test_stack_services import several


def test_one_service_is_told_in_one_table(capsys: pytest.CaptureFixture[str]) -> None:
    _summary({"": Endpoint.from_outputs("local", OUTPUTS)})
    assert [line[:20].strip() for line in capsys.readouterr().out.splitlines()] == [
        "",
        "Account name",
        "Resource group",
        "Subscription id",
        "Location",
        "FQDN",
        "IP address",
        "Port",
        "Certificate SHA-256",
        "Certificate expires",
    ]


def test_several_services_are_told_each_below_what_they_share(capsys: pytest.CaptureFixture[str]) -> None:
    outputs = several("cats", "dogs")
    outputs["services"]["dogs"]["sslEnabled"] = False
    _summary({name: Endpoint.from_outputs("local", told) for name, told in named(outputs).items()})
    shared, cats, dogs = capsys.readouterr().out.strip().split("\n\n")
    assert shared.splitlines()[-1] == "Location             eastus2"
    assert cats.splitlines()[:3] == [
        "Service              cats",
        "FQDN                 cats.contoso.test",
        "IP address           127.0.0.1",
    ]
    assert dogs.splitlines()[0] == "Service              dogs"
    assert dogs.splitlines()[-1].endswith("off: anyone who reaches the service may call it")
