"""One certificate for several names: the setting, and when its resources are due because of them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi.dynamic import ResourceProvider

from infra import settings
from infra.providers import names
from infra.providers.acme_certificate import AcmeCertificateProvider
from infra.providers.certificate import CertificateProvider
from infra.settings.certificate_names import MAXIMUM
from infra.settings.reader import SettingsError
from tests.support.certificates.source_settings import SOURCES
from tests.support.provider_states import SAME, UNKNOWN, UPDATE, acme_certificate, certificate, verdict

UUID = "11111111-2222-3333-4444-555555555555"
SETTING = "fpga-web-service:certificateFor"
MORE = ["cats.contoso.test", "dogs.contoso.test"]
PROVIDERS: list[tuple[ResourceProvider, Callable[[], dict[str, Any]]]] = [
    (CertificateProvider(), lambda: certificate(age=dt.timedelta(0))),
    (AcmeCertificateProvider(), acme_certificate),
]


def read(written: object, **changed: str) -> tuple[str, ...]:
    """The value of the setting in a stack that has the development authority's certificate."""
    given = {
        "resourceGroup": "fpga",
        "account": "models",
        "modelId": "m",
        "zone": "contoso.test",
        "fqdn": "www.contoso.test",
        "certificateSource": "self_signed",
        "certificateFor": written if isinstance(written, str) else json.dumps(written),
        **changed,
    }
    azure = {
        "metadataHost": "127.0.0.1:20443",
        **dict.fromkeys(("tenantId", "subscriptionId", "clientId"), UUID),
        "clientSecret": "s",
    }
    config = {f"azure-native:{key}": value for key, value in azure.items()}
    config |= {f"fpga-web-service:{key}": value for key, value in given.items()}
    return settings.read(config, {}).certificate.names


def problems(written: object, **changed: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        read(written, **changed)
    return caught.value.problems


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ([], ()),
        ("cats.contoso.test", ("cats.contoso.test",)),
        (["Cats.Contoso.Test.", "katzen-bücher.contoso.test"], None),
        (["*.contoso.test", "contoso.test"], ("*.contoso.test", "contoso.test")),
        (["*.a.contoso.test", "a.contoso.test", "b.c.a.contoso.test"], None),
    ],
)
def test_names_are_taken_in_any_script_and_with_wildcards(
    written: object, expected: tuple[str, ...] | None
) -> None:
    found = read(written)

    assert all(name.isascii() and name == name.lower() and not name.endswith(".") for name in found)
    assert len(found) == (len(written) if isinstance(written, list) else 1)
    assert expected is None or found == expected


REFUSED = {
    "another zone": (["cats.example.com"], "which is not under the zone 'contoso.test', where names are"),
    "the zone's end alone": (["catscontoso.test"], "which is not under the zone"),
    "another wildcard's zone": (["*.example.com"], "holds '*.example.com', which is not under the zone"),
    "a wildcard of a top-level domain": (["*.test"], "it spans a whole top-level domain"),
    "a wildcard inside": (["a.*.contoso.test"], "it is a wildcard"),
    "the fqdn": (["WWW.contoso.test"], "holds 'www.contoso.test', the fqdn itself"),
    "a name twice": (["cats.contoso.test"] * 2, "holds 'cats.contoso.test' twice: remove one"),
    "a name in two scripts": (
        ["bücher.contoso.test", "xn--bcher-kva.contoso.test"],
        "holds 'xn--bcher-kva.contoso.test' twice, as 'bücher.contoso.test' and as 'xn--bcher-kva.",
    ),
    "a name that a wildcard covers": (
        ["*.contoso.test", "cats.contoso.test"],
        "holds 'cats.contoso.test' and '*.contoso.test', which covers it",
    ),
    "an address": (["192.0.2.1"], "it is an IP address"),
    "no name": ([""], "it is empty"),
    "no text": ([{"a": 1}], "holds '{"),
    "too many": (
        [f"n{number}.contoso.test" for number in range(MAXIMUM)],
        "holds 100 names: with the fqdn a certificate takes 100 (Let's Encrypt's limit)",
    ),
}


@pytest.mark.parametrize(("written", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_other_names_are_refused_with_the_setting_and_the_remedy(written: list[str], words: str) -> None:
    (problem,) = problems(written)

    assert problem.startswith(f"{SETTING} holds ")
    assert words in problem


def test_as_many_as_an_authority_takes_are_taken() -> None:
    assert len(read([f"n{number}.contoso.test" for number in range(MAXIMUM - 1)])) == MAXIMUM - 1


def test_all_that_is_wrong_is_told_at_once() -> None:
    told = problems(["cats_dogs.contoso.test", "a b.contoso.test", "cats.contoso.test", "cats.contoso.test"])

    assert len(told) == 3
    assert all(one.startswith(f"{SETTING} holds ") for one in told)


@pytest.mark.parametrize("source", ["files", "pfx", "config"])
def test_a_certificate_that_is_brought_has_the_names_that_it_has(source: str) -> None:
    (problem,) = problems(MORE, certificateSource=source, **SOURCES[source])

    assert problem == (
        f"{SETTING} is not used with certificateSource {source}: remove it, or set certificateSource to "
        "self_signed or acme"
    )


@pytest.mark.parametrize(("provider", "state"), PROVIDERS)
def test_a_state_of_before_there_were_more_names_is_up_to_date(
    provider: ResourceProvider, state: Callable[[], dict[str, Any]]
) -> None:
    assert names.MORE not in state()
    assert verdict(provider, state()) == SAME
    assert verdict(provider, state(), names=None) == SAME
    assert verdict(provider, state(), names=[]) == SAME
    assert names.of(state()) == ["www.contoso.test"]


@pytest.mark.parametrize(("provider", "state"), PROVIDERS)
def test_other_names_are_another_certificate_in_place(
    provider: ResourceProvider, state: Callable[[], dict[str, Any]]
) -> None:
    assert verdict(provider, state(), names=MORE) == UPDATE
    assert verdict(provider, state(), names=UNKNOWN) == UPDATE
    assert verdict(provider, state() | {"names": MORE}, names=MORE[:1]) == UPDATE
    assert verdict(provider, state() | {"names": MORE}, names=None) == UPDATE
    assert verdict(provider, state() | {"names": MORE}, names=[*MORE, "birds.contoso.test"]) == UPDATE


@given(st.lists(st.sampled_from([*MORE, "*.contoso.test", "contoso.test"]), unique=True), st.randoms())
def test_the_order_of_the_names_is_none(chosen: list[str], random: Any) -> None:
    shuffled = random.sample(chosen, len(chosen))

    for provider, state in PROVIDERS:
        assert verdict(provider, state() | {"names": chosen}, names=shuffled) == SAME


def test_a_renewal_is_for_all_names() -> None:
    due = certificate(age=dt.timedelta(days=61)) | {"names": MORE}

    assert verdict(CertificateProvider(), due) == UPDATE
    assert names.of(due) == ["www.contoso.test", *MORE]


def test_a_name_that_a_wildcard_covers_is_not_ordered_beside_it() -> None:
    props = certificate(age=dt.timedelta(0)) | {"names": ["*.contoso.test", "contoso.test"]}

    assert names.of(props) == ["*.contoso.test", "contoso.test"]
