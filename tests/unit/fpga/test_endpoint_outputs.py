"""A stack's outputs as the command reads them."""

from __future__ import annotations

import pytest

from fpga.errors import CommandError
from fpga.predict.endpoint import Endpoint

OUTPUTS = {
    "account": "models",
    "resourceGroup": "group",
    "subscriptionId": "11111111-2222-3333-4444-555555555555",
    "location": "eastus2",
    "fqdn": "xn--bcher-kva.test",
    "ip": "127.0.0.1",
    "port": 50051.0,
    "sslEnabled": True,
    "nameServers": ["127.0.0.1:53"],
    "certificateFingerprint": "AA:BB",
    "certificateExpiry": "2030-01-01T00:00:00+00:00",
    "rootCertificate": "",
    "primaryKey": "p",
    "secondaryKey": "s",
}


def test_a_name_in_another_script_is_shown_in_both_forms() -> None:
    plain = Endpoint.from_outputs("dev", OUTPUTS)
    both = Endpoint.from_outputs("dev", OUTPUTS | {"fqdnUnicode": "bücher.test"})

    assert plain.shown_name == "xn--bcher-kva.test"
    assert both.shown_name == "bücher.test (xn--bcher-kva.test)"
    assert both.fqdn == "xn--bcher-kva.test"


def test_a_stack_without_outputs_is_not_deployed() -> None:
    with pytest.raises(CommandError, match="The stack dev has no output 'fqdn': it is not deployed yet"):
        Endpoint.from_outputs("dev", {key: OUTPUTS[key] for key in OUTPUTS if key != "fqdn"})
