"""Sign-in on the page over real HTTPS: sessions, their cookies and ends, and what other sites cannot do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest

from localcloud.access import administration
from localcloud.access.roles import READER
from localcloud.datafolder.store import Store
from localcloud.identity import credentials
from localcloud.server import Cloud
from localcloud.settings import DATABASE
from tests.support.localcloud import data_plane
from tests.support.localcloud.arm_caller import ArmCaller
from tests.support.localcloud.member import Member
from tests.support.localcloud.portal_visitor import PAGE, Visitor

SIGN_IN = f"{PAGE}/sign-in"


@pytest.fixture
def visitor(arm: ArmCaller) -> Iterator[Visitor]:
    """Has not signed in yet; it can as the owner."""
    with closing(Visitor(arm)) as found:
        yield found


@pytest.fixture
def reader(cloud: Cloud) -> Iterator[Member]:
    with closing(Member(cloud, READER)) as found:
        yield found


@pytest.fixture
def reading(reader: Member) -> Iterator[Visitor]:
    """Signed in as a reader."""
    with closing(Visitor(reader)) as found:
        assert found.sign_in().status_code == 303
        yield found


def is_signed_in(visitor: Visitor) -> bool:
    answer = visitor.get()
    if answer.status_code == 200:
        return True
    assert (answer.status_code, answer.headers["Location"]) == (303, SIGN_IN)
    return False


def test_who_has_no_session_is_led_to_sign_in_from_every_page(visitor: Visitor) -> None:
    for path in (PAGE, f"{PAGE}/", f"{PAGE}/services/any", f"{PAGE}/no/such/page"):
        answer = visitor.get(path)
        assert (answer.status_code, answer.headers["Location"]) == (303, SIGN_IN), path
    assert visitor.get(SIGN_IN).status_code == 200


def test_id_and_secret_open_a_session_and_its_cookie_is_the_browsers_alone(visitor: Visitor) -> None:
    answer = visitor.sign_in()
    assert (answer.status_code, answer.headers["Location"]) == (303, PAGE)
    name, _, rest = answer.headers["Set-Cookie"].partition("=")
    assert name == f"__Host-localcloud-{str(visitor.caller.status.tenant)[:8]}"
    attributes = {part.strip().lower() for part in rest.split(";")[1:]}
    assert {"secure", "httponly", "samesite=strict", "path=/"} <= attributes
    assert not any(one.startswith("domain") for one in attributes)
    shown = visitor.get()
    assert shown.status_code == 200
    assert "Sign out" in shown.text
    assert visitor.caller.secret not in shown.text
    assert visitor.get(SIGN_IN).headers["Location"] == PAGE


@pytest.mark.parametrize(
    "fields",
    [
        {"client_secret": "wrong"},
        {"client_secret": ""},
        {"client_id": "00000000-0000-0000-0000-000000000000"},
        {"client_id": "' OR 1=1 --"},
        {"client_id": "<script>alert(1)</script>"},
    ],
    ids=["secret", "no-secret", "client", "sql", "markup"],
)
def test_others_are_refused_in_the_same_words(visitor: Visitor, fields: dict[str, str]) -> None:
    answer = visitor.sign_in(headers=None, **fields)
    assert answer.status_code == 401
    assert "No client with this ID signs in by this secret." in answer.text
    assert "Set-Cookie" not in answer.headers
    assert "<script>alert" not in answer.text
    assert not is_signed_in(visitor)


def test_each_sign_in_makes_a_session_of_its_own(visitor: Visitor) -> None:
    visitor.sign_in()
    before = visitor.session.cookies.get_dict()
    visitor.sign_in()
    assert visitor.session.cookies.get_dict() != before
    with closing(Visitor(visitor.caller)) as other:
        other.session.cookies.update(before)
        assert not is_signed_in(other)


def test_a_cookie_that_was_made_up_opens_nothing(visitor: Visitor) -> None:
    name = f"__Host-localcloud-{str(visitor.caller.status.tenant)[:8]}"
    for value in ("", "x", "é", "a" * 5000):
        answer = visitor.get(PAGE, Cookie=f"{name}={value}".encode().decode("latin-1"))
        assert answer.status_code == 303
        assert answer.headers["Location"] == SIGN_IN


def test_sign_out_ends_the_session_and_its_cookie_opens_nothing_any_more(visitor: Visitor) -> None:
    visitor.sign_in()
    cookies = visitor.session.cookies.get_dict()
    answer = visitor.send(f"{PAGE}/sign-out")
    assert (answer.status_code, answer.headers["Location"]) == (303, SIGN_IN)
    visitor.session.cookies.update(cookies)
    assert not is_signed_in(visitor)


@pytest.mark.parametrize("at_once", [True, False], ids=["at-once", "with-an-overlap"])
def test_a_secret_made_anew_ends_the_sessions_of_before(
    cloud: Cloud, reader: Member, reading: Visitor, at_once: bool
) -> None:
    assert is_signed_in(reading)
    administration.rotate(cloud.settings.data, reader.name, reader.secrets.append, at_once=at_once)
    assert not is_signed_in(reading)
    assert reading.sign_in().status_code == 303
    assert is_signed_in(reading)


def test_a_principal_that_is_removed_has_no_session_any_more(
    cloud: Cloud, reader: Member, reading: Visitor
) -> None:
    administration.remove(cloud.settings.data, reader.name)
    assert not is_signed_in(reading)
    assert reading.sign_in().status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": None},
        {"Origin": "null"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "http://127.0.0.1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=["no-origin", "null", "elsewhere", "http", "cross-site", "same-site"],
)
def test_a_form_of_another_site_is_refused(visitor: Visitor, headers: dict[str, str | None]) -> None:
    answer = visitor.sign_in(headers=headers)
    assert answer.status_code == 403
    assert "ForeignForm" in answer.text
    assert "Set-Cookie" not in answer.headers
    assert visitor.sign_in().status_code == 303
    token = visitor.token()
    answer = visitor.post(f"{PAGE}/sign-out", {"form_token": token}, headers=headers)
    assert answer.status_code == 403
    assert is_signed_in(visitor)


@pytest.mark.parametrize("token", [None, "", "wrong", "é"])
def test_a_form_without_its_sessions_token_is_refused(visitor: Visitor, token: str | None) -> None:
    visitor.sign_in()
    answer = visitor.post(f"{PAGE}/sign-out", {} if token is None else {"form_token": token})
    assert answer.status_code == 403
    assert "ForeignForm" in answer.text
    assert is_signed_in(visitor)


def test_the_token_of_another_session_is_refused(visitor: Visitor, reading: Visitor) -> None:
    visitor.sign_in()
    answer = visitor.post(f"{PAGE}/sign-out", {"form_token": reading.token()})
    assert answer.status_code == 403
    assert is_signed_in(visitor)


def test_another_host_is_told_where_the_page_is(visitor: Visitor) -> None:
    for host in ("elsewhere.example", "127.0.0.1", "127.0.0.1.elsewhere.example:443"):
        answer = visitor.get(SIGN_IN, Host=host)
        assert answer.status_code == 421
        assert visitor.base in answer.text
        assert host not in answer.text.replace(visitor.base, "")
    assert visitor.sign_in(headers={"Host": "elsewhere.example"}).status_code == 421


def test_every_answer_lets_a_browser_run_and_frame_nothing_of_others(visitor: Visitor) -> None:
    visitor.sign_in()
    paths = (PAGE, f"{PAGE}/nothing", f"{PAGE}/static/page.js", f"{PAGE}/static/page.css")
    answers = [visitor.get(path) for path in paths]
    answers += [visitor.get(PAGE, Host="elsewhere.example"), visitor.post(f"{PAGE}/sign-out", {})]
    with closing(Visitor(visitor.caller)) as nobody:
        answers += [nobody.get(), nobody.get(SIGN_IN), nobody.sign_in(client_secret="wrong")]
        answers.append(nobody.sign_in(client_secret="x" * 300_000))
    statuses = [answer.status_code for answer in answers]
    assert statuses == [200, 404, 200, 200, 421, 403, 303, 200, 401, 413]
    for answer in answers:
        written = answer.headers["Content-Security-Policy"]
        policy = dict(part.strip().partition(" ")[::2] for part in written.split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == "'self'"
        assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert policy["form-action"] == "'self'"
        assert "unsafe" not in written
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["X-Frame-Options"] == "DENY"
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            # nothing that the policy would have to make an exception for
            assert "<style" not in answer.text
            assert " style=" not in answer.text
            assert "<script>" not in answer.text
            assert "javascript:" not in answer.text
            assert "onclick" not in answer.text


def test_the_apis_take_no_cookie(visitor: Visitor) -> None:
    visitor.sign_in()
    for path in ("/subscriptions?api-version=2024-03-01", "/openapi.json"):
        answer = visitor.get(path)
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "AuthenticationFailed"


def test_what_renders_it_is_loaded_with_the_first_page_alone() -> None:
    told = "import sys, localcloud.server; print(sorted({'jinja2', 'markupsafe'} & sys.modules.keys()))"
    ran = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def test_a_role_that_is_taken_away_is_gone_with_the_next_page(
    cloud: Cloud, arm: ArmCaller, group: str, reader: Member, reading: Visitor
) -> None:
    account = f"{group}/providers/Microsoft.MachineLearningModelManagement/accounts/taken-away"
    assert (
        arm("PUT", account, {"location": "eastus2", "sku": {"name": "S1", "capacity": 1}}).status_code == 201
    )
    assert "taken-away" in reading.get().text
    administration.revoke(cloud.settings.data, reader.name, [READER], None)
    assert is_signed_in(reading)
    assert "taken-away" not in reading.get().text


@pytest.mark.parametrize("at_once", [True, False], ids=["at-once", "with-an-overlap"])
def test_the_owners_secret_made_anew_ends_its_sessions(
    tmp_path_factory: pytest.TempPathFactory, at_once: bool
) -> None:
    data = tmp_path_factory.mktemp("rotated") / "data"
    with Cloud(data_plane.settings(data)) as running, closing(ArmCaller(running)) as caller:
        before = caller.secret
        with closing(Visitor(caller)) as owner:
            assert owner.sign_in().status_code == 303
            assert is_signed_in(owner)
            with closing(Store(data / DATABASE)) as store:
                credentials.rotate(store, data, at_once=at_once)
            running.follow()
            assert not is_signed_in(owner)
            # the secret of before opens as long as the overlap lasts, as at the token endpoint
            assert owner.sign_in(client_secret=before).status_code == (401 if at_once else 303)
            assert owner.sign_in(client_secret=caller.secret).status_code == 303
            assert is_signed_in(owner)


@pytest.mark.parametrize(
    "path",
    [
        "/%00",
        "/services/%00",
        "/services/..%2f..%2fetc%2fpasswd",
        "/services/%ff%fe",
        "/static/..%2fpages.py",
        "/static/page.html",
        "/services/" + "a" * 4000,
        "/SIGN-OUT",
        "/%E2%80%AE",
    ],
)
def test_paths_that_nobody_has_are_told_so(visitor: Visitor, path: str) -> None:
    visitor.sign_in()
    answer = visitor.get(PAGE + path)
    assert answer.status_code == 404
    assert "<!doctype html>" in answer.text
