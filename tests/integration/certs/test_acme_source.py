"""Certificates from a real authority (pebble), whose resolver is a zone of the tests' own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from certs import checks
from certs.acme import account, renewal_info
from certs.acme.account import ExternalAccountBinding
from certs.acme.session import Session, trusted
from certs.bundle import read_roots
from certs.errors import AcmeError
from certs.findings import Origin
from certs.sources.acme import AcmeSource
from infra.settings.certificate_names import MAXIMUM
from tests.support.pebble import server
from tests.support.pebble.server import Pebble
from tests.support.servers.proving_zone import ProvingZone

NAME = "www.contoso.test"
PROOF = f"_acme-challenge.{NAME}"
BINDING = ExternalAccountBinding("kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W")


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@pytest.fixture(scope="module")
def shared_zone() -> ProvingZone:
    return ProvingZone()


@pytest.fixture
def zone(shared_zone: ProvingZone) -> ProvingZone:
    shared_zone.forget()
    return shared_zone


@pytest.fixture(scope="module")
def pebble(
    pebble_executable: Path, shared_zone: ProvingZone, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pebble]:
    """One that refuses most nonces, and proves each name anew."""
    strict = {"PEBBLE_WFE_NONCEREJECT": "60", "PEBBLE_AUTHZREUSE": "0"}
    folder = tmp_path_factory.mktemp("pebble")
    with (
        shared_zone.served() as address,
        server.running(pebble_executable, folder, address, environment=strict) as running,
    ):
        yield running


@dataclass
class Customer:
    """A session with an account."""

    session: Session
    url: str


@pytest.fixture
def sign_up(pebble: Pebble) -> Iterator[Callable[..., Customer]]:
    sessions: list[Session] = []

    def make(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | None = None) -> Customer:
        session = Session(pebble.directory, key or account.new_account_key(), verify=str(pebble.https_roots))
        sessions.append(session)
        return Customer(session, account.register(session, "hostmaster@contoso.com", None))

    yield make
    for session in sessions:
        session.close()


@pytest.fixture
def customer(sign_up: Callable[..., Customer]) -> Customer:
    return sign_up()


def refusal(caught: pytest.ExceptionInfo[AcmeError]) -> tuple[str, str]:
    (finding,) = caught.value.findings
    return finding.code, str(caught.value)


@pytest.mark.parametrize("names", [[NAME], [NAME, f"*.{NAME}"], ["xn--bcher-kva.contoso.test"]])
def test_what_is_issued_fits(pebble: Pebble, customer: Customer, zone: ProvingZone, names: list[str]) -> None:
    source = AcmeSource(customer.session, zone, profile="default", roots_pem=pebble.roots.read_text())
    obtained = source.obtain(names, now())

    roots = read_roots(pebble.roots.read_text(), Origin("roots", "roots.pem"))
    bundle = checks.require(obtained.reading, names[0], now(), roots).bundle
    assert sorted(bundle.dns_names) == sorted(names)
    assert bundle.not_after - bundle.not_before >= dt.timedelta(days=89)
    assert obtained.root_pem == pebble.roots.read_text()
    assert zone.published
    assert zone.left == {}


def test_each_certificate_has_a_key_of_its_own(customer: Customer, zone: ProvingZone) -> None:
    source = AcmeSource(customer.session, zone, profile="shortlived")

    first, second = (source.obtain([NAME], now()).reading.bundle() for _ in range(2))

    assert first.key_pem != second.key_pem
    assert first.not_after - first.not_before < dt.timedelta(days=7)


def test_an_account_may_have_an_rsa_key(sign_up: Callable[..., Customer], zone: ProvingZone) -> None:
    customer = sign_up(rsa.generate_private_key(public_exponent=65537, key_size=2048))

    assert AcmeSource(customer.session, zone).obtain([NAME], now()).reading.bundle().dns_names == (NAME,)


def test_what_a_run_that_died_left_is_removed_first(customer: Customer, zone: ProvingZone) -> None:
    zone.present({PROOF: ["of-a-run-that-died"]})

    AcmeSource(customer.session, zone).obtain([NAME], now())

    assert zone.removed[0] == PROOF
    assert zone.left == {}


def test_a_proof_that_is_not_found_is_told_with_the_authoritys_words(
    customer: Customer, zone: ProvingZone
) -> None:
    zone.tampered.add(PROOF)

    with pytest.raises(AcmeError) as caught:
        AcmeSource(customer.session, zone).obtain([NAME], now())

    code, words = refusal(caught)
    assert code == "acme-refused"
    assert caught.value.problem_type == "urn:ietf:params:acme:error:unauthorized"
    assert words.endswith("Is the zone delegated to its name servers, by NS records at its parent?")
    assert f"the proof of {NAME}: urn:ietf:params:acme:error:unauthorized: Correct value not found" in words
    assert zone.left == {}


MORE = [NAME, "cats.contoso.test", "dogs.contoso.test"]
PROOFS = [f"_acme-challenge.{name}" for name in MORE]


def orders_of(customer: Customer) -> list[str]:
    """The URLs of the account's orders at the authority."""
    url = customer.session.fetch("reading the account", customer.url).json()["orders"]
    return list(customer.session.fetch("reading the orders", url).json()["orders"])


def test_several_names_are_proved_together_by_one_order(customer: Customer, zone: ProvingZone) -> None:
    bundle = AcmeSource(customer.session, zone).obtain(MORE, now()).reading.bundle()

    assert sorted(bundle.dns_names) == sorted(MORE)
    assert len(orders_of(customer)) == 1
    assert sorted(zone.published) == sorted(PROOFS), "each is published once"
    assert zone.most == len(PROOFS), "all of them at the same time"
    assert zone.left == {}


def test_as_many_names_as_an_authority_takes_are_one_order(
    pebble_executable: Path, zone: ProvingZone, tmp_path: Path
) -> None:
    names = [f"n{number}.contoso.test" for number in range(MAXIMUM)]
    with (
        zone.served() as address,
        server.running(pebble_executable, tmp_path / "pebble", address) as patient,
        closing(
            Session(patient.directory, account.new_account_key(), verify=str(patient.https_roots))
        ) as acme,
    ):
        customer = Customer(acme, account.register(acme, None, None))
        bundle = AcmeSource(acme, zone).obtain(names, now()).reading.bundle()
        assert len(orders_of(customer)) == 1

    assert sorted(bundle.dns_names) == sorted(names)
    assert zone.most == MAXIMUM
    assert zone.left == {}


def test_proofs_that_are_refused_are_told_together_and_leave_nothing(
    customer: Customer, zone: ProvingZone
) -> None:
    zone.tampered.update(PROOFS[1:])

    with pytest.raises(AcmeError) as caught:
        AcmeSource(customer.session, zone).obtain(MORE, now())

    assert [finding.code for finding in caught.value.findings] == ["acme-refused"] * 2
    told = sorted(finding.subject.rpartition(" ")[2] for finding in caught.value.findings)
    assert told == MORE[1:]
    assert caught.value.problem_type == "urn:ietf:params:acme:error:unauthorized"
    assert sorted(zone.published) == sorted(PROOFS)
    assert zone.left == {}


class StubbornZone(ProvingZone):
    """Fails to remove what was published at one name."""

    def cleanup(self, name: str) -> None:
        if name == PROOFS[0] and self.published:
            raise ConnectionError("the zone is gone")
        super().cleanup(name)


def test_a_record_that_stays_keeps_no_other_there_and_hides_no_reason(customer: Customer) -> None:
    zone = StubbornZone()

    with pytest.raises(AcmeError, match="the proof of"):  # nobody serves this zone to the authority
        AcmeSource(customer.session, zone).obtain(MORE, now())

    assert sorted(zone.published) == sorted(PROOFS)
    assert list(zone.left) == [PROOFS[0]]


class BrokenZone(ProvingZone):
    def present(self, proofs: Mapping[str, Sequence[str]]) -> None:
        super().present(proofs)
        raise ConnectionError("the zone is gone")


def test_the_record_goes_when_publishing_it_fails(customer: Customer) -> None:
    zone = BrokenZone()

    with pytest.raises(ConnectionError, match="the zone is gone"):
        AcmeSource(customer.session, zone).obtain([NAME], now())

    assert zone.published == [PROOF]
    assert zone.left == {}


def test_a_name_that_it_does_not_serve(customer: Customer, zone: ProvingZone) -> None:
    with pytest.raises(AcmeError) as caught:
        AcmeSource(customer.session, zone).obtain(["www.blocked.test"], now())

    code, words = refusal(caught)
    assert code == "acme-refused"
    assert "urn:ietf:params:acme:error:rejectedIdentifier" in words
    assert "choose another name or authority" in words
    assert zone.published == []


class Records:
    """What the names' CAA records say: nobody may issue for names that are `shut`."""

    def __init__(self, shut: str = "") -> None:
        self.asked: list[tuple[str, list[str]]] = []
        self._shut = shut

    def require(self, dns_name: str, identities: Sequence[str]) -> None:
        self.asked.append((dns_name, list(identities)))
        if dns_name == self._shut:
            raise PermissionError(f"nobody may issue for {dns_name}")


def test_caa_records_are_asked_before_the_authority(customer: Customer, zone: ProvingZone) -> None:
    known, other = ["pebble.letsencrypt.org"], f"*.{NAME}"
    permissive, strict = Records(), Records(shut=other)

    AcmeSource(customer.session, zone, caa=permissive).obtain([NAME], now())
    zone.present({PROOF: ["of-a-run-that-died"]})
    with pytest.raises(PermissionError, match="nobody may issue"):
        AcmeSource(customer.session, zone, caa=strict).obtain([NAME, other], now())

    assert permissive.asked == [(NAME, known)]
    assert strict.asked == [(NAME, known), (other, known)]
    assert len(orders_of(customer)) == 1
    assert zone.left == {}


def test_a_profile_that_it_does_not_have(customer: Customer, zone: ProvingZone) -> None:
    with pytest.raises(AcmeError) as caught:
        AcmeSource(customer.session, zone, profile="classic").obtain([NAME], now())

    code, words = refusal(caught)
    assert code == "acme-unfit"
    assert "has no profile 'classic': it offers default, momentary, shortlived." in words


def test_a_renewal_names_what_it_replaces_as_often_as_it_is_tried(
    customer: Customer, zone: ProvingZone
) -> None:
    first = AcmeSource(customer.session, zone).obtain([NAME], now()).reading.bundle()
    follows = renewal_info.certificate_id(first.leaf)

    renewing = AcmeSource(customer.session, zone, replaces=follows)
    renewed = [renewing.obtain([NAME], now()).reading.bundle() for _ in range(2)]

    assert len({first.fingerprint_sha256, *(bundle.fingerprint_sha256 for bundle in renewed)}) == 3


def test_a_key_that_is_registered_keeps_its_account(sign_up: Callable[..., Customer]) -> None:
    key = account.new_account_key()

    assert sign_up(key).url == sign_up(key).url


def test_an_account_is_changed_and_ended(customer: Customer, zone: ProvingZone) -> None:
    account.set_contact(customer.session, customer.url, "other@contoso.com")
    told = customer.session.fetch("reading the account", customer.url).json()
    assert told["contact"] == ["mailto:other@contoso.com"]

    account.deactivate(customer.session, customer.url)
    account.deactivate(customer.session, customer.url)

    with pytest.raises(AcmeError) as caught:
        AcmeSource(customer.session, zone).obtain([NAME], now())
    assert caught.value.problem_type == "urn:ietf:params:acme:error:unauthorized"


def test_advice_on_renewals_is_a_window(pebble: Pebble, customer: Customer, zone: ProvingZone) -> None:
    bundle = AcmeSource(customer.session, zone, profile="default").obtain([NAME], now()).reading.bundle()

    window = renewal_info.suggested_window(customer.session, bundle.leaf)
    assert window is not None
    assert bundle.not_before < window.start < window.end < bundle.not_after

    pebble.suggest(bundle.certificate_pem, "2026-01-02T04:00:00Z", "2026-01-03T04:00:00.5+01:00")
    earlier = renewal_info.suggested_window(customer.session, bundle.leaf)
    assert earlier is not None
    assert earlier.start == dt.datetime(2026, 1, 2, 4, tzinfo=dt.UTC)
    assert earlier.end == dt.datetime(2026, 1, 3, 3, 0, 0, 500_000, tzinfo=dt.UTC)


NONSENSE = [
    "[]",
    '{"suggestedWindow": {}}',
    '{"suggestedWindow": {"start": "soon", "end": "later"}}',
    '{"suggestedWindow": {"start": "2026-01-03T00:00:00Z", "end": "2026-01-02T00:00:00Z"}}',
    '{"suggestedWindow": {"start": "2026-01-02T00:00:00", "end": "2026-01-03T00:00:00Z"}}',
    '{"suggestedWindow": {"start": 1, "end": 2}}',
]


def test_advice_that_is_none_is_passed_over(pebble: Pebble, customer: Customer, zone: ProvingZone) -> None:
    bundle = AcmeSource(customer.session, zone).obtain([NAME], now()).reading.bundle()

    for answer in NONSENSE:
        pebble.advise(bundle.certificate_pem, answer)
        assert renewal_info.suggested_window(customer.session, bundle.leaf) is None, answer


def test_an_authority_that_is_not_trusted(pebble: Pebble) -> None:
    session = Session(pebble.directory, account.new_account_key())

    with pytest.raises(AcmeError) as caught:
        account.register(session, None, None)

    session.close()
    code, words = refusal(caught)
    assert code == "acme-unreachable"
    assert "is not trusted" in words
    assert "Name the roots of a private authority." in words


def test_what_is_no_directory(pebble: Pebble) -> None:
    with trusted(pebble.https_roots.read_text()) as roots:
        session = Session(f"{pebble.management}/roots/0", account.new_account_key(), verify=roots)
        with pytest.raises(AcmeError) as caught:
            account.register(session, None, None)
        session.close()

    code, words = refusal(caught)
    assert code == "acme-unreachable"
    assert "did not answer as ACME does" in words


@pytest.fixture(scope="module")
def exclusive(pebble_executable: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    """One that registers accounts with a binding only."""
    folder, keys = tmp_path_factory.mktemp("exclusive"), {BINDING.key_id: BINDING.hmac_key}
    with server.running(pebble_executable, folder, "127.0.0.1:9", bindings=keys) as running:
        yield running


def test_a_binding_opens_what_is_closed_without(exclusive: Pebble) -> None:
    session = Session(exclusive.directory, account.new_account_key(), verify=str(exclusive.https_roots))

    with pytest.raises(AcmeError) as caught:
        account.register(session, None, None)
    assert refusal(caught)[0] == "acme-unfit"
    assert "registers accounts with an external account binding only. Give the key id" in str(caught.value)

    assert account.register(session, None, BINDING).startswith(exclusive.directory.removesuffix("dir"))
    session.close()


@pytest.mark.parametrize(
    ("binding", "code", "words"),
    [
        (ExternalAccountBinding("kid-2", BINDING.hmac_key), "acme-refused", "unauthorized: "),
        (ExternalAccountBinding("kid-1", "AAAA" * 16), "acme-refused", "unauthorized: "),
        (ExternalAccountBinding("kid-1", "QUJDR"), "acme-unfit", "is not base64url. Copy it again."),
    ],
    ids=["unknown key id", "another key", "no key"],
)
def test_a_binding_that_does_not_hold(
    exclusive: Pebble, binding: ExternalAccountBinding, code: str, words: str
) -> None:
    session = Session(exclusive.directory, account.new_account_key(), verify=str(exclusive.https_roots))

    with pytest.raises(AcmeError) as caught:
        account.register(session, None, binding)

    session.close()
    assert refusal(caught)[0] == code
    assert words in str(caught.value)
    assert binding.hmac_key not in str(caught.value)
    assert binding.hmac_key not in repr(binding)
