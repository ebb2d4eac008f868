"""An authority that has a bad day: what is waited for, what is told, and what is never sent twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from certs.acme import account, renewal_info
from certs.acme.pace import Pace
from certs.acme.session import Session
from certs.errors import AcmeError
from certs.sources.acme import AcmeSource
from certs.sources.self_signed import new_authority
from infra.providers.acme_certificate import AcmeCertificateProvider
from tests.support.acme_pace import LIMITED, NOON, pace
from tests.support.servers.proving_zone import ProvingZone
from tests.support.servers.scripted_server import Reply, ScriptedServer

NONCE = Reply(200, headers={"Replay-Nonce": "bm9uY2U"})
GRANTED = Reply(201, {"status": "valid"}, {"Replay-Nonce": "bm9uY2U", "Location": "/account/1"})


def limited(retry_after: str) -> Reply:
    problem = {"type": LIMITED, "detail": "too many registrations"}
    return Reply(429, problem, {"Retry-After": retry_after, "Replay-Nonce": "bm9uY2U"})


def session_with(server: ScriptedServer, waiting: Pace) -> Session:
    return Session(f"{server.url}/dir", account.new_account_key(), pace=waiting)


@contextmanager
def directory(*replies: Reply, meta: Mapping[str, Any] | None = None) -> Iterator[ScriptedServer]:
    """A directory that points back at the server, then the replies."""
    with ScriptedServer().running() as server:
        names = ("newNonce", "newAccount", "newOrder")
        links = {name: f"{server.url}/{name}" for name in names}
        server.extend(Reply(200, {**links, **(meta or {})}), *replies)
        yield server


def registered(*replies: Reply, deadline_s: float = 100.0) -> tuple[Callable[[], str], list[float]]:
    """Registers an account with such a server; and the pauses that were made."""
    waiting, pauses = pace(deadline_s)

    def register() -> str:
        with directory(*replies) as server:
            session = session_with(server, waiting)
            try:
                return account.register(session, None, None)
            finally:
                session.close()

    return register, pauses


def test_a_rate_limit_is_obeyed() -> None:
    register, pauses = registered(NONCE, limited("7"), NONCE, limited("30"), NONCE, GRANTED)

    assert register() == "/account/1"
    assert pauses == [7.0, 30.0]


def test_a_rate_limit_beyond_the_deadline_is_told_at_once() -> None:
    register, pauses = registered(NONCE, limited("3600"))

    with pytest.raises(AcmeError) as caught:
        register()

    assert pauses == []
    assert caught.value.problem_type == LIMITED
    assert f"{LIMITED}: too many registrations (it asks to come back after 3600 s)" in str(caught.value)


def test_an_answer_that_is_no_json_while_it_is_busy_is_waited_out() -> None:
    busy = Reply(503, headers={"Retry-After": "5"})
    register, pauses = registered(NONCE, busy, NONCE, GRANTED)

    assert register() == "/account/1"
    assert pauses == [5.0]


def test_connections_that_break_are_tried_three_times() -> None:
    broken = Reply(0)
    register, pauses = registered(NONCE, broken, broken, broken)

    with pytest.raises(AcmeError) as caught:
        register()

    assert [finding.code for finding in caught.value.findings] == ["acme-unreachable"]
    assert "registering an account: did not answer" in str(caught.value)
    assert len(pauses) == 2


def test_an_authority_without_advice_on_renewals_is_asked_for_none() -> None:
    waiting, _ = pace()
    leaf = new_authority("Any", NOON).certificate
    with directory() as server:
        session = session_with(server, waiting)
        assert renewal_info.suggested_window(session, leaf) is None
        session.close()

    assert [seen.path for seen in server.seen] == ["/dir"]


def test_a_refresh_does_not_wait_for_advice() -> None:
    busy = ScriptedServer(Reply(503, headers={"Retry-After": "60"}))
    with busy.running():
        props = {
            "directory": f"{busy.url}/dir",
            "account": f"{busy.url}/account/1",
            "key_of_account": account.key_pem(account.new_account_key()),
            "roots": "",
            "certificate": new_authority("Any", NOON).certificate_pem,
            "renew_at": "2026-12-01T00:00:00+00:00",
            "timeout_s": 600.0,
        }
        read = AcmeCertificateProvider().read("www.contoso.test", props)

    assert read.outs == props
    assert [seen.path for seen in busy.seen] == ["/dir"]


class Records:
    """CAA records that let nobody issue."""

    def require(self, dns_name: str, identities: object) -> None:
        raise PermissionError(dns_name)


@pytest.mark.parametrize("meta", [{}, {"meta": {}}, {"meta": {"caaIdentities": []}}])
def test_an_authority_that_tells_no_names_is_asked_whatever_the_caa_records_say(meta: dict[str, Any]) -> None:
    waiting, _ = pace()
    refused = Reply(400, {"type": f"{LIMITED}-not"}, {"Replay-Nonce": "bm9uY2U"})
    with directory(NONCE, refused, meta=meta) as server:
        session = session_with(server, waiting)
        session.sign_in("/account/1")
        with pytest.raises(AcmeError) as caught:
            AcmeSource(session, ProvingZone(), caa=Records()).obtain(["www.contoso.test"], NOON)
        session.close()

    assert caught.value.problem_type == f"{LIMITED}-not"
    assert [seen.path for seen in server.seen] == ["/dir", "/newNonce", "/newOrder"]
