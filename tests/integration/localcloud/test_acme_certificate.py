"""A server's certificate of a real authority (pebble), which asks the server's own name server for proofs."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dns.message
import dns.rrset
import pytest
from cryptography import x509

from certs.acme import order as orders
from certs.acme import renewal_info
from certs.acme.session import Session, load_key
from localcloud import control, ports, renewal
from localcloud.certificate import acme, acme_state
from localcloud.datafolder import backup
from localcloud.errors import StartError
from localcloud.server import Cloud
from localcloud.settings import Settings
from localcloud.status import Status
from surroundings.tls import client_context
from tests.support.localcloud import parts
from tests.support.localcloud.arm_caller import ArmCaller
from tests.support.pebble import server
from tests.support.pebble.resolver import Resolver
from tests.support.pebble.server import Pebble
from tests.support.servers.name_server import name_server, no_data, refusal
from tests.support.waiting import wait_until

NAME = "models.contoso.test"
HMAC_KEY = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
DNS_PORT = ports._free("127.0.0.1", set())
"""Of each server here, one after the other: the authority asks it."""


@pytest.fixture(scope="module")
def shared_resolver() -> Resolver:
    return Resolver(f"127.0.0.1:{DNS_PORT}")


@pytest.fixture
def resolver(shared_resolver: Resolver) -> Iterator[Resolver]:
    yield shared_resolver
    shared_resolver.lies = False


@pytest.fixture(scope="module")
def pebble(
    pebble_executable: Path, shared_resolver: Resolver, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pebble]:
    """One that proves each name anew, and refuses some nonces."""
    strict = {"PEBBLE_WFE_NONCEREJECT": "20", "PEBBLE_AUTHZREUSE": "0"}
    folder = tmp_path_factory.mktemp("pebble")
    with (
        shared_resolver.served() as address,
        server.running(pebble_executable, folder, address, environment=strict) as running,
    ):
        yield running


@pytest.fixture(scope="module")
def nothing_above() -> Iterator[str]:
    """A resolver that knows of no CAA records."""
    with name_server(no_data) as address:
        yield address


@pytest.fixture
def settings(tmp_path: Path, pebble: Pebble, nothing_above: str) -> Iterator[Settings]:
    """Of a localcloud without blob storage; stopped afterwards."""
    found = Settings(
        tmp_path / "data",
        tmp_path / "featurizers",
        name=NAME,
        dns_port=DNS_PORT,
        certificate_source="acme",
        acme_directory=pebble.directory,
        acme_terms_agreed=True,
        acme_contact="ops@contoso.com",
        acme_profile="default",
        acme_roots_file=pebble.roots,
        acme_resolvers=(nothing_above,),
    )
    yield found
    control.stop(found.data)


def shown(status: Status, url: str | None = None) -> x509.Certificate:
    """The certificate that a caller sees who was told the roots, and knows the server by its name."""
    port = int(str(url or status.https).rpartition(":")[2])
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as connection,
        client_context(cafile=status.ca).wrap_socket(connection, server_hostname=NAME) as spoken,
    ):
        found = spoken.getpeercert(binary_form=True)
    assert found is not None
    return x509.load_der_x509_certificate(found)


def issuer(status: Status, url: str | None = None) -> str:
    return shown(status, url).issuer.rfc4514_string()


def is_issued(data: Path, url: str | None = None) -> bool:
    return "Pebble" in issuer(control.status(data), url)


def orders_of(state: acme_state.State, pebble: Pebble) -> int:
    """How many orders the authority has had of the account."""
    (account,) = state.accounts.values()
    with closing(
        Session(pebble.directory, load_key(account.key), verify=str(pebble.https_roots), account=account.url)
    ) as session:
        url = session.fetch("reading the account", str(account.url)).json()["orders"]
        return len(session.fetch("reading the orders", url).json()["orders"])


def trouble(cloud: Cloud) -> str:
    told = cloud.status().certificate
    assert told is not None
    return told.trouble or ""


def test_the_own_certificate_is_shown_until_the_authoritys_comes(
    tmp_path: Path, settings: Settings, resolver: Resolver, pebble: Pebble
) -> None:
    whole = parts.settings(settings.data)
    settings = replace(settings, featurizers=whole.featurizers, node=whole.node, azurite=whole.azurite)
    with resolver.held(), Cloud(settings) as cloud:
        status = cloud.status()
        assert "localcloud CA" in issuer(status)
        assert control.status(settings.data) == status
        assert status.certificate is not None
        assert "is shown until the authority has issued one" in status.certificate.notes[0]
        for root in (pebble.roots, settings.data / "ca.pem"):
            assert root.read_text().strip() in status.ca.read_text(), "ready for what comes"
        assert resolver.asked.wait(30)
        cloud.stop()  # and waits for no proof
    with Cloud(settings) as cloud:
        wait_until(lambda: is_issued(settings.data))
        wait_until(lambda: is_issued(settings.data, cloud.status().blob))
        status = cloud.status()
        assert status.ca.read_text() == pebble.roots.read_text()
        assert status.certificate is not None
        assert (status.certificate.source, status.certificate.trouble) == ("acme", None)
        assert status.certificate.notes == ()
        assert control.status(settings.data) == status
        assert cloud._renewal is not None
        assert cloud._renewal.certificate_expires() == shown(status).not_valid_after_utc
        backup.write(settings.data, tmp_path / "all.tar", lambda _: None)
        serial = shown(status).serial_number
    file = settings.data / "acme.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    backup.restore(tmp_path / "all.tar", tmp_path / "restored", lambda _: None)
    for name in ("shown.pem", "roots.pem"):
        kept = (tmp_path / "restored" / name).read_bytes()
        assert kept == (settings.data / name).read_bytes(), "by what the restored one is trusted"
    with Cloud(replace(settings, data=tmp_path / "restored")) as cloud:
        assert shown(cloud.status()).serial_number == serial, "without a new order"
    assert acme_state.read(tmp_path / "restored") == acme_state.read(settings.data)
    assert orders_of(acme_state.read(settings.data), pebble) == 1


@pytest.mark.parametrize(("step", "is_done"), [("prove", False), ("finalize", False), ("finalize", True)])
def test_an_order_goes_on_behind_an_end_at_any_step(
    settings: Settings, pebble: Pebble, step: str, is_done: bool
) -> None:
    real = getattr(orders, step)

    def dies(*arguments: object) -> None:
        if is_done:
            real(*arguments)
        raise acme._Ending  # of the thread, as if the process were gone

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(orders, step, dies)
        with Cloud(settings):
            wait_until(lambda: "acme" not in {one.name for one in threading.enumerate()})
    placed = acme_state.read(settings.data).order
    assert placed is not None
    with Cloud(settings):
        wait_until(lambda: is_issued(settings.data))
    state = acme_state.read(settings.data)
    assert state.issued is not None
    assert state.issued.key == placed.key
    assert state.order is None
    assert orders_of(state, pebble) == 1


def test_behind_a_kill_a_certificate_comes_all_the_same(
    settings: Settings, resolver: Resolver, pebble: Pebble
) -> None:
    """In the midst of a proof, which the authority then does not find."""
    with resolver.held():
        running = control.start(settings)
        assert resolver.asked.wait(30)
        assert running.pid is not None
        os.kill(running.pid, signal.SIGKILL)
    status = control.start(settings)
    wait_until(lambda: is_issued(settings.data))
    assert control.status(settings.data).pid == status.pid
    state = acme_state.read(settings.data)
    assert state.issued is not None
    said = (settings.data / "localcloud.log").read_text()
    for secret in (state.issued.key, state.accounts[pebble.directory].key):
        assert secret.splitlines()[1] not in said


def test_a_proof_that_fails_is_told_and_not_tried_in_a_loop(
    settings: Settings, resolver: Resolver, pebble: Pebble, caplog: pytest.LogCaptureFixture
) -> None:
    resolver.lies = True
    with caplog.at_level(logging.ERROR), Cloud(settings) as cloud:
        wait_until(lambda: trouble(cloud) != "")
        told = trouble(cloud)
        assert f"the proof of {NAME}" in told
        assert "The next try is at " in told
        assert control.status(settings.data).certificate == cloud.status().certificate
        assert "localcloud CA" in issuer(cloud.status())
    assert len([line for line in caplog.messages if "cannot be renewed" in line]) == 1
    resolver.lies = False
    tries = acme_state.read(settings.data).tries
    assert tries.next_at is not None
    assert timedelta() < tries.next_at - datetime.now(UTC) <= timedelta(seconds=acme.FIRST_BACK_OFF_S)
    with Cloud(settings) as cloud:  # who starts it again and again has no more tries
        wait_until(lambda: trouble(cloud) == told)
        assert acme_state.read(settings.data).tries == tries
        assert tries.count == 1
    state = acme_state.read(settings.data)
    acme_state.write(settings.data, replace(state, tries=replace(tries, next_at=datetime.now(UTC))))
    with Cloud(settings) as cloud:
        wait_until(lambda: is_issued(settings.data))
        wait_until(lambda: trouble(cloud) == "")


def test_tries_grow_rarer(settings: Settings, resolver: Resolver, monkeypatch: pytest.MonkeyPatch) -> None:
    resolver.lies = True
    monkeypatch.setattr(acme, "FIRST_BACK_OFF_S", 0.2)
    with Cloud(settings):
        wait_until(lambda: acme_state.read(settings.data).tries.count == 3)
        tries = acme_state.read(settings.data).tries
        assert tries.next_at is not None
        assert tries.next_at - datetime.now(UTC) > timedelta(seconds=2)


def test_a_renewal_follows_the_authoritys_advice(
    settings: Settings, pebble: Pebble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acme, "LOOK_S", 0.2)
    monkeypatch.setattr(acme, "ADVICE_AFTER", timedelta())
    with Cloud(settings) as cloud:
        wait_until(lambda: is_issued(settings.data))
        first = acme_state.read(settings.data).issued
        assert first is not None
        assert first.renew_at is not None
        pebble.suggest(first.chain, "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z")
        serial = shown(cloud.status()).serial_number
        wait_until(lambda: shown(cloud.status()).serial_number != serial)
        assert control.status(settings.data).running
    second = acme_state.read(settings.data).issued
    assert second is not None
    assert second.key != first.key


def test_a_renewal_that_fails_leaves_what_is_shown(
    settings: Settings, resolver: Resolver, pebble: Pebble, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Cloud(settings) as cloud:
        wait_until(lambda: is_issued(settings.data))
        serial = shown(cloud.status()).serial_number
    state = acme_state.read(settings.data)
    assert state.issued is not None
    due = replace(state.issued, renew_at=datetime.now(UTC) - timedelta(days=1))
    acme_state.write(settings.data, replace(state, issued=due))
    monkeypatch.setattr(renewal_info, "suggested_window", lambda *_: None)
    resolver.lies = True
    with Cloud(settings) as cloud:
        wait_until(lambda: f"the proof of {NAME}" in trouble(cloud))
        assert shown(cloud.status()).serial_number == serial
        assert cloud.status().ca.read_text() == pebble.roots.read_text()


def test_an_authority_that_is_away_or_unknown_is_told(settings: Settings) -> None:
    away = replace(settings, acme_directory="https://127.0.0.1:9/dir")
    with Cloud(away) as cloud:
        wait_until(lambda: trouble(cloud) != "")
        assert "ACME directory https://127.0.0.1:9/dir" in trouble(cloud)
        assert "did not answer" in trouble(cloud)
    unknown = replace(settings, acme_roots_file=None)  # another authority: what failed there does not count
    with Cloud(unknown) as cloud:
        wait_until(lambda: "is not trusted" in trouble(cloud))
        assert "Name the roots of a private authority in --acme-roots-file." in trouble(cloud)
        wait_until(lambda: control.status(settings.data).running)


def test_roots_that_do_not_hold_what_it_issues_are_told(settings: Settings, pebble: Pebble) -> None:
    with Cloud(replace(settings, acme_roots_file=pebble.https_roots)) as cloud:
        wait_until(lambda: "is not among the roots that were given" in trouble(cloud) or trouble(cloud) != "")
        assert "localcloud CA" in issuer(cloud.status())
        assert "roots" in trouble(cloud)


def test_from_one_source_to_another_and_back_without_a_new_order(settings: Settings, pebble: Pebble) -> None:
    with Cloud(settings) as cloud:
        wait_until(lambda: is_issued(settings.data))
        serial = shown(cloud.status()).serial_number
    own = replace(
        settings,
        certificate_source="own",
        acme_directory=None,
        acme_terms_agreed=False,
        acme_contact=None,
        acme_profile=None,
        acme_roots_file=None,
        acme_resolvers=(),
    )
    with Cloud(own) as cloud:
        assert "localcloud CA" in issuer(cloud.status())
        assert control.status(own.data) == cloud.status()
    with Cloud(settings) as cloud:
        assert shown(cloud.status()).serial_number == serial
    assert orders_of(acme_state.read(settings.data), pebble) == 1


def test_another_name_is_ordered_and_another_contact_told(settings: Settings, pebble: Pebble) -> None:
    with Cloud(settings):
        wait_until(lambda: is_issued(settings.data))
    other = replace(settings, name="other.contoso.test", acme_contact="new@contoso.com")
    with Cloud(other):
        wait_until(
            lambda: (acme_state.read(settings.data).issued or nothing()).names == ("other.contoso.test",)
        )
    account = acme_state.read(settings.data).accounts[pebble.directory]
    assert account.contact == "new@contoso.com"


def nothing() -> acme_state.Issued:
    return acme_state.Issued("", (), "", "")


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"accounts": {"u": 1}}', b"\xff"])
def test_a_damaged_state_is_refused_in_words(settings: Settings, content: bytes) -> None:
    settings.data.mkdir(mode=0o700)
    (settings.data / "lock").touch(mode=0o600)
    (settings.data / "acme.json").write_bytes(content)
    with pytest.raises(StartError, match=r"acme\.json is damaged: restore a backup .* or delete it"):
        Cloud(settings).start()
    assert (settings.data / "acme.json").read_bytes() == content


def test_a_chain_that_is_damaged_inside_is_refused_in_words(settings: Settings) -> None:
    settings.data.mkdir(mode=0o700)
    (settings.data / "lock").touch(mode=0o600)
    issued = acme_state.Issued(str(settings.acme_directory), (NAME,), "nonsense", "nonsense")
    acme_state.write(settings.data, acme_state.State(issued=issued))
    with pytest.raises(StartError, match=r"acme\.json is damaged \(.*\): restore a backup .* or delete it"):
        Cloud(settings).start()


OURS, OTHER = "pebble.letsencrypt.org", "ca.example.net"
"""The authority's own name, and another's."""


def lets_issue(issuer: str, at: str) -> Callable[[dns.message.Message], dns.message.Message]:
    """Answers that this one may issue for what is below a name, and nothing else."""

    def reply(query: dns.message.Message) -> dns.message.Message:
        response = no_data(query)
        if query.question[0].name.to_text() == f"{at}.":
            response.answer.append(dns.rrset.from_text(f"{at}.", 60, "IN", "CAA", f'0 issue "{issuer}"'))
        return response

    return reply


def test_records_elsewhere_that_shut_the_authority_out_are_told_before_it_is_asked(
    settings: Settings, resolver: Resolver, pebble: Pebble
) -> None:
    with name_server(lets_issue(OTHER, "contoso.test")) as address:
        asked = replace(settings, acme_resolvers=(address,))
        with Cloud(asked) as cloud:
            wait_until(lambda: trouble(cloud) != "")
            assert (
                f"CAA records at contoso.test: let {OTHER} issue (issue); the authority issues as {OURS} "
                "(caaIdentities of its directory)."
            ) in trouble(cloud)
            assert f"name {OURS}, or choose another authority by --acme-directory" in trouble(cloud)
            assert "The next try is at " in trouble(cloud)
            assert "localcloud CA" in issuer(cloud.status())
    assert orders_of(acme_state.read(settings.data), pebble) == 0
    (settings.data / "acme.json").unlink()
    with (
        name_server(lets_issue(OURS, "contoso.test")) as address,
        Cloud(replace(settings, acme_resolvers=(address,))),
    ):
        wait_until(lambda: is_issued(settings.data))


def test_records_of_its_own_zone_are_asked_of_its_own_name_server(
    settings: Settings, resolver: Resolver
) -> None:
    """Whatever resolvers have kept of it."""
    plain = Settings(settings.data, settings.featurizers, name=NAME, dns_port=DNS_PORT)
    with Cloud(plain) as cloud, closing(ArmCaller(cloud)) as arm:
        group = f"{arm.subscription}/resourceGroups/group"
        assert arm("PUT", group, {"location": "eastus2"}).ok
        zone = f"{group}/providers/Microsoft.Network/dnsZones/contoso.test"
        assert arm("PUT", zone, {"location": "global"}, version="2018-05-01").ok
        records = {"TTL": 60, "caaRecords": [{"flags": 0, "tag": "issue", "value": OTHER}]}
        assert arm("PUT", f"{zone}/CAA/@", {"properties": records}, version="2018-05-01").ok
    with (
        name_server(lets_issue(OURS, "contoso.test")) as address,
        Cloud(replace(settings, acme_resolvers=(address,))) as cloud,
    ):
        wait_until(lambda: trouble(cloud) != "")
        assert f"CAA records at contoso.test: let {OTHER} issue" in trouble(cloud)


def test_what_no_resolver_tells_is_left_to_the_authority(settings: Settings, resolver: Resolver) -> None:
    with name_server(refusal) as address, Cloud(replace(settings, acme_resolvers=(address,))):
        wait_until(lambda: is_issued(settings.data))


def test_an_authority_that_asks_for_a_binding(
    settings: Settings, pebble_executable: Path, shared_resolver: Resolver, tmp_path: Path
) -> None:
    hmac_key = tmp_path / "hmac"
    with (
        shared_resolver.served() as address,
        server.running(
            pebble_executable, tmp_path / "pebble", address, bindings={"kid-1": HMAC_KEY}
        ) as exclusive,
    ):
        asked = replace(settings, acme_directory=exclusive.directory, acme_roots_file=exclusive.roots)
        with Cloud(asked) as cloud:
            wait_until(lambda: "registers accounts with an external account binding only" in trouble(cloud))
        (settings.data / "acme.json").unlink()
        bound = replace(asked, acme_eab_key_id="kid-1", acme_eab_hmac_key_file=hmac_key)
        with pytest.raises(StartError, match=r"--acme-eab-hmac-key-file .* cannot be read \(No such file"):
            Cloud(bound).start()
        hmac_key.write_text(f"{HMAC_KEY}\n")
        with Cloud(bound):
            wait_until(lambda: is_issued(settings.data))
        assert HMAC_KEY not in (settings.data / "acme.json").read_text()
        assert HMAC_KEY not in (settings.data / "localcloud.log").read_text()


def test_a_file_of_roots_that_is_none_is_named(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"--acme-roots-file: .*nowhere\.pem: does not exist"):
        Cloud(replace(settings, acme_roots_file=tmp_path / "nowhere.pem")).start()


def test_no_secret_is_in_a_representation(settings: Settings) -> None:
    with Cloud(settings):
        wait_until(lambda: is_issued(settings.data))
    state = acme_state.read(settings.data)
    assert "PRIVATE" not in repr(state)
    assert "PRIVATE" in json.dumps(json.loads((settings.data / "acme.json").read_bytes()))
    assert renewal.INTERVAL_S
