"""What a process without token and key gets of localcloud, at each route of each listener."""

from __future__ import annotations

import re
from collections.abc import Iterator

import dns.message
import dns.query
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import pytest
import requests

from localcloud import server
from localcloud.http.frame import Frame
from localcloud.server import Cloud
from localcloud.status import Status
from tests.support.localcloud import parts
from tests.support.localcloud.arm_caller import ArmCaller

METHODS = ("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND")
PUBLIC = {
    "/health",
    "/metadata/endpoints",
    "/{tenant}/v2.0/.well-known/openid-configuration",
    "/{tenant}/.well-known/openid-configuration",
    "/{tenant}/discovery/v2.0/keys",
    "/{tenant}/discovery/keys",
    "/{tenant}/oauth2/v2.0/token",
    "/{tenant}/oauth2/token",
    # a code for a program, which somebody with a secret has to allow
    "/{tenant}/oauth2/v2.0/devicecode",
    "/{tenant}/oauth2/devicecode",
    "/devicelogin",
}
ZONE = "rg/providers/Microsoft.Network/dnsZones/contoso.com"


class Opened:
    """A localcloud that has a zone and a storage account, and the frame of its routes."""

    def __init__(self, status: Status, frame: Frame) -> None:
        self.status, self.frame = status, frame
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = str(status.ca)

    def ask(self, method: str, url: str, **headers: str) -> requests.Response:
        return self.session.request(method, url, headers=headers, timeout=20, allow_redirects=False)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    frames: list[Frame] = []

    def framed(**named: object) -> Frame:
        frames.append(Frame(**named))  # type: ignore[arg-type]
        return frames[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "Frame", framed)
        with Cloud(parts.settings(tmp_path_factory.mktemp("open") / "data")) as cloud:
            caller = ArmCaller(cloud)
            groups = f"{caller.subscription}/resourceGroups"
            assert caller("PUT", f"{groups}/rg", {"location": "eastus2"}).ok
            assert caller("PUT", f"{groups}/{ZONE}", {"location": "global"}, version="2018-05-01").ok
            record = {"properties": {"TTL": 60, "ARecords": [{"ipv4Address": "203.0.113.7"}]}}
            assert caller("PUT", f"{groups}/{ZONE}/A/www", record, version="2018-05-01").ok
            storage = f"{groups}/rg/providers/Microsoft.Storage/storageAccounts/opentoanybody"
            body = {"location": "eastus2", "sku": {"name": "Standard_LRS"}, "kind": "StorageV2"}
            assert caller("PUT", storage, body, version="2024-01-01").ok
            container = f"{storage}/blobServices/default/containers/closed"
            assert caller("PUT", container, {}, version="2024-01-01").ok
            caller.close()
            found = Opened(cloud.status(), frames[0])
            yield found
            found.session.close()


def test_every_route_but_sign_in_and_health_needs_a_token(opened: Opened) -> None:
    assert {route.path for route in opened.frame._public} == PUBLIC
    base = str(opened.status.https)
    subscription = str(opened.status.subscription)
    assert len(opened.frame._routes) > 20
    for route in opened.frame._routes:
        path = re.sub(r"\{subscription\w*\}", subscription, route.path)
        path = re.sub(r"\{[^}]+\}", "x", path)
        asked: list[tuple[str, dict[str, str]]] = [(method, {}) for method in METHODS]
        asked += [("GET", {"Authorization": "Bearer x"}), ("GET", {"Authorization": "Basic eDp5"})]
        for method, headers in asked:
            answer = opened.ask(method, f"{base}{path}?api-version=2024-03-01", **headers)
            assert answer.status_code == 401, f"{method} {path}: {answer.status_code} {answer.text}"
            assert method == "HEAD" or set(answer.json()) == {"error"}


def test_every_page_leads_who_has_no_session_to_sign_in(opened: Opened) -> None:
    base = str(opened.status.https)
    assert len(opened.frame._pages) > 10
    for route in opened.frame._pages:
        path = re.sub(r"\{[^}]+\}", "x", route.path)
        if path == "/portal/sign-in" or path.startswith("/portal/static/"):
            continue
        method = "POST" if "POST" in (route.methods or ()) else "GET"
        answer = opened.ask(method, f"{base}{path}", Origin=base)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/portal/sign-in"), path
        assert answer.content == b""


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/openapi.json", "/metrics", "/favicon.ico", "/%2e%2e/", "/health/x"]
)
def test_what_there_is_not_is_not_told_either(opened: Opened, path: str) -> None:
    for method in METHODS:
        assert opened.ask(method, f"{opened.status.https}{path}").status_code == 401


def test_the_public_routes_tell_no_more_than_signing_in_takes(opened: Opened) -> None:
    base, tenant = str(opened.status.https), str(opened.status.tenant)
    hidden = (str(opened.status.subscription), str(opened.status.client_id), str(opened.status.ca.parent))
    for route in sorted(PUBLIC):
        url = f"{base}{route.replace('{tenant}', tenant)}?api-version=2022-09-01"
        for method in METHODS:
            answer = opened.ask(method, url)
            assert answer.status_code in (200, 400, 405), (method, route, answer.text)
            assert not [one for one in hidden if one in answer.text], (method, route)
    told = opened.ask("GET", f"{base}/health").json()
    assert set(told) == {"alive", "version"}
    refused = opened.ask("GET", f"{base}/health", Authorization="Bearer x")
    assert (refused.status_code, set(refused.json())) == (401, {"error"})


def test_the_blob_service_needs_a_key_or_a_signature(opened: Opened) -> None:
    blob = str(opened.status.blob)
    for path in (
        "/",
        "/?comp=list",
        "/opentoanybody",
        "/opentoanybody?comp=list",
        "/opentoanybody?restype=service&comp=properties",
        "/opentoanybody?restype=account&comp=properties",
        "/opentoanybody/closed?restype=container&comp=list",
        "/opentoanybody/closed/blob",
        "/devstoreaccount1?comp=list",
        "/.well-known",
    ):
        for method in ("GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"):
            answer = opened.ask(method, f"{blob}{path}", **{"x-ms-version": "2021-10-04"})
            assert answer.status_code in (400, 403, 404), (
                f"{method} {path}: {answer.status_code} {answer.text}"
            )
            assert "closed</Name>" not in answer.text


@pytest.mark.parametrize(
    ("name", "kind", "group", "code"),
    [
        ("contoso.com", "AXFR", "IN", dns.rcode.REFUSED),
        ("contoso.com", "IXFR", "IN", dns.rcode.REFUSED),
        ("version.bind", "TXT", "CH", dns.rcode.REFUSED),
        ("hostname.bind", "TXT", "CH", dns.rcode.REFUSED),
        ("id.server", "TXT", "CH", dns.rcode.REFUSED),
        ("contoso.com", "ANY", "CH", dns.rcode.REFUSED),
        ("contoso.com", "MAILB", "IN", dns.rcode.NOTIMP),
        ("other.test", "ANY", "IN", dns.rcode.REFUSED),
        (".", "NS", "IN", dns.rcode.REFUSED),
    ],
)
def test_the_name_server_answers_names_and_gives_no_lists(
    opened: Opened, name: str, kind: str, group: str, code: dns.rcode.Rcode
) -> None:
    host, _, port = str(opened.status.dns).rpartition(":")
    query = dns.message.make_query(name, kind, group)
    for ask in (dns.query.udp, dns.query.tcp):
        answer = ask(query, host, port=int(port), timeout=10)
        assert answer.rcode() == code
        assert not answer.answer
        assert not answer.authority


def test_any_is_answered_with_one_kind_of_one_name(opened: Opened) -> None:
    host, _, port = str(opened.status.dns).rpartition(":")
    for ask in (dns.query.udp, dns.query.tcp):
        answer = ask(dns.message.make_query("contoso.com", "ANY"), host, port=int(port), timeout=10)
        assert [rrset.name.to_text() for rrset in answer.answer] == ["contoso.com."]
        assert len(answer.to_wire()) < 512


def test_a_name_server_changes_nothing_for_a_client(opened: Opened) -> None:
    host, _, port = str(opened.status.dns).rpartition(":")
    for opcode in (dns.opcode.UPDATE, dns.opcode.NOTIFY, dns.opcode.STATUS, dns.opcode.IQUERY):
        query = dns.message.make_query("contoso.com", "SOA")
        query.set_opcode(opcode)
        assert dns.query.udp(query, host, port=int(port), timeout=10).rcode() == dns.rcode.NOTIMP
