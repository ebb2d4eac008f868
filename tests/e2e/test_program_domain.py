"""The domain: an internationalized name at the apex of its zone, a wildcard and an alias below it, CAA."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator

import dns.message
import dns.query
import dns.rrset
import pytest

from certs.sources.self_signed import issue, new_authority
from clients.dns.server import look_up
from clients.prediction.client import PredictionClient
from infra.proof.endpoint import sample_image
from tests.support.servers.name_server import name_server
from tests.support.servers.recursive_resolver import ForwardingCache, recursive_resolver
from tests.support.stacks.local_cloud import LocalCloud
from tests.support.stacks.program_stack import ProgramStack
from tests.support.stacks.pulumi_project import Result

ZONE, A_LABELS = "bücher.domain.contoso.test", "xn--bcher-kva.domain.contoso.test"


@pytest.fixture(scope="module")
def resolver(local_cloud: LocalCloud) -> Iterator[tuple[str, ForwardingCache]]:
    """Its first answer is one of before: it is to be kept for three seconds."""
    host, _, port = local_cloud.name_server.rpartition(":")
    asked: list[str] = []

    def reply(query: dns.message.Message) -> dns.message.Message:
        asked.append(query.question[0].name.to_text())
        if len(asked) > 1:
            return dns.query.udp(query, host, timeout=5.0, port=int(port))
        response = dns.message.make_response(query)
        response.answer.append(dns.rrset.from_text(asked[0], 3, "IN", "A", "192.0.2.1"))
        return response

    with name_server(reply) as behind, recursive_resolver(behind, time.monotonic) as running:
        yield running


@pytest.fixture(scope="module")
def created(
    make_stack: Callable[..., ProgramStack], resolver: tuple[str, ForwardingCache]
) -> tuple[ProgramStack, Result]:
    stack = make_stack(
        "domain",
        {
            "fpga-web-service:zone": ZONE,
            "fpga-web-service:fqdn": ZONE,
            "fpga-web-service:caaIssuers": '["ca.example", "letsencrypt.org; validationmethods=dns-01"]',
            "fpga-web-service:resolvers": resolver[0],
            "fpga-web-service:recordTtl": "1",
        },
        loaded=True,
    )
    return stack, stack.up()


@pytest.fixture(scope="module")
def stack(created: tuple[ProgramStack, Result]) -> ProgramStack:
    return created[0]


def records(cloud: LocalCloud, name: str, kind: str) -> list[str]:
    host, _, port = cloud.name_server.rpartition(":")
    response = dns.query.udp(dns.message.make_query(name, kind), host, timeout=5.0, port=int(port))
    return sorted(record.to_text() for rrset in response.answer for record in rrset)


def test_the_apex_of_an_internationalized_zone_is_served(
    created: tuple[ProgramStack, Result], resolver: tuple[str, ForwardingCache]
) -> None:
    stack, result = created
    outputs = stack.outputs(show_secrets=True)

    assert (outputs["fqdn"], outputs["fqdnUnicode"]) == (A_LABELS, ZONE)
    assert outputs["url"] == f"grpcs://{A_LABELS}:{outputs['port']}"
    assert outputs["zoneNameServers"] == records(stack.cloud, A_LABELS, "NS")
    assert records(stack.cloud, A_LABELS, "CAA") == [
        '0 issue "ca.example"',
        '0 issue "letsencrypt.org; validationmethods=dns-01"',
    ]
    assert resolver[1].asked[:2] == [f"{A_LABELS}."] * 2
    assert result.complaints == []
    progress = (
        f"Waiting for the resolver {resolver[0]} to give {outputs['ip']} for {A_LABELS}; seen: A 192.0.2.1"
    )
    assert progress in result.text
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


def test_a_wildcard_certificate_serves_a_name_below_the_apex_and_no_other(
    stack: ProgramStack, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("wildcard")
    now = dt.datetime.now(dt.UTC)
    authority = new_authority("A private authority", now)
    bundle = issue(authority, [f"*.{A_LABELS}"], now)
    files = {"certificateFile": bundle.certificate_pem, "keyFile": bundle.key_pem}
    files["rootsFile"] = authority.certificate_pem
    for key, pem in files.items():
        (folder / key).write_text(pem)
        (folder / key).chmod(0o600)
    stack.configure({f"fpga-web-service:{key}": str(folder / key) for key in files})
    stack.configure({"fpga-web-service:certificateSource": "files"})

    refused = stack.preview(code=None)

    (message,) = refused.diagnostics["error"]
    assert "A wildcard does not cover the domain itself." in message
    stack.configure({"fpga-web-service:fqdn": f"www.{ZONE}"})
    assert stack.up().operations["record"] == "replace"
    outputs = stack.outputs()
    assert outputs["fqdnUnicode"] == f"www.{ZONE}"
    assert outputs["certificateFingerprint"] == bundle.fingerprint_sha256
    assert records(stack.cloud, A_LABELS, "A") == []


def test_an_alias_comes_and_goes(stack: ProgramStack) -> None:
    """The A record of the name gives way to a CNAME record and comes back: they cannot be there together."""
    ip = stack.outputs()["ip"]
    alias = {"fpga-web-service:canonicalName": f"service-1.{ZONE}"}
    stack.configure(alias)

    added = stack.up()

    assert (added.operations["canonical-record"], added.operations["record"]) == ("create", "replace")
    seen = look_up(f"www.{A_LABELS}", stack.cloud.name_server, 5.0)
    assert (seen.values, seen.told) == ((ip,), f"A {ip} by the alias service-1.{A_LABELS}")
    stack.run("config", "rm", "fpga-web-service:canonicalName", "--stack", stack.stack)
    removed = stack.up()
    assert (removed.operations["canonical-record"], removed.operations["record"]) == ("delete", "replace")
    assert look_up(f"www.{A_LABELS}", stack.cloud.name_server, 5.0).told == f"A {ip}"
    assert look_up(f"service-1.{A_LABELS}", stack.cloud.name_server, 5.0).told == "NXDOMAIN"
