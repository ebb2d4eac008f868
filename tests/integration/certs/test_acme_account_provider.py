"""The account as a resource, at a real authority (pebble): from its registration to its end."""

from __future__ import annotations

import datetime as dt
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from certs.errors import AcmeError
from certs.sources.acme import AcmeSource
from infra.providers.acme_account import AcmeAccountProvider, session
from tests.support.certificates.authority import Authority
from tests.support.pebble import server
from tests.support.pebble.server import Pebble
from tests.support.servers.proving_zone import ProvingZone
from tests.support.servers.relay import Relay

NAME = "www.contoso.test"
DEACTIVATED = "urn:ietf:params:acme:error:unauthorized"


@pytest.fixture(scope="module")
def zone() -> ProvingZone:
    return ProvingZone()


@pytest.fixture(scope="module")
def pebble(
    pebble_executable: Path, zone: ProvingZone, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pebble]:
    with (
        zone.served() as address,
        server.running(pebble_executable, tmp_path_factory.mktemp("pebble"), address) as running,
    ):
        yield running


@pytest.fixture
def props(pebble: Pebble) -> dict[str, Any]:
    return {
        "directory": pebble.directory,
        "email": "hostmaster@contoso.com",
        "eab_key_id": "",
        "eab_hmac_key": "",
        "roots": pebble.https_roots.read_text(),
        "timeout_s": 60.0,
    }


def status(account: dict[str, Any]) -> str:
    with session(account, account["url"]) as acme:
        return str(acme.fetch("reading the account", account["url"]).json()["status"])


def test_a_run_that_died_while_it_registered_is_followed_by_one_that_ends_well(
    props: dict[str, Any], zone: ProvingZone
) -> None:
    """The state never heard of the first account: it stays, unused, at the authority."""
    lost = AcmeAccountProvider().create(props).outs
    account = AcmeAccountProvider().create(props).outs

    assert lost is not None
    assert account is not None
    assert lost["url"] != account["url"]
    with session(account, account["url"]) as acme:
        assert AcmeSource(acme, zone).obtain([NAME], dt.datetime.now(dt.UTC)).reading.bundle().dns_names == (
            NAME,
        )
    assert zone.left == {}


def test_where_the_authority_is_out_of_reach_nothing_is_registered(props: dict[str, Any]) -> None:
    relay = Relay(urlsplit(props["directory"]).port or 0)
    directory = f"https://127.0.0.1:{relay.port}/dir"
    with relay.closed(), pytest.raises(AcmeError, match="did not answer"):
        AcmeAccountProvider().create(props | {"directory": directory})

    created = AcmeAccountProvider().create(props | {"directory": directory})
    account = created.outs
    assert account is not None
    with relay.closed(), pytest.raises(AcmeError) as caught:
        AcmeAccountProvider().delete(created.id, account)
    relay.close()
    said = str(caught.value)
    assert said.startswith(f"ACME directory {directory}: did not answer (")
    assert "Run again when it answers. " in said
    assert "If the authority is gone for good, `pulumi state delete URN` takes its account out of" in said
    assert [one.code for one in caught.value.findings] == ["acme-unreachable"]


def test_a_closed_port_and_a_foreign_root_are_told_in_the_systems_words(props: dict[str, Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        closed = f"https://127.0.0.1:{free.getsockname()[1]}/dir"
    with pytest.raises(AcmeError) as refused:
        AcmeAccountProvider().create(props | {"directory": closed})
    with pytest.raises(AcmeError) as foreign:
        AcmeAccountProvider().create(props | {"roots": Authority("another").root.decode()})

    where = f"ACME directory {props['directory']}"
    assert str(refused.value) == (
        f"ACME directory {closed}: did not answer (Connection refused). Run again when it answers."
    )
    assert str(foreign.value).startswith(f"{where}: is not trusted (")
    assert "HTTPSConnection" not in str(foreign.value)
    assert str(foreign.value).endswith(
        "). Name the roots of a private authority in fpga-web-service:acmeRootsFile."
    )


def test_it_is_changed_and_deactivated_at_the_end(props: dict[str, Any]) -> None:
    provider = AcmeAccountProvider()
    created = provider.create(props)
    olds = created.outs
    assert olds is not None

    news = props | {"email": "webmaster@contoso.com", "roots": props["roots"]}
    account = provider.update(created.id, olds, news).outs
    assert account is not None
    assert (account["key"], account["url"]) == (olds["key"], created.id)
    with session(account, account["url"]) as acme:
        told = acme.fetch("reading the account", account["url"]).json()
        assert told["contact"] == ["mailto:webmaster@contoso.com"]
    assert status(account) == "valid"

    # a state from before the deadline could be set
    del account["timeout_s"]
    provider.delete(created.id, account)
    with pytest.raises(AcmeError) as caught:
        status(account)
    assert caught.value.problem_type == DEACTIVATED
    provider.delete(created.id, account)
