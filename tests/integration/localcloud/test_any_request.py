"""Requests that no client sends: made up whole, forged, misspelt, beside every path that there is.

What holds for each: no 5xx; a refusal in Azure's form, with its request ID; and 401 for whoever has no token,
wherever one is needed.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote_from_bytes

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import assume, given
from hypothesis import strategies as st

from localcloud.openapi.document import document
from localcloud.server import Cloud
from tests.support.examples import examples
from tests.support.localcloud import scoring_parts
from tests.support.localcloud.arm_caller import VERSION
from tests.support.localcloud.data_plane import PackageHost
from tests.support.localcloud.raw_https import Answer, RawHttps
from tests.support.localcloud.standing import Standing

PATHS: dict[str, dict[str, Any]] = document("", None, has_blobs=True)["paths"]
VERBS = ("get", "head", "put", "post", "patch", "delete")
OPERATIONS = [(path, verb) for path, described in PATHS.items() for verb in VERBS if verb in described]
PUBLIC = {path for path, verb in OPERATIONS if PATHS[path][verb].get("security") is not None}
DEVICE_PAGE = "/devicelogin"
ODD_NAMES = (
    b"%00",
    b"%2e%2e",
    b"..",
    b"%2f",
    b"%5c",
    b"..%2f..%2fetc%2fpasswd",
    b"%ff%fe",
    b"%c0%af",
    b"%ED%A0%80",
    b"%E2%80%AE",
    b"%F0%9F%98%80",
    b"a%0d%0aSet-Cookie:x=1",
    b"%25s%25n",
    b"'%20OR%201=1--",
    b"x" * 4000,
    b"%",
    b"{name}",
    b"con",
    b"@",
    b"*",
)
ODD_BODIES = (
    b"",
    b"null",
    b"[]",
    b"{",
    b"\xff\xfe{\x00}\x00",
    b"\xef\xbb\xbf{}",
    b'{"location": "eastus2", "location": 1}',
    b'{"tags": {"a\\u0000b": "\\u0000"}, "location": "eastus2"}',
    b'{"location": "eastus2\\u0000"}',
    b'{"a": ' * 20_000 + b"1" + b"}" * 20_000,
    b'{"a": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    b'{"properties": {"TTL": ' + b"9" * 10_000 + b"}}",
    b'{"properties": {"TTL": 1e400}}',
    b'{"sku": {"name": "S1", "capacity": 1e15}, "location": "eastus2"}',
    b'{"name": "\\ud800"}',
    b"x" * 300_000,
    b"location=eastus2&tags[a]=b",
)


@pytest.fixture(scope="module")
def standing(cloud: Cloud) -> Iterator[Standing]:
    with PackageHost().running() as host:
        stands = Standing(cloud.status(), host.put("/c/real.zip", scoring_parts.package()))
        stands.raise_up()
        yield stands
        stands.close()


@pytest.fixture(scope="module")
def send(cloud: Cloud) -> Iterator[RawHttps]:
    caller = RawHttps(cloud.status())
    yield caller
    caller.close()


def target(path: str, standing: Standing, **others: bytes) -> bytes:
    """A path with names that lead somewhere, or with others."""

    def named(match: re.Match[str]) -> str:
        name = match[1]
        if name in others:
            return others[name].decode("latin-1")
        return {"kind": "A"}.get(name) or standing.names[name][0]

    return re.sub(r"\{(\w+)\}", named, path).encode("latin-1") + f"?api-version={VERSION}".encode()


def token(standing: Standing) -> dict[str, str | bytes]:
    return {"Authorization": f"Bearer {standing.arm.token()}"}


def judge(answer: Answer, *, is_head: bool = False, is_page: bool = False) -> Answer:
    """Holds an answer against what every one is; a page for people tells its refusals in HTML."""
    assert answer.status < 500, answer
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["x-ms-request-id"])
    assert "set-cookie" not in answer.headers
    if is_page and answer.headers.get("content-type", "").startswith("text/html"):
        return answer
    if answer.status >= 400 and not is_head:
        told = answer.json()
        if "error_codes" not in told:  # sign-in has a form of its own
            assert told.keys() == {"error"}
            assert all(
                isinstance(told["error"][part], str) and told["error"][part] for part in ("code", "message")
            )
    return answer


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer x.y.z", "Basic YTpi", "bearer \xe9"])
def test_who_has_no_token_gets_nothing_but_what_is_public(
    standing: Standing, send: RawHttps, authorization: str | None
) -> None:
    for path, verb in OPERATIONS:
        if path in PUBLIC:
            continue
        headers = {} if authorization is None else {"Authorization": authorization.encode("latin-1")}
        answer = judge(send(verb.upper(), target(path, standing), headers), is_head=verb == "head")
        assert answer.status == 401, (path, verb)
        assert answer.headers["www-authenticate"].startswith("Bearer authorization_uri=")
    public = {"/health", "/metadata/endpoints", DEVICE_PAGE}
    assert {path for path in PUBLIC if "{tenant}" not in path} == public


def _segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_forged_tokens_are_refused(standing: Standing, send: RawHttps) -> None:
    good = standing.arm.token()
    claims = jwt.decode(good, options={"verify_signature": False})
    header = jwt.get_unverified_header(good)
    own = rsa.generate_private_key(65537, 2048)
    jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(own.public_key()))
    signature = good.rpartition(".")[2]
    forged = {
        "of another key": jwt.encode(claims, own, "RS256", headers={"kid": header["kid"]}),
        "with its key inside": jwt.encode(claims, own, "RS256", headers={"jwk": jwk}),
        "with its key elsewhere": jwt.encode(
            claims, own, "RS256", headers={"jku": "https://127.0.0.1:1/keys"}
        ),
        "unsigned": jwt.encode(claims, "", "none"),
        "unsigned, in capitals": f"{_segment(header | {'alg': 'NONE'})}.{_segment(claims)}.",
        "of a symmetric key": jwt.encode(claims, b"k" * 32, "HS256"),
        "of another size": jwt.encode(claims, own, "RS512", headers={"kid": header["kid"]}),
        "with other claims": f"{_segment(header)}.{_segment(claims | {'exp': 2**40})}.{signature}",
        "without a signature": good.rpartition(".")[0] + ".",
        "twice": f"{good} {good}",
        "two in one": f"{good},{good}",
    }
    for what, one in forged.items():
        answer = judge(
            send("GET", b"/subscriptions?api-version=2022-12-01", {"Authorization": f"Bearer {one}"})
        )
        assert answer.status == 401, what
        assert good not in answer.content.decode()
    right = send("GET", b"/subscriptions?api-version=2022-12-01", {"Authorization": f"Bearer {good}"})
    assert right.status == 200


@examples(60, 1000)
@given(data=st.data())
def test_a_token_of_which_anything_differs_is_refused(
    standing: Standing, send: RawHttps, data: st.DataObject
) -> None:
    good = standing.arm.token()
    parts = [bytearray(base64.urlsafe_b64decode(part + "==")) for part in good.split(".")]
    part = data.draw(st.sampled_from(parts))
    place = data.draw(st.integers(0, len(part) - 1))
    part[place] ^= data.draw(st.integers(1, 255))
    bad = ".".join(base64.urlsafe_b64encode(one).rstrip(b"=").decode() for one in parts)
    answer = judge(send("GET", b"/subscriptions?api-version=2022-12-01", {"Authorization": f"Bearer {bad}"}))
    assert answer.status == 401


def test_methods_that_are_not_described_are_refused(standing: Standing, send: RawHttps) -> None:
    for path, described in PATHS.items():
        taken = {verb.upper() for verb in VERBS if verb in described}
        for method in (
            "GET",
            "HEAD",
            "PUT",
            "POST",
            "PATCH",
            "DELETE",
            "OPTIONS",
            "TRACE",
            "PROPFIND",
            "get",
        ):
            if method in taken:
                continue
            answer = judge(send(method, target(path, standing), token(standing)), is_head=method == "HEAD")
            assert answer.status == 405, (method, path)
            assert set(answer.headers["allow"].split(", ")) == taken, path


@pytest.mark.parametrize("name", ODD_NAMES, ids=range(len(ODD_NAMES)))
def test_odd_names_in_every_path(standing: Standing, send: RawHttps, name: bytes) -> None:
    """Whatever a name says, the answer is one of Azure's, and nothing but names is looked up by it."""
    for path, verb in OPERATIONS:
        for parameter in re.findall(r"\{(\w+)\}", path):
            odd = target(path, standing, **{parameter: name})
            body = b'{"location": "eastus2"}' if verb in ("put", "patch", "post") else b""
            answer = judge(send(verb.upper(), odd, token(standing), body), is_head=verb == "head")
            assert b"root:" not in answer.content
    standing.raise_up()


@pytest.mark.parametrize("body", ODD_BODIES, ids=range(len(ODD_BODIES)))
def test_odd_bodies_of_every_operation(standing: Standing, send: RawHttps, body: bytes) -> None:
    for path, verb in OPERATIONS:
        if verb in ("get", "head", "delete"):
            continue
        for content_type in ("application/json", "text/plain", "application/x-www-form-urlencoded", "\xff"):
            headers = token(standing) | {"Content-Type": content_type.encode("latin-1")}
            answer = send(verb.upper(), target(path, standing), headers, body)
            judge(answer, is_page=path == DEVICE_PAGE)
    standing.raise_up()


_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@examples(40, 1000)
@given(tags=st.dictionaries(_TEXTS.filter(bool), _TEXTS, max_size=5), description=_TEXTS)
def test_what_is_taken_is_told_as_it_was(standing: Standing, tags: dict[str, str], description: str) -> None:
    """Whatever a text holds: it is refused, or it is what everybody reads from then on, in lists as well."""
    account = f"{standing.group}/providers/Microsoft.MachineLearningModelManagement/accounts/standing1"
    for path, body in (
        (standing.group, {"tags": tags}),
        (account, {"properties": {"description": description}}),
    ):
        answer = standing.arm("PATCH", path, body)
        assert answer.status_code in (200, 400), answer.text
        if answer.status_code == 200:
            shown = standing.arm("GET", path).json()
            assert (shown.get("tags") if "tags" in body else shown["properties"]["description"]) == (
                tags if "tags" in body else description
            )
    listed = standing.arm("GET", f"{standing.arm.subscription}/resourceGroups").json()["value"]
    assert standing.arm("GET", standing.group).json() in listed


_SEGMENTS = sorted({part for path in PATHS for part in path.split("/") if part and "{" not in part})
_SEGMENT = st.one_of(
    st.sampled_from(_SEGMENTS).map(str.encode),
    st.sampled_from(ODD_NAMES),
    st.binary(max_size=12).map(lambda raw: quote_from_bytes(raw).encode()),
    st.sampled_from(["subscription", "group", "account", "zone", "container", "name", "id", "tenant"]),
)
_ODD_QUERY = st.lists(
    st.tuples(
        st.sampled_from(["api-version", "$top", "$skiptoken", "$filter", "$expand", "name", "", "a[b]"]),
        st.one_of(
            st.sampled_from(
                [VERSION, "1", "-1", "0", "9" * 5000, "resourceType eq 'x'", "tagName eq 'a' and", "%00"]
            ),
            st.binary(max_size=20).map(quote_from_bytes),
        ).map(lambda value: value.replace(" ", "%20")),
    ),
    max_size=4,
)


@examples(250, 4000)
@given(
    method=st.sampled_from(["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"]),
    segments=st.one_of(
        st.lists(_SEGMENT, max_size=12),
        st.sampled_from(sorted(PATHS)).map(
            lambda path: [part.strip("{}") for part in path.split("/") if part]
        ),
    ),
    slashes=st.sampled_from([b"/", b"//", b"/./", b"/../"]),
    query=_ODD_QUERY,
    etag=st.sampled_from(["*", "", '"', 'W/"x"', ",,,", "x" * 2000]),
    body=st.one_of(
        st.sampled_from(ODD_BODIES),
        st.binary(max_size=200),
        st.recursive(
            st.none() | st.booleans() | st.floats() | _TEXTS | st.integers(),
            lambda inner: st.lists(inner) | st.dictionaries(_TEXTS, inner),
            max_leaves=8,
        ).map(lambda value: json.dumps(value).encode()),
    ),
    signed_in=st.booleans(),
)
def test_any_request_at_all(
    standing: Standing,
    send: RawHttps,
    method: str,
    segments: list[str | bytes],
    slashes: bytes,
    query: list[tuple[str, str]],
    etag: str,
    body: bytes,
    signed_in: bool,
) -> None:
    names = {name: values[0].encode() for name, values in standing.names.items()} | {"kind": b"TXT"}
    parts = [names.get(part, part.encode()) if isinstance(part, str) else part for part in segments]
    asked = b"/" + slashes.join(parts) + b"?" + "&".join(f"{name}={value}" for name, value in query).encode()
    assume(len(asked) < 40_000)
    headers: dict[str, str | bytes] = {
        "If-Match": etag,
        "If-None-Match": etag,
        "x-ms-client-request-id": etag,
    }
    headers |= token(standing) if signed_in else {}
    answer = judge(send(method, asked, headers, body), is_head=method == "HEAD")
    if not signed_in and answer.status not in (401, 405):
        is_sign_in = names["tenant"] in asked or any(
            public.split("/")[1].encode() in asked for public in PUBLIC
        )
        assert is_sign_in or answer.status >= 400, asked
    if method in ("DELETE", "PUT", "PATCH") and answer.status < 300:
        standing.raise_up()
