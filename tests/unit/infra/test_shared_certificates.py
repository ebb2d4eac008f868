"""Which service of a list is served with which one's certificate."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.names import matches
from infra import settings
from infra.settings import Settings
from infra.settings.reader import SettingsError
from infra.settings.shared_certificates import Wanted, share

UUID = "11111111-2222-3333-4444-555555555555"
FLAT = {
    "azure-native:metadataHost": "127.0.0.1:20443",
    "azure-native:tenantId": UUID,
    "azure-native:subscriptionId": UUID,
    "azure-native:clientId": UUID,
    "azure-native:clientSecret": "s3cr3t",
    "fpga-web-service:resourceGroup": "fpga",
    "fpga-web-service:account": "models",
    "fpga-web-service:accountCapacity": "16",
    "fpga-web-service:modelId": "m",
    "fpga-web-service:zone": "contoso.test",
}
ACME = {"certificateSource": "acme", "acmeDirectory": "https://ca.example/dir"}
DOGS = {"name": "dogs", "fqdn": "dogs.contoso.test"}


def cats(**more: Any) -> dict[str, Any]:
    """A service whose certificate is its own."""
    return {"name": "cats", "fqdn": "cats.contoso.test", "certificateSource": "self_signed", **more}


def read(*services: dict[str, Any], **top: str) -> Settings:
    config = FLAT | {f"fpga-web-service:{key}": value for key, value in top.items()}
    return settings.read(config | {"fpga-web-service:services": json.dumps(services)}, {})


def served(*services: dict[str, Any], **top: str) -> dict[str, str]:
    """For each service the one whose certificate it is served with."""
    return {one.name: one.served_by for one in read(*services, **top).services}


def problems(*services: dict[str, Any], **top: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read(*services, **top)
    return [one.removeprefix("fpga-web-service:") for one in caught.value.problems]


def test_a_service_whose_name_stands_there_needs_no_certificate_of_its_own() -> None:
    found = read(cats(certificateFor=["dogs.contoso.test", "birds.contoso.test"]), DOGS).services

    assert [one.served_by for one in found] == ["", "cats"]
    assert found[0].certificate.names == ("dogs.contoso.test", "birds.contoso.test")
    assert found[1].certificate == found[0].certificate


def test_without_it_each_has_its_own_and_is_asked_for_it() -> None:
    told = problems(cats(), DOGS)

    assert [one.partition(" is not set: ")[0].rpartition(".")[2] for one in told] == [
        "certificateFile",
        "keyFile",
    ]


@pytest.mark.parametrize("order", [1, -1])
def test_the_place_in_the_list_does_not_count(order: int) -> None:
    listed = [cats(certificateFor="DOGS.contoso.test."), DOGS][::order]

    assert served(*listed) == {"cats": "", "dogs": "cats"}


def test_names_are_compared_as_the_wire_has_them() -> None:
    books = {"name": "books", "fqdn": "xn--bcher-kva.contoso.test"}

    assert served(cats(certificateFor=["Bücher.contoso.test"]), books) == {"cats": "", "books": "cats"}


def test_a_wildcard_serves_those_that_have_no_certificate_of_their_own() -> None:
    wild = cats(certificateFor=["*.contoso.test"])
    own = {"name": "cows", "fqdn": "cows.contoso.test", **ACME}
    deep = {"name": "deep", "fqdn": "a.b.contoso.test", **ACME}

    assert served(wild, DOGS, own, deep) == {"cats": "", "dogs": "cats", "cows": "", "deep": ""}


def test_the_name_itself_counts_more_than_a_wildcard() -> None:
    cows = {"name": "cows", "fqdn": "cows.contoso.test", **ACME, "certificateFor": ["dogs.contoso.test"]}

    assert served(cats(certificateFor=["*.contoso.test"]), cows, DOGS)["dogs"] == "cows"


def test_names_outside_of_the_list_are_of_the_service_that_takes_over() -> None:
    names = json.dumps(["cows.contoso.test"])
    cows = {"name": "cows", "fqdn": "cows.contoso.test"}
    top = {"certificateSource": "self_signed", "certificateFor": names}

    found = read(cats(), {"name": "dogs"}, cows, fqdn="dogs.contoso.test", **top).services
    assert [(one.served_by, one.certificate.names) for one in found] == [
        ("", ()),
        ("", ("cows.contoso.test",)),
        ("dogs", ("cows.contoso.test",)),
    ]
    first = read(DOGS, cows, {"name": "cats", "fqdn": "cats.contoso.test"}, **top).services
    assert [(one.served_by, one.certificate.names) for one in first] == [
        ("", ("cows.contoso.test",)),
        ("dogs", ("cows.contoso.test",)),
        ("", ()),
    ]


def test_names_outside_of_the_list_that_no_certificate_is_for_are_refused() -> None:
    both = json.dumps(["cats.contoso.test", "dogs.contoso.test"])
    unused = (
        "certificateFor is not used by any of the services: remove it, or set it for one whose "
        "certificateSource is self_signed or acme"
    )
    listed = ({"name": "cats", "fqdn": "cats.contoso.test"}, DOGS)

    assert problems(*listed, certificateSource="self_signed", certificateFor=both) == [unused]


def test_a_name_in_two_certificates_is_refused() -> None:
    cows = {"name": "cows", "fqdn": "cows.contoso.test", **ACME, "certificateFor": "dogs.contoso.test"}

    assert problems(cats(certificateFor=["dogs.contoso.test"]), cows, DOGS) == [
        "services[1].certificateFor holds 'dogs.contoso.test', and so does services[0].certificateFor: a "
        "name is of one certificate. Remove it from one of them"
    ]


@pytest.mark.parametrize(
    ("own", "key"),
    [
        (ACME, "certificateSource"),
        ({"certificateSource": "files", "certificateFile": "README.md"}, "certificateSource"),
        ({"certificateGeneration": 2}, "certificateGeneration"),
        ({"minimumDays": 3}, "minimumDays"),
        ({"certificateSource": "self_signed", "certificateFor": ["birds.contoso.test"]}, "certificateFor"),
    ],
)
def test_settings_of_a_certificate_that_is_not_served_are_refused(own: dict[str, Any], key: str) -> None:
    told = problems(cats(certificateFor=["dogs.contoso.test"]), DOGS | own)

    assert len(told) == len(own)
    assert (
        f"services[1].{key} is not used: services[0].certificateFor holds 'dogs.contoso.test', or a wildcard "
        f"over it, so that certificate is served. Remove it (`pulumi config rm --path "
        f"'fpga-web-service:services[1].{key}'`), or the name there"
    ) in told


def test_a_secret_in_plain_there_is_refused_and_not_told() -> None:
    listed = [cats(certificateFor=["dogs.contoso.test"]), DOGS | {"certificateKey": "s3cr3t-of-dogs"}]
    config = FLAT | {"fpga-web-service:services": json.dumps(listed)}

    with pytest.raises(SettingsError) as caught:
        settings.read(config, {}, {"azure-native:clientSecret"})

    assert any("stands in plain" in one for one in caught.value.problems)
    assert "s3cr3t-of-dogs" not in str(caught.value)


def test_two_that_would_serve_each_other_are_refused() -> None:
    dogs = DOGS | {"certificateSource": "self_signed", "certificateFor": ["cats.contoso.test"]}

    told = problems(cats(certificateFor=["dogs.contoso.test"]), dogs)

    assert len(told) == 4
    assert all(" is not used: " in one for one in told)


def test_a_certificate_that_is_brought_is_for_no_other_name() -> None:
    brought = cats(certificateFor=["dogs.contoso.test"]) | {
        "certificateSource": "files",
        "certificateFile": "README.md",
        "keyFile": "LICENSE",
    }

    assert problems(brought, DOGS) == [
        "services[0].certificateFor is not used with certificateSource files: remove it, or set "
        "certificateSource to self_signed or acme"
    ]


def test_what_is_wrong_with_the_list_is_told_once() -> None:
    assert problems(cats(certificateFor=["dogs.contoso.test", "a b"]), DOGS) == [
        "services[0].certificateFor holds 'a b': it holds white space. Remove it"
    ]


FQDNS = [f"{name}.contoso.test" for name in "abcd"]
LISTED = st.lists(st.sampled_from([*FQDNS, "x.contoso.test", "*.contoso.test"]), unique=True, max_size=3)


@st.composite
def lists(draw: st.DrawFn) -> list[Wanted]:
    """Services with names of their own, some of which list others'."""
    found = []
    for number, fqdn in enumerate(FQDNS[: draw(st.integers(1, 4))]):
        names = tuple(name for name in draw(LISTED) if name != fqdn)
        own = draw(st.sets(st.sampled_from(["certificateSource", "minimumDays"])))
        own |= {"certificateFor"} if names else set()
        found.append(Wanted(f"services[{number}]", fqdn, names, frozenset(own), draw(st.booleans())))
    return found


@given(lists(), LISTED, st.sampled_from(["", *FQDNS]))
def test_who_is_served_is_covered_by_a_certificate_that_is_its_holders_own(
    wanted: list[Wanted], outside: list[str], flat_fqdn: str
) -> None:
    found = share(wanted, outside, flat_fqdn)

    by_place = {one.place: one for one in wanted}
    names = {one.place: one.names for one in wanted}
    if found.owner is not None:
        assert outside
        assert not names[found.owner]
        assert by_place[found.owner].issued
        names[found.owner] = tuple(outside)
    elif outside:
        assert found.problems
    for place, holder in found.holders.items():
        assert place != holder
        assert any(matches(name, by_place[place].fqdn) for name in names[holder])
    if not found.problems:
        assert found.holders.keys().isdisjoint(found.holders.values()), "no certificate is handed on"
        every = [name for one in names.values() for name in one]
        assert len(every) == len(set(every))
        for one in wanted:
            is_listed = any(one.fqdn in names[other] for other in names if other != one.place)
            assert not is_listed or one.place in found.holders
            assert one.place not in found.holders or not one.own
