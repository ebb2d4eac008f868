"""The services of a stack: by name in its outputs, in its settings and in its state."""

from __future__ import annotations

import json
from typing import Any

import pytest
import typer

from fpga.predict.endpoint import Endpoint
from fpga.predict.services import chosen, named
from fpga.stacks.service_items import SERVICES, items
from fpga.stacks.service_resources import model_of, of_service
from infra import catalogue
from tests.unit.fpga.test_endpoint_outputs import OUTPUTS

OWN = ("fqdn", "ip", "port", "sslEnabled", "certificateFingerprint", "certificateExpiry", "rootCertificate")
KEYS = ("primaryKey", "secondaryKey")


def several(*names: str) -> dict[str, Any]:
    """Outputs of a stack with services of these names."""
    shared = {key: value for key, value in OUTPUTS.items() if key not in (*OWN, *KEYS)}
    each = {
        name: {key: OUTPUTS[key] for key in OWN} | {"fqdn": f"{name}.contoso.test", "ip": f"127.0.0.{number}"}
        for number, name in enumerate(names, start=1)
    }
    keys = {name: {"primaryKey": f"{name}-1", "secondaryKey": f"{name}-2"} for name in names}
    flat = OUTPUTS | each[names[0]] if len(names) == 1 else {}
    return {**shared, **flat, "services": each, "serviceKeys": keys}


def refused(outputs: dict[str, Any], service: str | None) -> str:
    with pytest.raises(typer.BadParameter) as caught:
        chosen("dev", outputs, service)
    assert caught.value.exit_code == 2
    assert caught.value.param_hint == "--service"
    return str(caught.value)


def test_the_only_service_is_meant_where_none_is_named() -> None:
    assert chosen("dev", OUTPUTS, None) == ("", OUTPUTS)
    name, told = chosen("dev", several("cats"), None)
    assert (name, told["fqdn"], told["primaryKey"]) == ("cats", "cats.contoso.test", "cats-1")


def test_a_service_is_called_by_its_name() -> None:
    name, told = chosen("dev", several("dogs", "cats"), "cats")
    endpoint = Endpoint.from_outputs("dev", told)
    assert (name, endpoint.fqdn, endpoint.ip) == ("cats", "cats.contoso.test", "127.0.0.2")
    assert (endpoint.primary_key, endpoint.secondary_key) == ("cats-1", "cats-2")
    assert (endpoint.account, endpoint.name_servers) == ("models", ("127.0.0.1:53",))


def test_several_services_are_a_list_to_choose_from() -> None:
    assert refused(several("dogs", "cats-big"), None) == (
        "the stack dev has 2 services; name one of them:\n"
        "  cats-big  cats-big.contoso.test\n"
        "  dogs      dogs.contoso.test"
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [("cat", ": did you mean cats?"), ("Dogs.contoso.test", ": did you mean dogs?"), ("parrots", ".")],
)
def test_a_service_that_is_not_there_is_told_with_those_that_are(written: str, meant: str) -> None:
    said = refused(several("dogs", "cats"), written)
    assert said.startswith(
        f"the stack dev has no service '{written}'{meant} It has:\n  cats  cats.contoso.test"
    )


def test_a_stack_without_a_list_has_no_names() -> None:
    said = refused(dict(OUTPUTS), "cats")
    assert said.startswith("the stack dev has one service, xn--bcher-kva.test, and no list of them: leave")
    assert "not deployed yet" in refused({}, "cats")
    assert named(OUTPUTS) == {}


def test_a_name_in_another_script_is_each_service_s_own() -> None:
    outputs = several("cats", "dogs")
    outputs["services"]["cats"]["fqdnUnicode"] = "kätzchen.test"
    told = named(outputs)
    assert [Endpoint.from_outputs("dev", told[name]).fqdn_unicode for name in told] == ["kätzchen.test", ""]


def test_items_of_the_settings_come_before_the_settings_at_the_top() -> None:
    values = {
        SERVICES: json.dumps(
            [
                {"name": "cats", "certificateGeneration": 2, "sslEnabled": True},
                {"fqdn": "x"},
                1,
                {"name": "dogs"},
            ]
        ),
        "fpga-web-service:certificateGeneration": "5",
        "fpga-web-service:certificateSource": "acme",
    }
    cats, dogs = items(values)
    assert (cats.name, cats.index, dogs.name, dogs.index) == ("cats", 0, "dogs", 3)
    assert dogs.path("certificateGeneration") == "fpga-web-service:services[3].certificateGeneration"
    assert cats.settings(values)["fpga-web-service:certificateGeneration"] == "2"
    assert cats.settings(values)["fpga-web-service:sslEnabled"] == "true"
    assert dogs.settings(values)["fpga-web-service:certificateGeneration"] == "5"
    assert dogs.settings(values)["fpga-web-service:certificateSource"] == "acme"


@pytest.mark.parametrize("written", ["", "no JSON", "{}", '"x"', "[[]]"])
def test_what_is_no_list_of_services_has_no_items(written: str) -> None:
    assert items({SERVICES: written}) == ()
    assert items({}) == ()


def test_resources_of_a_state_are_found_by_service() -> None:
    def one(kind: str, name: str, inside: str = "", **rest: object) -> dict[str, Any]:
        return {"urn": f"urn:pulumi:dev::p::{kind}::{name}", "type": kind, "parent": inside, **rest}

    cats, flat = (
        f"urn:pulumi:dev::p::fpga:index:ScoringEndpoint::{name}" for name in ("cats", "scoring-endpoint")
    )
    service, model = catalogue.SERVICE.token, catalogue.MODEL.token
    state = [
        one("fpga:index:ScoringEndpoint", "cats"),
        one(service, "cats-service", cats, inputs={"model_id": "m2"}),
        one(model, "model-1", id="m1"),
        one(model, "model-2", id="m2"),
        one(catalogue.CERTIFICATE.token, "cats-certificate", "urn:pulumi:dev::p::x:y:Z::self-signed"),
        one(service, "service", flat, inputs={"model_id": "m1"}),
    ]
    assert [one["urn"].rpartition("::")[2] for one in of_service(state, "cats")] == [
        "cats", "cats-service", "cats-certificate"
    ]  # fmt: skip
    ids = [
        model and model["id"]
        for model in (model_of(state, "cats"), model_of(state, ""), model_of(state, "x"))
    ]
    assert ids == ["m2", "m1", None]
