"""GitHub's REST API at its worst: rate limits, failures, tokens that may not, answers that are none."""

from __future__ import annotations

import email.utils
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from fpga.errors import CommandError
from fpga.github.client import LONGEST_PAUSE_S, Access, Github
from fpga.github.errors import GithubError
from tests.support.github.command import github, github_server
from tests.support.github.stand_in import PERSONAL_TOKEN, REPOSITORY, WORKFLOW_TOKEN, Fault, StandIn

__all__ = ["github", "github_server"]


@pytest.fixture
def client(github: StandIn) -> Iterator[Github]:
    with Github(Access(github.url, REPOSITORY, PERSONAL_TOKEN)) as client:
        yield client


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses between two attempts, in seconds, which nobody waits for."""
    made: list[float] = []
    monkeypatch.setattr("urllib3.util.retry.time.sleep", made.append)
    return made


def write(client: Github) -> None:
    client.change("POST", "issues/7/comments", "pull-requests: write", {"body": "Hello"})


@pytest.mark.parametrize("status", [403, 429])
def test_what_a_rate_limit_puts_off_is_sent_again_after_the_pause(
    status: int, client: Github, github: StandIn
) -> None:
    github.faults.append(Fault("POST", "/comments$", status, {"Retry-After": "1"}))
    began = time.monotonic()
    write(client)
    assert time.monotonic() - began >= 1
    assert [comment["body"] for comment in github.comments] == ["Hello"]


def test_a_pause_may_be_told_as_a_date(client: Github, github: StandIn) -> None:
    past = email.utils.formatdate(0, usegmt=True)
    github.faults.append(Fault("GET", "/comments$", 429, {"Retry-After": past}))
    assert list(client.pages("issues/7/comments", "pull-requests: read")) == []


def test_a_long_pause_is_announced_and_bounded(github: StandIn, pauses: list[float]) -> None:
    notes: list[str] = []
    github.faults.append(Fault("POST", "/comments$", 429, {"Retry-After": "3600"}))
    with Github(Access(github.url, REPOSITORY, PERSONAL_TOKEN), notes.append) as client:
        write(client)
    assert pauses == [LONGEST_PAUSE_S]
    assert notes == ["GitHub asks to wait: going on in 120 s."]


def test_a_used_up_rate_limit_is_told_as_that(client: Github, github: StandIn) -> None:
    headers = {"x-ratelimit-remaining": "0"}
    github.faults.append(Fault("POST", "/comments$", 403, headers, "API rate limit exceeded"))
    with pytest.raises(GithubError, match="The token's rate limit is used up") as caught:
        write(client)
    assert caught.value.status == 403
    assert "permission" not in str(caught.value)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_what_can_be_done_twice_is_asked_again_after_a_failure(
    status: int, client: Github, github: StandIn
) -> None:
    comment = github.comment(7, "before")
    github.faults += [Fault("GET", "/comments$", status), Fault("PATCH", "/comments/", status, done=True)]
    assert [one["body"] for one in client.pages("issues/7/comments", "pull-requests: read")] == ["before"]
    client.change("PATCH", f"issues/comments/{comment['id']}", "pull-requests: write", {"body": "after"})
    assert [one["body"] for one in github.comments] == ["after"]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_what_may_have_been_done_is_not_sent_twice(status: int, client: Github, github: StandIn) -> None:
    github.faults.append(Fault("POST", "/comments$", status, {"Retry-After": "0"}, "Oops", done=True))
    with pytest.raises(GithubError, match=f"/repos/contoso/fpga/issues/7/comments: {status} Oops") as caught:
        write(client)
    assert caught.value.status == status
    assert len(github.comments) == 1


def test_a_failure_that_stays_is_told_in_the_end(
    client: Github, github: StandIn, pauses: list[float]
) -> None:
    github.faults += [Fault("GET", "/comments$", 429, {"Retry-After": "7"}) for _ in range(9)]
    with pytest.raises(GithubError, match="429 refused by the test") as caught:
        list(client.pages("issues/7/comments", "pull-requests: read"))
    assert caught.value.status == 429
    assert len(github.seen) == 6
    assert pauses == [7] * 5


def test_every_page_is_read(client: Github, github: StandIn) -> None:
    for number in range(5):
        github.comment(7, str(number))
    found = [one["body"] for one in client.pages("issues/7/comments", "pull-requests: read")]
    assert found == ["0", "1", "2", "3", "4"]
    assert len(github.seen) == 3


def test_a_page_elsewhere_does_not_get_the_token(client: Github, github: StandIn) -> None:
    elsewhere = '<https://example.invalid/repos/contoso/fpga/issues/7/comments?page=2>; rel="next"'
    github.faults.append(Fault("GET", "/comments$", 200, {"Link": elsewhere}, body=[]))
    with pytest.raises(GithubError, match=r"next page is said to be at https://example\.invalid/repos"):
        list(client.pages("issues/7/comments", "pull-requests: read"))


def test_an_answer_that_is_no_list_is_told(client: Github, github: StandIn) -> None:
    github.faults.append(Fault("GET", "/comments$", 200))
    with pytest.raises(GithubError, match="the answer is not a list; is GITHUB_API_URL an API"):
        list(client.pages("issues/7/comments", "pull-requests: read"))


def test_what_does_not_exist_may_be_hidden(client: Github) -> None:
    with pytest.raises(GithubError, match="404 Not Found") as caught:
        client.ask("no/such", "actions: read")
    assert caught.value.status == 404
    assert "does not exist, or GITHUB_TOKEN may not see it (`actions: read`)" in str(caught.value)


def test_a_token_that_ended_is_told(github: StandIn) -> None:
    token = "ghs_ended"
    with Github(Access(github.url, REPOSITORY, token)) as client, pytest.raises(GithubError) as caught:
        write(client)
    assert caught.value.status == 401
    assert "Bad credentials. GITHUB_TOKEN is not valid, or no longer" in str(caught.value)
    assert token not in str(caught.value)


def test_who_a_token_is_of(github: StandIn) -> None:
    for token, login in ((PERSONAL_TOKEN, "ada"), (WORKFLOW_TOKEN, None)):
        with Github(Access(github.url, REPOSITORY, token)) as client:
            assert client.login() == login


@pytest.mark.usefixtures("pauses")
def test_nobody_there_is_told_without_the_library_s_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with (
        Github(Access(url, REPOSITORY, PERSONAL_TOKEN)) as client,
        pytest.raises(
            GithubError, match=r"POST http://127\.0\.0\.1:\d+/repos/contoso/fpga/issues/7/"
        ) as caught,
    ):
        write(client)
    assert caught.value.status is None
    assert "no answer (ConnectionError)" in str(caught.value)


def test_a_line_that_breaks_after_a_post_is_not_tried_again() -> None:
    with _hanging_up() as (url, calls):
        with Github(Access(url, REPOSITORY, PERSONAL_TOKEN)) as client, pytest.raises(GithubError):
            write(client)
        assert calls == ["POST"]


@contextmanager
def _hanging_up() -> Iterator[tuple[str, list[str]]]:
    """A server that reads a request and ends the connection; the methods of what came."""
    calls: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    calls.append(connection.recv(65536).decode().split()[0])

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", calls
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


VARIABLES = {
    "GITHUB_REPOSITORY": REPOSITORY,
    "GITHUB_TOKEN": "t0ken",
    "GITHUB_API_URL": "https://ghe.test/api/v3/",
}


def test_a_workflow_s_variables_say_where_and_who() -> None:
    assert Access.read(None, VARIABLES) == Access("https://ghe.test/api/v3", REPOSITORY, "t0ken")
    assert Access.read("ada/fork", {"GITHUB_TOKEN": "t"}) == Access("https://api.github.com", "ada/fork", "t")
    assert "t0ken" not in repr(Access.read(None, VARIABLES))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"GITHUB_TOKEN": ""}, "GITHUB_TOKEN is not set"),
        ({"GITHUB_TOKEN": "s3cret\nX-Other: header"}, "GITHUB_TOKEN is not a token"),
        ({"GITHUB_REPOSITORY": ""}, "no repository is named: give --repository OWNER/NAME"),
        ({"GITHUB_REPOSITORY": "../../user"}, "'../../user' is not OWNER/NAME"),
        ({"GITHUB_REPOSITORY": "a/.."}, "'a/..' is not OWNER/NAME"),
        ({"GITHUB_API_URL": "http://ghe.test"}, "a token is sent over https alone"),
        ({"GITHUB_API_URL": "http://127.0.0.1.ghe.test"}, "a token is sent over https alone"),
    ],
)
def test_variables_that_cannot_be_used_are_named(changed: dict[str, str], message: str) -> None:
    with pytest.raises(CommandError) as caught:
        Access.read(None, {**VARIABLES, **changed})
    assert message in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_bodies_are_sent_as_json(client: Github, github: StandIn) -> None:
    write(client)
    (seen,) = github.seen
    assert seen.headers["content-type"] == "application/json"
    assert seen.headers["accept"] == "application/vnd.github+json"
    assert json.dumps(github.comments[0]["user"]) == '{"login": "ada"}'
