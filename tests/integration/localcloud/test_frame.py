"""The frame around the APIs: what a bug, a large body and a peculiar path look like, and what is logged."""

from __future__ import annotations

import logging
import os
import socket
import ssl
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from localcloud import authority, ports
from localcloud.certificate.pair import Pair
from localcloud.errors import CloudError
from localcloud.http import listener
from localcloud.http.frame import Frame, body_of
from localcloud.http.lanes import Route
from localcloud.http.listener import served

SECRET = "sv=2017-04-17&sig=SECRETSIGNATURE"


def crash(request: Request) -> Response:
    raise ValueError(f"about {request.query_params.get('sig')}")


def take_time(request: Request) -> Response:
    threading.Event().wait(0.3)
    return Response()


def echo(request: Request) -> Response:
    return JSONResponse({"name": request.path_params["name"], "size": len(body_of(request))})


def refuse(authorization: str | None) -> None:
    if authorization != "let me in":
        raise CloudError(401, "AuthenticationFailed", "No.")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("frame")
    made = authority.load_or_make(folder, "127.0.0.1")
    pair = Pair(made.certificate.read_bytes(), made.key.read_bytes())
    port = ports._free("127.0.0.1", set())
    address = f"https://127.0.0.1:{port}"
    frame = Frame(
        base_urls=(address,),
        public=[Route("/crash", crash), Route("/slow", take_time)],
        routes=[Route("/Echo/{name}", echo, methods=["GET", "POST"])],
        authenticate=refuse,
        authorize=lambda _request, _route: None,
        record=lambda _request, _status: None,
        missing=lambda request: CloudError(404, "NotFound", f"No {request.scope['path']}."),
    )
    with served(frame, "127.0.0.1", port, pair), pytest.MonkeyPatch.context() as patch:
        patch.setenv("REQUESTS_CA_BUNDLE", str(made.ca))
        yield address
    frame.close()


def call(method: str, address: str, body: bytes | None = None, **options: Any) -> requests.Response:
    return requests.request(method, address, data=body, timeout=10, **options)


INSIDE = {"Authorization": "let me in"}


def test_a_bug_is_told_by_its_id_alone(base: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "localcloud"):
        answer = call("get", f"{base}/crash?x=1")
    request_id = answer.headers["x-ms-request-id"]
    assert answer.status_code == 500
    assert answer.json() == {
        "error": {
            "code": "InternalServerError",
            "message": "An internal error occurred; "
            f"localcloud's log has it under the request ID {request_id}.",
        }
    }
    assert f"GET failed in its handler, request {request_id}" in caplog.text
    assert "ValueError: about None" in caplog.text
    assert "GET /crash 500 " in caplog.text


def test_the_log_has_no_query_and_no_headers(base: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "localcloud"):
        answer = call("get", f"{base}/echo/a%0Ab?{SECRET}", headers=INSIDE)
    assert answer.json() == {"name": "a\nb", "size": 0}
    assert "GET /echo/a%0Ab 200 " in caplog.text
    assert "SECRETSIGNATURE" not in caplog.text
    assert "let me in" not in caplog.text


def test_any_case_and_empty_segments(base: str) -> None:
    answer = call("get", f"{base}//ECHO///Name/", headers=INSIDE, allow_redirects=False)
    assert (answer.status_code, answer.json()["name"]) == (200, "Name")


def test_a_body_of_four_mebibytes_is_taken(base: str) -> None:
    body = b"x" * (4 * 1024 * 1024)
    assert call("post", f"{base}/echo/a", body, headers=INSIDE).json()["size"] == len(body)
    refused = call("post", f"{base}/echo/a", body + b"x", headers=INSIDE)
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "RequestContentTooLarge")


def test_refusals(base: str) -> None:
    assert call("get", f"{base}/echo/a").json()["error"]["code"] == "AuthenticationFailed"
    assert call("get", f"{base}/nowhere").json()["error"]["code"] == "AuthenticationFailed"
    missing = call("get", f"{base}/nowhere", headers=INSIDE)
    assert (missing.status_code, missing.json()["error"]["message"]) == (404, "No /nowhere.")
    wrong = call("delete", f"{base}/echo/a", headers=INSIDE)
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "MethodNotAllowed")
    assert wrong.headers["Allow"] == "GET, HEAD, POST"


def test_client_request_ids_are_given_back(base: str) -> None:
    answer = call("get", f"{base}/echo/a", headers=INSIDE | {"x-ms-client-request-id": "mine-1"})
    assert answer.headers["x-ms-client-request-id"] == "mine-1"
    for odd in ("a b", "x" * 65, "<script>", ""):
        answer = call("get", f"{base}/echo/a", headers=INSIDE | {"x-ms-client-request-id": odd})
        assert "x-ms-client-request-id" not in answer.headers


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /echo/a HTTP/1.1\r\nHost: a\r\n",
        b"POST /echo/a HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc",
    ],
    ids=["nothing", "headers", "body"],
)
def test_who_sends_no_whole_request_is_hung_up_on(
    base: str, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(listener, "REQUEST_TIMEOUT_S", 0.1)
    with connection(base) as opened:
        opened.sendall(sent)
        assert received(opened) == b""


def test_a_handler_may_take_longer_than_a_request(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "REQUEST_TIMEOUT_S", 0.1)
    with connection(base) as opened:
        for _ in range(2):  # and the connection lives on behind it
            opened.sendall(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
            assert received(opened).startswith(b"HTTP/1.1 200 OK\r\n")
        opened.sendall(b"GET /slow HTTP/1.1\r\n")
        assert received(opened) == b""


def received(opened: ssl.SSLSocket) -> bytes:
    """What came next; nothing where the server hung up."""
    try:
        return opened.recv(65536)
    except (ConnectionResetError, ssl.SSLEOFError):  # without a farewell
        return b""


def connection(base: str) -> ssl.SSLSocket:
    host, _, port = base.removeprefix("https://").rpartition(":")
    context = ssl.create_default_context(cafile=os.environ["REQUESTS_CA_BUNDLE"])
    return context.wrap_socket(socket.create_connection((host, int(port)), timeout=10), server_hostname=host)


def test_old_tls_is_refused(base: str) -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    host, _, port = base.removeprefix("https://").rpartition(":")
    with socket.create_connection((host, int(port))) as plain, pytest.raises(ssl.SSLError):
        context.wrap_socket(plain)
