"""A service grows and shrinks by a number in the stack's configuration, and callers notice nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import pytest

from clients.azure.model_management import ServiceRequest, Tls
from clients.prediction.client import PredictionClient
from clients.tls import fingerprint, served_certificate
from infra.proof.endpoint import sample_image
from tests.support.callers import Access, Callers
from tests.support.stacks.program_stack import ProgramStack
from tests.support.stacks.pulumi_project import Result

REPLICAS: Final = "fpga-web-service:replicas"
MOST: Final = "fpga-web-service:maxReplicas"
DNS_API_VERSION: Final = "2018-05-01"
DRIFT: Final = 7  # exit code of --expect-no-changes
CALLERS: Final = 4
UNPLACED: Final = "This localcloud places no replicas: "
SERVICE_ALONE: Final = {"service": "update", "endpoint-check": "update"}


@pytest.fixture(scope="module")
def stack(make_stack: Callable[..., ProgramStack]) -> ProgramStack:
    stack = make_stack("replicas", {"fpga-web-service:accountCapacity": "6"}, loaded=True)
    stack.up()
    return stack


def changed(result: Result) -> dict[str, str]:
    return {
        name: operation
        for name, operation in result.operations.items()
        if operation != "same" and not name.startswith("default")
    }


def nothing_to_do(stack: ProgramStack) -> None:
    """What the cloud tells is what the stack declares."""
    seen = stack.preview("--refresh", "--expect-no-changes")
    assert changed(seen) == {}
    assert seen.complaints == []


def stands(stack: ProgramStack) -> dict[str, Any]:
    """All that callers rely on: address, keys, the record's ETag, the certificate that is served."""
    service = stack.service()
    zone = f"{stack.cloud.group_id(stack.group)}/providers/Microsoft.Network/dnsZones/replicas.contoso.test"
    record = stack.cloud.client.manage("GET", f"{zone}/A/www", DNS_API_VERSION)
    served = served_certificate(service.address, service.port)
    assert served is not None
    return {
        "service": (service.id, service.address, service.port),
        "keys": stack.management.keys(service.id),
        "record": record["etag"],
        "certificate": fingerprint(served),
        "outputs": stack.outputs(show_secrets=True),
    }


def number(stack: ProgramStack) -> tuple[int, int | None]:
    service = stack.service()
    return service.replicas, service.most_replicas


def inputs(stack: ProgramStack) -> dict[str, Any]:
    """The inputs of the service, as the state has them."""
    (service,) = stack.of_type("Service")
    found: dict[str, Any] = service["inputs"]
    return found


def scaled_by_others(stack: ProgramStack, replicas: int, most: int | None = None) -> None:
    """Has somebody change the number alone, through the API."""
    (state,) = [
        one
        for one in json.loads(stack.run("stack", "export", "--show-secrets", "--stack", stack.stack).stdout)[
            "deployment"
        ]["resources"]
        if one["type"].endswith(":Service")
    ]
    key = json.loads(state["outputs"]["ssl_key"]["plaintext"])
    tls = Tls(state["inputs"]["ssl_certificate"], key)
    service = stack.service()
    request = ServiceRequest(service.name, service.model_id, tls, replicas, most)
    stack.management.update_service(service.id, request)


def test_one_replica_is_what_a_service_without_the_setting_has(stack: ProgramStack) -> None:
    assert number(stack) == (1, None)
    assert not {"replicas", "max_replicas"} & inputs(stack).keys(), "states of before have none"
    stack.configure({REPLICAS: "1"})
    nothing_to_do(stack)


def test_another_number_changes_the_service_alone_under_load(stack: ProgramStack) -> None:
    before = stands(stack)
    outputs = before["outputs"]

    def connect(access: Access) -> PredictionClient:
        return PredictionClient(
            stack.fqdn,
            50051,
            use_ssl=access.ssl,
            access_token=access.key,
            root_certificates=outputs["rootCertificate"].encode(),
            name_servers=[stack.cloud.name_server],
        )

    with Callers(CALLERS, connect, Access(outputs["primaryKey"]), sample_image()) as callers:
        for configured, expected in (
            ({REPLICAS: "3"}, (3, None)),
            ({REPLICAS: "2", MOST: "5"}, (2, 5)),
            ({REPLICAS: "1", MOST: ""}, (1, None)),
        ):
            stack.configure(configured)
            assert changed(stack.preview()) == SERVICE_ALONE
            up = stack.up()
            assert changed(up) == SERVICE_ALONE
            assert number(stack) == expected
            assert [UNPLACED in one for one in up.complaints] == [True] * (expected != (1, None))
            callers.let_each_call()
    assert [call.error for call in callers.failures()] == []
    assert len(callers.calls) > CALLERS
    assert stands(stack) == before
    nothing_to_do(stack)


@pytest.mark.parametrize(("replicas", "most"), [(3, None), (1, 4)])
def test_a_number_that_others_changed_is_seen_and_put_right(
    stack: ProgramStack, replicas: int, most: int | None
) -> None:
    scaled_by_others(stack, replicas, most)

    seen = stack.preview("--refresh", "--expect-no-changes", "--diff", code=DRIFT)
    assert changed(seen) == SERVICE_ALONE
    stack.refresh()
    assert {key: value for key, value in inputs(stack).items() if "replicas" in key} == (
        {"replicas": 3} if most is None else {"max_replicas": 4}
    )
    assert changed(stack.up()) == SERVICE_ALONE
    assert number(stack) == (1, None)
    nothing_to_do(stack)


def test_more_than_the_account_holds_is_refused_at_the_preview(stack: ProgramStack) -> None:
    stack.configure({REPLICAS: "7"})
    refused = stack.preview(code=None)
    assert refused.code != 0
    assert (
        "fpga-web-service:replicas is 7, and accountCapacity is 6, an FPGA for each replica: "
        "`pulumi config set fpga-web-service:accountCapacity 7`, or lower it"
    ) in " ".join(refused.text.split())
    stack.configure({REPLICAS: "1"})


def test_the_account_grows_first(stack: ProgramStack) -> None:
    """Capacity and number in one update, up and down again."""
    stack.configure({REPLICAS: "8", "fpga-web-service:accountCapacity": "8"})
    grown = {"account": "update", **SERVICE_ALONE}
    assert changed(stack.up()) == grown
    assert number(stack) == (8, None)
    stack.configure({REPLICAS: "1", "fpga-web-service:accountCapacity": "1"})
    assert changed(stack.up()) == grown
    assert number(stack) == (1, None)
    stack.destroy()


def test_replicas_move_from_one_service_to_another_in_one_update(
    make_stack: Callable[..., ProgramStack],
) -> None:
    """Whichever of both is asked for first: what the one gives back the other waits for."""

    def numbers(cats: int, dogs: int) -> dict[str, Any]:
        items = [
            {"name": name, "fqdn": f"{name}.moving.contoso.test", "sslEnabled": False, "replicas": count}
            for name, count in (("cats", cats), ("dogs", dogs))
        ]
        return {"fpga-web-service:services": items}

    stack = make_stack("moving", {"fpga-web-service:accountCapacity": "4", **numbers(3, 1)}, loaded=True)
    stack.up()
    for cats, dogs in ((1, 3), (3, 1)):
        stack.configure(numbers(cats, dogs))
        assert changed(stack.up()) == {
            f"{name}-{what}": "update" for name in ("cats", "dogs") for what in SERVICE_ALONE
        }
        assert sorted((one.name[:4], one.replicas) for one in stack.management.services()) == [
            ("cats", cats),
            ("dogs", dogs),
        ]
    stack.destroy()
