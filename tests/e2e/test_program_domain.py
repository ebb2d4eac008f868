"""The domain: an internationalized name at the apex of its zone, an alias below it, who may issue."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import dns.message
import dns.query
import pytest

from fpga.prediction_client import PredictionClient
from infra.clients.lookup import look_up
from infra.endpoint_proof import sample_image
from tests.e2e.local_cloud import LocalCloud
from tests.e2e.program_stack import ProgramStack
from tests.integration.infra.recursive_resolver import ForwardingCache, recursive_resolver

ZONE, A_LABELS = "bücher.domain.contoso.test", "xn--bcher-kva.domain.contoso.test"


@pytest.fixture(scope="module")
def resolver(local_cloud: LocalCloud) -> Iterator[tuple[str, ForwardingCache]]:
    with recursive_resolver(local_cloud.name_server, time.monotonic) as running:
        yield running


@pytest.fixture(scope="module")
def stack(make_stack: Callable[..., ProgramStack], resolver: tuple[str, ForwardingCache]) -> ProgramStack:
    stack = make_stack(
        "domain",
        {
            "fpga-web-service:zone": ZONE,
            "fpga-web-service:fqdn": ZONE,
            "fpga-web-service:caaIssuers": '["ca.example", "letsencrypt.org; validationmethods=dns-01"]',
            "fpga-web-service:resolvers": resolver[0],
            "fpga-web-service:recordTtl": "1",
        },
    )
    assert stack.up().complaints == []
    return stack


def records(cloud: LocalCloud, name: str, kind: str) -> list[str]:
    host, _, port = cloud.name_server.rpartition(":")
    response = dns.query.udp(dns.message.make_query(name, kind), host, timeout=5.0, port=int(port))
    return sorted(record.to_text() for rrset in response.answer for record in rrset)


def test_the_apex_of_an_internationalized_zone_is_served(
    stack: ProgramStack, resolver: tuple[str, ForwardingCache]
) -> None:
    outputs = stack.outputs(show_secrets=True)

    assert (outputs["fqdn"], outputs["fqdnUnicode"]) == (A_LABELS, ZONE)
    assert outputs["url"] == f"https://{A_LABELS}:{outputs['port']}"
    assert outputs["zoneNameServers"] == records(stack.cloud, A_LABELS, "NS")
    assert records(stack.cloud, A_LABELS, "CAA") == [
        '0 issue "ca.example"',
        '0 issue "letsencrypt.org; validationmethods=dns-01"',
    ]
    assert f"{A_LABELS}." in resolver[1].asked
    with PredictionClient(
        ZONE,
        int(outputs["port"]),
        use_ssl=True,
        access_token=outputs["primaryKey"],
        root_certificates=outputs["rootCertificate"].encode(),
        name_servers=[resolver[0]],
    ) as client:
        assert client.score_image(sample_image()).size == 1000
    stack.preview("--expect-no-changes")


def test_an_alias_comes_and_goes(stack: ProgramStack) -> None:
    """The A record of the name gives way to a CNAME record and comes back: they cannot be there together."""
    ip = stack.outputs()["ip"]
    stack.configure({"fpga-web-service:fqdn": f"www.{ZONE}"})
    stack.up()
    alias = {"fpga-web-service:canonicalName": f"service-1.{ZONE}"}
    stack.configure(alias)

    added = stack.up()

    assert (added.operations["canonical-record"], added.operations["record"]) == ("create", "replace")
    seen = look_up(f"www.{A_LABELS}", stack.cloud.name_server, 5.0)
    assert (seen.addresses, seen.told) == ((ip,), f"A {ip} by the alias service-1.{A_LABELS}")
    stack.run("config", "rm", "fpga-web-service:canonicalName", "--stack", stack.stack)
    removed = stack.up()
    assert (removed.operations["canonical-record"], removed.operations["record"]) == ("delete", "replace")
    assert look_up(f"www.{A_LABELS}", stack.cloud.name_server, 5.0).told == f"A {ip}"
    assert look_up(f"service-1.{A_LABELS}", stack.cloud.name_server, 5.0).told == "NXDOMAIN"
