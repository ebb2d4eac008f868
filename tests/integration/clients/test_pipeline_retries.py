"""Which requests are repeated, after which pause, and what a failure says: over real sockets."""

from __future__ import annotations

import email.utils
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from clients.azure import errors
from clients.http import ATTEMPTS, NOT_COUNTED, Pipeline
from tests.support.servers.scripted_server import Reply, ScriptedServer

OK = Reply(200, {"fine": True})
LOST = Reply(0)
REFUSAL = {"error": {"code": "Broken", "message": "It is broken."}}


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses between two attempts, in seconds, which nobody waits for."""
    made: list[float] = []
    monkeypatch.setattr("urllib3.util.retry.time.sleep", made.append)
    monkeypatch.setattr("urllib3.util.retry.random.random", lambda: 0.0)
    return made


@contextmanager
def calling(*script: Reply) -> Iterator[tuple[Pipeline, ScriptedServer]]:
    pipeline = Pipeline(lambda: "t0ken")
    with ScriptedServer(*script).running() as server:
        yield pipeline, server
        pipeline.close()


def test_an_answer_carries_status_headers_and_body() -> None:
    with calling(Reply(202, {"state": "Running"}, {"Operation-Location": "/op", "Retry-After": "3"})) as (
        pipeline, server,
    ):  # fmt: skip
        answer = pipeline.send("POST", f"{server.url}/things", query={"api-version": "1"}, body={"name": "x"})

    assert (answer.status, answer.body, answer.headers["operation-location"]) == (
        202,
        {"state": "Running"},
        "/op",
    )
    assert answer.retry_after_s == 3.0
    (seen,) = server.seen
    assert (seen.method, seen.path, seen.body) == ("POST", "/things?api-version=1", {"name": "x"})
    assert seen.headers["Authorization"] == "Bearer t0ken"
    assert seen.headers["x-ms-client-request-id"]


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_passing_failure_is_repeated_where_the_method_may_be(
    method: str, status: int, pauses: list[float]
) -> None:
    with calling(Reply(status, REFUSAL), Reply(status, REFUSAL), OK) as (pipeline, server):
        assert pipeline.send(method, server.url).body == {"fine": True}

    assert pauses == [0.4]  # the first repeat is made at once


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_post_that_failed_midway_is_not_repeated(status: int, pauses: list[float]) -> None:
    failure = Reply(status, REFUSAL, {"Retry-After": "7"})
    with calling(failure) as (pipeline, server), pytest.raises(errors.ServiceError) as caught:
        pipeline.send("POST", server.url)

    assert len(server.seen) == 1
    assert caught.value.may_have_acted
    assert pauses == []


@pytest.mark.parametrize(
    ("headers", "pause_s"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "7", "retry-after-ms": "50"}, 0.05),
        ({"Retry-After": email.utils.formatdate(time.time() + 3600, usegmt=True)}, 60.0),
        ({"Retry-After": "3600"}, 60.0),
    ],
)
def test_a_post_that_was_put_off_is_repeated_when_told(
    headers: dict[str, str], pause_s: float, pauses: list[float]
) -> None:
    with calling(Reply(429, REFUSAL, headers), OK) as (pipeline, server):
        pipeline.send("POST", server.url)

    assert pauses == [pause_s]


@pytest.mark.parametrize(
    ("before", "in_doubt"), [([], False), ([Reply(503, REFUSAL)], True), ([LOST], True)], ids=str
)
def test_a_refusal_is_in_doubt_after_an_attempt_that_failed(before: list[Reply], in_doubt: bool) -> None:
    """The attempt before may have been carried out, and be the very reason of the refusal."""
    with (
        calling(*before, Reply(409, REFUSAL)) as (pipeline, server),
        pytest.raises(errors.Conflict) as caught,
    ):
        pipeline.send("PUT", server.url)

    assert caught.value.may_have_acted is in_doubt


def test_it_gives_up_after_some_attempts(pauses: list[float]) -> None:
    script = [Reply(503, REFUSAL)] * ATTEMPTS
    with calling(*script) as (pipeline, server), pytest.raises(errors.ServiceError) as caught:
        pipeline.send("GET", server.url)

    assert caught.value.status == 503
    assert len(server.seen) == ATTEMPTS
    assert pauses == [0.4, 0.8, 1.6]


def test_a_lost_answer_is_asked_for_again() -> None:
    with calling(LOST, OK) as (pipeline, server):
        assert pipeline.send("GET", server.url).body == {"fine": True}


def test_a_post_whose_answer_is_lost_is_in_doubt(pauses: list[float]) -> None:
    with calling(LOST) as (pipeline, server), pytest.raises(errors.ConnectionFailed) as caught:
        pipeline.send("POST", server.url)

    assert caught.value.sent
    assert "whether the request arrived is not known" in str(caught.value)
    assert pauses == []


def test_a_post_that_cannot_have_arrived_is_repeated(
    pauses: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    pipeline = Pipeline()
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, and not listening: refused
        with pytest.raises(errors.ConnectionFailed) as caught:
            pipeline.send("POST", f"http://127.0.0.1:{unused.getsockname()[1]}/x?sig=abc")

    assert not caught.value.sent
    assert pauses == [0.4, 0.8, 1.6, 3.2, 6.4], "long enough for a server that is started anew"
    assert len(pauses) == ATTEMPTS - 2 + NOT_COUNTED
    assert "Connection refused" in str(caught.value)
    assert "abc" not in str(caught.value)
    assert "after connection broken" in caplog.text, "urllib3 tells of each attempt"
    assert "abc" not in caplog.text


def test_a_put_that_was_lost_stays_in_doubt_when_nobody_listens_after_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def take_and_leave() -> None:
            with server.accept()[0] as connection:
                server.close()
                connection.recv(1000)

        thread = threading.Thread(target=take_and_leave)
        thread.start()
        with pytest.raises(errors.ConnectionFailed, match="Connection refused") as caught:
            Pipeline().send("PUT", f"http://127.0.0.1:{port}/thing")
        thread.join()

    assert caught.value.sent


@pytest.mark.parametrize(("method", "connections"), [("GET", ATTEMPTS), ("POST", 1)])
def test_a_connection_that_ends_amid_tls_is_as_one_that_ends(method: str, connections: int) -> None:
    """The end of TLS without the alert that announces it (RFC 8446, 6.1): the request may be there."""
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            for _ in range(connections):
                with server.accept()[0] as connection:
                    seen.append(connection.recv(1000))

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(errors.ConnectionFailed, match="EOF occurred in violation of protocol") as caught:
            Pipeline().send(method, f"https://127.0.0.1:{server.getsockname()[1]}/")
        thread.join()

    assert caught.value.sent
    assert len(seen) == connections


def test_plain_text_in_the_place_of_tls_is_told_at_once(pauses: list[float]) -> None:
    with calling(OK) as (pipeline, server), pytest.raises(errors.ConnectionFailed) as caught:
        pipeline.send("GET", server.url.replace("http:", "https:"))

    assert not caught.value.sent
    assert pauses == []


def test_an_answer_that_sends_elsewhere_is_a_refusal() -> None:
    elsewhere = Reply(302, {}, {"Location": "https://elsewhere.test/"})
    with calling(elsewhere) as (pipeline, server), pytest.raises(errors.ServiceError) as caught:
        pipeline.send("GET", server.url)

    assert str(caught.value) == f"GET {server.url}: 302 Found"


@pytest.mark.parametrize("given", ["/next?page=2", "{url}/next?page=2", "next?page=2"])
def test_an_address_that_an_answer_names_is_followed_with_the_token(given: str) -> None:
    with calling(OK) as (pipeline, server):
        pipeline.follow(given.replace("{url}", server.url), named_by=f"{server.url}/things")

    (seen,) = server.seen
    assert (seen.method, seen.path, seen.headers["Authorization"]) == ("GET", "/next?page=2", "Bearer t0ken")


@pytest.mark.parametrize(
    "given", ["https://arm.test:8443/x", "http://arm.test/x", "https://arm.test.evil/x", "//evil.test/x"]
)
def test_the_token_goes_to_no_other_server(given: str) -> None:
    with pytest.raises(errors.ClientError, match=r"^https://arm\.test/things names .*/x: refused to send"):
        Pipeline(lambda: "t0ken").follow(given, named_by="https://arm.test/things")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.ServiceError),
        (401, errors.Unauthorized),
        (403, errors.Unauthorized),
        (404, errors.NotFound),
        (409, errors.Conflict),
        (412, errors.QuotaExceeded),
    ],
)
def test_a_refusal_carries_its_data(
    status: int, kind: type[errors.ServiceError], pauses: list[float]
) -> None:
    refusal = Reply(status, REFUSAL, {"x-ms-request-id": "r-1"})
    with calling(refusal) as (pipeline, server), pytest.raises(errors.ServiceError) as caught:
        pipeline.send("GET", f"{server.url}/thing?sig=abc")

    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.code, caught.value.request_id) == (status, "Broken", "r-1")
    assert str(caught.value) == f"GET {server.url}/thing: {status} Broken: It is broken. (request r-1)"
    assert pauses == []


SECRETS: dict[str, Any] = {
    "private key": "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMG\n-----END PRIVATE KEY-----",
    "private key cut off": "-----BEGIN EC PRIVATE KEY-----\nMIGHAgEAMBMG",
    "token": "Authorization: Bearer MIGHAgEAMBMG",
    "signature": "https://host/blob?sv=1&sig=MIGHAgEAMBMG&se=2",
    "key in JSON": '{"primaryKey": "MIGHAgEAMBMG"}',
    "client secret": "client_secret=MIGHAgEAMBMG",
}


@pytest.mark.parametrize("text", SECRETS.values(), ids=SECRETS.keys())
def test_what_a_service_repeats_of_a_secret_is_left_out(text: str) -> None:
    with (
        calling(Reply(400, {"error": {"code": "Bad", "message": f"Cannot read {text}"}})) as (
            pipeline,
            server,
        ),
        pytest.raises(errors.ServiceError, match="Cannot read") as caught,
    ):
        pipeline.send("GET", server.url)

    assert "MIGHAgEAMBMG" not in str(caught.value)
