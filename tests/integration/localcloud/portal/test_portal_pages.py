"""The pages of localcloud over real HTTPS: each who has signed in sees what the API would tell it."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from localcloud.access import administration, audit
from localcloud.access.principals import FederatedCredential
from localcloud.access.roles import CONTRIBUTOR, KEYS_READER, READER, Role
from localcloud.server import Cloud
from tests.support.certificates.authority import Authority
from tests.support.localcloud import data_plane
from tests.support.localcloud.arm_caller import ArmCaller
from tests.support.localcloud.data_plane import DataPlane
from tests.support.localcloud.member import Member
from tests.support.localcloud.portal_visitor import PAGE, Visitor
from tests.support.localcloud.scoring_parts import (
    PHOTO,
    SERVER_NAME,
    brainwave,
    constant_classifier,
    definition,
    onnx_stage,
    package,
)


@pytest.fixture
def owner(running: Cloud) -> Iterator[Visitor]:
    with closing(ArmCaller(running)) as caller, closing(Visitor(caller)) as found:
        assert found.sign_in().status_code == 303
        yield found


@contextmanager
def visiting(cloud: Cloud, *roles: Role, scope: str | None = None) -> Iterator[Visitor]:
    """Signed in as a principal with these roles."""
    with closing(Member(cloud, *roles, scope=scope)) as member, closing(Visitor(member)) as found:
        assert found.sign_in().status_code == 303
        yield found


def audited(cloud: Cloud) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (cloud.settings.data / audit.FILE).read_text().splitlines()]


def page_of(service: dict[str, Any]) -> str:
    return f"{PAGE}/services/{service['id']}"


def test_the_values_of_the_documents_portal_step_stand_there_to_be_copied(
    owner: Visitor, plane: DataPlane, service: dict[str, Any]
) -> None:
    shown = owner.get().text
    for value in ("fpga-models", "group", str(plane.subscription), "eastus2"):
        assert f'data-copy="{value}"' in shown
    assert f"{service['ipAddress']}:{service['port']}" in shown
    assert page_of(service) in shown


def test_a_service_shows_its_certificates_up_to_the_root(owner: Visitor, service: dict[str, Any]) -> None:
    shown = owner.get(page_of(service))
    assert shown.status_code == 200
    assert "Succeeded" in shown.text
    # the leaf of thirty days, and the root, which is not sent
    assert "29 days left" in shown.text
    assert "CN=test root" in shown.text
    assert SERVER_NAME in shown.text


def test_who_has_no_role_there_sees_nothing_of_it(
    running: Cloud, plane: DataPlane, service: dict[str, Any]
) -> None:
    other = plane.account_id.replace("fpga-models", "other-models")
    body = {"location": "eastus2", "sku": {"name": "S1", "capacity": 1}}
    plane.arm("PUT", other, body)
    try:
        with visiting(running, READER, scope=other) as visitor:
            shown = visitor.get().text
            assert "other-models" in shown
            assert "fpga-models" not in shown
            hidden = visitor.get(page_of(service))
            missing = visitor.get(f"{PAGE}/services/00000000-0000-0000-0000-000000000000")
            assert hidden.status_code == missing.status_code == 404
            assert "fpga-service" not in hidden.text
    finally:
        plane.arm("DELETE", other)


KEYS_READ = "Microsoft.MachineLearningModelManagement/accounts/services/keys/read"
HOSTILE = "<img src=x onerror=alert(1)>\"'&"


def photo(content: bytes | None = None, name: str = "photo") -> dict[str, tuple[str, bytes, str]]:
    return {name: ("espresso.jpg", PHOTO.read_bytes() if content is None else content, "image/jpeg")}


def labels(text: str) -> list[str]:
    found = re.findall(r"<li><bdi>(.*?)</bdi> <span>", text)
    return [html.unescape(one) for one in found]


def test_keys_stand_nowhere_until_somebody_asks_and_that_is_noted(
    running: Cloud, owner: Visitor, plane: DataPlane, service: dict[str, Any]
) -> None:
    keys = plane.keys(service["id"])
    for path in (PAGE, page_of(service)):
        assert not any(html.escape(key) in owner.get(path).text for key in keys)
    before = len(audited(running))
    shown = owner.send(f"{page_of(service)}/keys")
    assert shown.status_code == 200
    assert all(f'data-copy="{html.escape(key)}"' in shown.text for key in keys)
    lines = [line for line in audited(running)[before:] if line["action"] == KEYS_READ]
    assert [line["status"] for line in lines] == [None, 200]
    assert {line["principal"] for line in lines} == {"owner"}
    assert lines[0]["scope"].endswith(f"/services/{service['id']}")
    assert lines[0]["client_id"] == running.status().client_id
    # to ask for the page is not to ask for them
    assert owner.get(f"{page_of(service)}/keys").status_code in (404, 405)


def test_a_reader_is_offered_neither_keys_nor_calls_and_gets_none(
    running: Cloud, plane: DataPlane, service: dict[str, Any]
) -> None:
    keys = plane.keys(service["id"])
    with visiting(running, READER) as reader:
        shown = reader.get(page_of(service)).text
        assert "fpga-service" in shown
        assert "Show the keys" not in shown
        assert 'type="file"' not in shown
        for path, files in (("keys", None), ("photo", photo())):
            before = len(audited(running))
            refused = reader.send(f"{page_of(service)}/{path}", files=files)
            assert refused.status_code == 403
            assert "AuthorizationFailed" in refused.text
            assert not any(html.escape(key) in refused.text for key in keys)
            assert labels(refused.text) == []
            lines = [line for line in audited(running)[before:] if line["action"] == KEYS_READ]
            assert lines
            assert {line["status"] for line in lines} == {403}


def test_a_keys_reader_beside_sees_them(running: Cloud, plane: DataPlane, service: dict[str, Any]) -> None:
    with visiting(running, READER, KEYS_READER, scope=plane.account_id) as visitor:
        shown = visitor.send(f"{page_of(service)}/keys").text
        assert html.escape(plane.keys(service["id"])[0]) in shown


def test_a_look_at_keys_that_cannot_be_noted_shows_none(
    running: Cloud, owner: Visitor, plane: DataPlane, service: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    token, keys = owner.token(), plane.keys(service["id"])

    def full(_self: object, _text: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(audit.Audit, "write", full)
    shown = owner.post(f"{page_of(service)}/keys", {"form_token": token})
    assert shown.status_code == 507
    assert "InsufficientStorage" in shown.text
    assert not any(html.escape(key) in shown.text for key in keys)


@pytest.mark.parametrize("path", ["keys", "photo"])
def test_forms_of_a_service_want_their_token(owner: Visitor, service: dict[str, Any], path: str) -> None:
    answer = owner.post(f"{page_of(service)}/{path}", {"form_token": "wrong"})
    assert answer.status_code == 403
    assert "ForeignForm" in answer.text


def test_a_photo_is_scored_and_counted_as_any_call(
    running: Cloud, owner: Visitor, service: dict[str, Any]
) -> None:
    shown = owner.send(f"{page_of(service)}/photo", files=photo())
    assert shown.status_code == 200
    assert labels(shown.text)[0] == "espresso"
    assert len(labels(shown.text)) == 5
    page = owner.get(page_of(service)).text
    answered = re.search(r"([0-9]+) calls answered and ([0-9]+) failed within the last hour", page)
    assert answered is not None
    assert int(answered[1]) >= 1
    assert '<rect class="answered"' in page
    assert "<td>Predict</td><td>OK</td>" in page


@pytest.mark.parametrize(
    ("files", "status", "words"),
    [
        (photo(b"no image"), 400, "image"),
        (photo(b""), 400, "No photo came"),
        (photo(name="other"), 400, "No photo came"),
        ({"form_token": (None, b"x")}, 400, "No photo came"),
        (photo(b"\xff" * 22_000_000), 413, "RequestContentTooLarge"),
    ],
    ids=["no-image", "empty", "other-field", "none", "large"],
)
def test_what_is_no_photo_is_refused_in_words(
    owner: Visitor, service: dict[str, Any], files: Any, status: int, words: str
) -> None:
    answer = owner.send(f"{page_of(service)}/photo", files=files)
    assert answer.status_code == status
    assert words in answer.text
    assert "<!doctype html>" in answer.text


def test_who_has_no_session_has_no_photo_taken(running: Cloud, service: dict[str, Any]) -> None:
    with closing(ArmCaller(running)) as caller, closing(Visitor(caller)) as nobody:
        answer = nobody.post(f"{page_of(service)}/photo", {}, files=photo())
        assert answer.status_code in (303, 413)
        assert labels(answer.text) == []


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b"no part"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--"),
        ("multipart/form-data; boundary=" + "b" * 5000, b"--b"),
        ("application/x-www-form-urlencoded", b"&".join([b"a=b"] * 50)),
        ("application/x-www-form-urlencoded", b"form_token=%ff"),
        ("application/json", b"{}"),
        ("text/plain", b"x"),
    ],
)
def test_forms_that_cannot_be_read_are_refused_in_words(
    owner: Visitor, service: dict[str, Any], content_type: str, body: bytes
) -> None:
    headers = {"Origin": owner.base, "Content-Type": content_type}
    answer = owner.session.post(f"{owner.base}{page_of(service)}/photo", data=body, headers=headers)
    assert answer.status_code in (400, 403)
    assert "InvalidForm" in answer.text or "ForeignForm" in answer.text


def test_labels_and_names_of_anybody_are_text(running: Cloud, owner: Visitor, plane: DataPlane) -> None:
    """Of a model's package, of a certificate, of a record, of a federated credential."""
    named = definition(brainwave(), onnx_stage(), labels="labels.txt")
    told = f"</bdi><script>alert(1)</script>\n{HOSTILE}\nplain\n"
    files: dict[str, bytes | str] = {
        "service_def.json": named,
        "m.onnx": constant_classifier([3.0, 2.0, 1.0]),
        "labels.txt": told,
    }
    with data_plane.PackageHost().running() as host:
        model = plane.register(host.put("/hostile.zip", package(files)))
        hostile = plane.deploy(model, "hostile", **data_plane.on(Authority("</li><script>alert(2)</script>")))
    shown = owner.send(f"{page_of(hostile)}/photo", files=photo())
    assert labels(shown.text) == ["</bdi><script>alert(1)</script>", HOSTILE, "plain"]
    zone = f"{plane.account_id.partition('/providers/')[0]}/providers/Microsoft.Network/dnsZones/contoso.com"
    plane.arm("PUT", zone, {"location": "global"})
    record = {"properties": {"TTL": 60, "TXTRecords": [{"value": [HOSTILE]}]}}
    plane.arm("PUT", f"{zone}/TXT/www", record)
    with closing(Member(running, READER)) as member:
        trusted = FederatedCredential(f"https://issuer.example/{HOSTILE}".replace(" ", ""), HOSTILE, ("a",))
        administration.trust(running.settings.data, member.name, trusted)
        pages = [owner.get(path).text for path in (PAGE, f"{PAGE}/zones", f"{PAGE}/principals")]
    pages += [shown.text, owner.get(f"{PAGE}/{HOSTILE}").text]
    assert "onerror=alert" in pages[1]
    assert "onerror=alert" in pages[2]
    assert "onerror=alert" in pages[4]
    for page in pages:
        assert "<img" not in page
        assert "<script>" not in page
    assert plane.call("DELETE", f"services/{hostile['id']}").status_code == 202


def test_zones_show_their_records(running: Cloud, owner: Visitor, plane: DataPlane) -> None:
    group = plane.account_id.partition("/providers/")[0]
    zone = f"{group}/providers/Microsoft.Network/dnsZones/zone.example"
    plane.arm("PUT", zone, {"location": "global"})
    record = {"properties": {"TTL": 77, "ARecords": [{"ipv4Address": "203.0.113.7"}]}}
    plane.arm("PUT", f"{zone}/A/www", record)
    shown = owner.get(f"{PAGE}/zones").text
    for words in ("zone.example", "203.0.113.7", "<td>77</td>", "<td>SOA</td>", "<td>NS</td>"):
        assert words in shown
    with visiting(running, READER, scope=plane.account_id) as visitor:
        assert "zone.example" not in visitor.get(f"{PAGE}/zones").text
    with visiting(running, READER, scope=zone) as visitor:
        assert "203.0.113.7" in visitor.get(f"{PAGE}/zones").text


def test_operations_are_shown_with_their_end(owner: Visitor, service: dict[str, Any]) -> None:
    shown = owner.get(f"{PAGE}/operations").text
    assert "<td>Create</td>" in shown
    assert "Succeeded" in shown
    assert page_of(service) in shown


def test_principals_are_shown_to_who_gives_roles_alone(running: Cloud, owner: Visitor) -> None:
    shown = owner.get(f"{PAGE}/principals").text
    assert "owner" in shown
    assert str(running.status().client_id) in shown
    assert owner.caller.secret not in shown
    for role in (READER, CONTRIBUTOR):
        with visiting(running, role) as visitor:
            assert f"{PAGE}/principals" not in visitor.get().text
            refused = visitor.get(f"{PAGE}/principals")
            assert refused.status_code == 403
            assert "AuthorizationFailed" in refused.text
            assert str(running.status().client_id) not in refused.text


def test_without_ssl_the_page_says_so_and_scores_for_readers(
    running: Cloud, plane: DataPlane, owner: Visitor
) -> None:
    with data_plane.PackageHost().running() as host:
        model = plane.register(host.put("/open.zip", package()))
        opened = plane.deploy(model, "open-service")
    assert "SSL is off" in owner.get().text
    with visiting(running, READER) as reader:
        shown = reader.send(f"{page_of(opened)}/photo", files=photo())
        assert labels(shown.text)[0] == "espresso"
    assert plane.call("DELETE", f"services/{opened['id']}").status_code == 202
