"""Signing in by a device code, as the client of 2018 and today's libraries do, and going on by tenant."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import jwt
import pytest
import requests
from azure.identity import DeviceCodeCredential

from localcloud.identity import device_codes
from localcloud.identity.device_codes import DeviceCodes
from localcloud.identity.refusals import SignInError
from tests.support.localcloud.arm_caller import ArmCaller, refusal

PROGRAM = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
"""The client ID that Azure's command line gives itself, as the client of 2018 does."""
RESOURCE = "https://management.core.windows.net/"


class Caller:
    """The requests of a program, and of the person before it."""

    def __init__(self, arm: ArmCaller) -> None:
        self.arm, self.session = arm, requests.Session()
        self.session.trust_env = False
        self.session.verify = str(arm.status.ca)

    def post(self, path: str, **form: str | None) -> requests.Response:
        return self.session.post(f"{self.arm.base}/{path}", data=form, timeout=30)

    def begin(self) -> dict[str, str]:
        answer = self.post("common/oauth2/devicecode?api-version=1.0", client_id=PROGRAM, resource=RESOURCE)
        assert answer.status_code == 200, answer.text
        found: dict[str, str] = answer.json()
        return found

    def poll(self, begun: dict[str, str], program: str = PROGRAM) -> requests.Response:
        form = {"client_id": program, "resource": RESOURCE, "code": begun["device_code"]}
        return self.post("common/oauth2/token", grant_type="device_code", **form)

    def allow(self, user_code: str, secret: str | None = None) -> requests.Response:
        found = secret or self.arm.status.client_secret_file.read_text().strip()
        return self.post(
            "devicelogin", user_code=user_code, client_id=self.arm.status.client_id, client_secret=found
        )


@pytest.fixture
def caller(arm: ArmCaller) -> Iterator[Caller]:
    made = Caller(arm)
    with made.session:
        yield made


def refused(answer: requests.Response) -> tuple[int, str, int]:
    body = answer.json()
    assert body["error_description"].startswith(f"AADSTS{body['error_codes'][0]}: ")
    return answer.status_code, body["error"], body["error_codes"][0]


def test_a_program_waits_until_somebody_allows_it(caller: Caller) -> None:
    begun = caller.begin()
    assert begun["verification_url"] == f"{caller.arm.base}/devicelogin"
    assert (int(begun["expires_in"]), int(begun["interval"])) == (900, 5)
    assert begun["user_code"] in begun["message"]
    assert refused(caller.poll(begun)) == (400, "authorization_pending", 70016)

    page = caller.session.get(begun["verification_url"])
    assert page.headers["Content-Type"].startswith("text/html")
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert re.search('name="client_secret" type="password"', page.text)
    typed = f"{begun['user_code'][:4]}-{begun['user_code'][4:]}".lower()
    assert "The program is signed in" in caller.allow(typed).text

    answer = caller.poll(begun)
    assert answer.status_code == 200, answer.text
    token = answer.json()
    assert {"token_type", "expires_in", "expires_on", "resource", "refresh_token"} <= token.keys()
    assert token["resource"] == RESOURCE
    assert refused(caller.poll(begun)) == (400, "expired_token", 70020), "a code is good once"

    tenant = caller.arm.status.tenant
    again = caller.post(
        f"{tenant}/oauth2/token",
        grant_type="refresh_token",
        refresh_token=token["refresh_token"],
        client_id=PROGRAM,
        resource=RESOURCE,
    )
    assert again.status_code == 200, again.text
    for one in (token, again.json()):
        bearer = {"Authorization": f"Bearer {one['access_token']}"}
        assert caller.arm("GET", "/subscriptions", headers=bearer).status_code == 200
    assert jwt.decode(token["access_token"], options={"verify_signature": False})["tid"] == tenant


def test_a_refresh_token_opens_nothing_by_itself_nor_for_another_program(caller: Caller) -> None:
    begun = caller.begin()
    caller.allow(begun["user_code"])
    token = caller.poll(begun).json()
    bearer = {"Authorization": f"Bearer {token['refresh_token']}"}
    answer = caller.arm("GET", "/subscriptions", headers=bearer)
    assert refusal(answer)[:2] == (401, "InvalidAuthenticationTokenAudience")
    for program, shown in (("another", token["refresh_token"]), (PROGRAM, token["access_token"])):
        answer = caller.post(
            "common/oauth2/token",
            grant_type="refresh_token",
            client_id=program,
            refresh_token=shown,
            resource=RESOURCE,
        )
        assert refused(answer) == (400, "invalid_grant", 70000)


def test_a_wrong_secret_allows_nothing(caller: Caller) -> None:
    begun = caller.begin()
    answer = caller.allow(begun["user_code"], "wrong")
    assert answer.status_code == 401
    assert "AADSTS7000215: Invalid client secret provided" in answer.text
    assert refused(caller.poll(begun)) == (400, "authorization_pending", 70016)
    assert refused(caller.poll(begun, "another")) == (400, "expired_token", 70020)
    wrong = caller.allow("<b>BCDF</b>")
    assert (wrong.status_code, "There is no such code" in wrong.text) == (400, True)
    assert "<b>" not in wrong.text


def test_a_secret_signs_in_by_its_own_tenant_alone(caller: Caller) -> None:
    answer = caller.post(
        "common/oauth2/token",
        grant_type="client_credentials",
        client_id=caller.arm.status.client_id,
        client_secret="any",
        resource=RESOURCE,
    )
    assert refused(answer) == (400, "invalid_tenant", 90002)


@pytest.mark.parametrize("path", ["oauth2/devicecode", "oauth2/v2.0/devicecode"])
def test_a_code_for_another_resource_is_refused(caller: Caller, path: str) -> None:
    other = "https://graph.windows.net/"
    answer = caller.post(f"common/{path}", client_id=PROGRAM, resource=other, scope=f"{other}/.default")
    assert refused(answer) == (400, "invalid_resource", 500011)


def test_microsofts_library_of_today_signs_in(caller: Caller) -> None:
    def allow(_uri: str, user_code: str, _until: object) -> None:
        assert caller.allow(user_code).status_code == 200

    credential = device_credential(caller, allow)
    token = credential.get_token(f"{RESOURCE}/.default").token
    bearer = {"Authorization": f"Bearer {token}"}
    assert caller.arm("GET", "/subscriptions", headers=bearer).status_code == 200


def device_credential(caller: Caller, prompt: Callable[[str, str, object], None]) -> DeviceCodeCredential:
    return DeviceCodeCredential(
        PROGRAM,
        authority=caller.arm.base,
        tenant_id=caller.arm.status.tenant,
        disable_instance_discovery=True,
        prompt_callback=prompt,
        connection_verify=str(caller.arm.status.ca),
    )


def test_a_token_of_another_tenant_leads_to_this_one(caller: Caller) -> None:
    """The client of 2018 signs in where it is at home, and goes on where the 401 tells it to."""
    home = "72f988bf-86f1-41ab-91ab-2d7cd011db47"
    claims = {"tid": home, "iss": f"https://sts.windows.net/{home}/", "aud": RESOURCE, "exp": 2**33, "nbf": 0}
    from cryptography.hazmat.primitives.asymmetric import rsa

    token = jwt.encode(claims, rsa.generate_private_key(65537, 2048), "RS256", headers={"kid": "theirs"})
    answer = caller.arm("GET", "/subscriptions", headers={"Authorization": f"Bearer {token}"})
    status, code, message = refusal(answer)
    assert (status, code) == (401, "InvalidAuthenticationTokenTenant")
    assert f"from the wrong issuer 'https://sts.windows.net/{home}/'" in message
    told = answer.headers["WWW-Authenticate"]
    found = re.match(r'Bearer authorization_uri="(https://[^",]+)/([0-9a-f-]{36})"', told)
    assert found is not None, told
    assert found.groups() == (caller.arm.base, caller.arm.status.tenant)


def test_one_that_is_over_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = DeviceCodes()
    begun = codes.begin(PROGRAM, RESOURCE)
    later = time.monotonic() + device_codes.LIFE_S + 1
    # its own clock alone: the servers of other tests, whose waits go by the same one, would sleep as long
    monkeypatch.setattr(device_codes, "time", SimpleNamespace(monotonic=lambda: later))
    assert not codes.allow(begun.user_code, "client", 0, 0.0)
    with pytest.raises(SignInError, match="has expired") as over:
        codes.redeem(begun.device_code, PROGRAM)
    assert over.value.error == "expired_token"


def test_no_more_wait_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_codes, "MOST", 3)
    codes = DeviceCodes()
    begun = [codes.begin(PROGRAM, RESOURCE) for _ in range(4)]
    assert [codes.allow(one.user_code, "client", 0, 0.0) for one in begun] == [False, True, True, True]
