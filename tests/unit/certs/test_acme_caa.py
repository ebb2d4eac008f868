"""CAA records as an authority reads them: RFC 8659, its examples among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from certs.acme import caa
from certs.acme.caa import Property, RelevantSet

NAMES = ["ca1.example.net"]


def issue(*values: str) -> list[Property]:
    return [Property(0, "issue", value) for value in values]


def refusal(properties: Sequence[Property], *, wildcard: bool = False) -> str | None:
    return caa.refusal(properties, NAMES, wildcard=wildcard)


class Zone:
    """Records by name; remembers what was looked up, and is silent about some names."""

    def __init__(self, records: Mapping[str, list[Property]], silent: str = "") -> None:
        self._records, self._silent = records, silent
        self.asked: list[str] = []

    def __call__(self, name: str) -> list[Property]:
        self.asked.append(name)
        if name == self._silent:
            raise caa.Unanswered
        return self._records.get(name, [])


def test_the_tree_is_climbed_to_the_first_records_and_never_to_the_root() -> None:
    records = {"example.test": issue("ca1.example.net"), "test": issue("ca2.example.org")}
    zone = Zone(records)

    assert caa.relevant_set("a.b.example.test", zone) == RelevantSet(
        "example.test", tuple(records["example.test"])
    )
    assert zone.asked == ["a.b.example.test", "b.example.test", "example.test"]

    empty = Zone({})
    assert caa.relevant_set("www.example.test", empty) == RelevantSet("", ())
    assert empty.asked == ["www.example.test", "example.test", "test"]


def test_a_wildcard_is_looked_up_at_what_it_is_below() -> None:
    zone = Zone({"example.test": issue(";")})

    assert caa.relevant_set("*.example.test", zone).at == "example.test"
    assert zone.asked == ["example.test"]


def test_where_nobody_can_be_asked_the_climb_ends() -> None:
    zone = Zone({"test": issue("ca2.example.org")}, silent="example.test")

    assert caa.relevant_set("www.example.test", zone) == RelevantSet("", ())
    assert zone.asked == ["www.example.test", "example.test"]


@pytest.mark.parametrize(
    ("value", "issuer"),
    [
        ("ca1.example.net", "ca1.example.net"),
        ("  CA1.Example.NET  ", "ca1.example.net"),
        ("ca1.example.net;", "ca1.example.net"),
        ("ca1.example.net; account=230123", "ca1.example.net"),
        ("ca1.example.net ; a = b ; c=d", "ca1.example.net"),
        ("ca1.example.net;validationmethods=dns-01;accounturi=https://ca/1", "ca1.example.net"),
        ("letsencrypt", "letsencrypt"),
        ("a--b.example", "a--b.example"),
        (";", ""),
        ("", ""),
        ("; policy=ev", ""),
        # what does not match the grammar names nobody
        ("%%%%%", ""),
        ("ca1.example.net; xyz", ""),
        ("ca1.example.net; a=b;", ""),
        ("ca1.example.net policy=ev", ""),
        ("-ca1.example.net", ""),
        ("ca1.example.net.", ""),
        ("ca1.example.net; a=b c", ""),
        ("ca1..example.net", ""),
    ],
)
def test_whom_a_value_names(value: str, issuer: str) -> None:
    assert caa.issuer_of(value) == issuer


@pytest.mark.parametrize(
    "properties",
    [
        [],
        issue("ca1.example.net"),
        issue("ca2.example.org", "CA1.example.net; policy=ev"),
        [Property(0, "ISSUE", "ca1.example.net")],
        [Property(caa.CRITICAL, "issue", "ca1.example.net")],
        [Property(0, "iodef", "mailto:security@example.com")],
        [Property(0, "tbs", "unknown, and not critical")],
        [Property(caa.CRITICAL, "issuemail", "ca2.example.org")],
        [Property(0, "issuewild", ";")],
    ],
)
def test_what_lets_it_issue(properties: list[Property]) -> None:
    assert refusal(properties) is None


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        (issue("ca2.example.org"), "let ca2.example.org issue (issue)"),
        (
            issue("ca3.example.org", "ca2.example.org; a=b"),
            "let ca2.example.org and ca3.example.org issue (issue)",
        ),
        (issue(";"), "let nobody issue (issue)"),
        (issue("%%%%%"), "let nobody issue (issue)"),
        (issue("ca1.example.net; xyz"), "let nobody issue (issue)"),
        (issue("sub.ca1.example.net"), "let sub.ca1.example.net issue (issue)"),
        (
            [*issue("ca1.example.net"), Property(caa.CRITICAL, "tbs", "unknown")],
            "have the critical tag 'tbs', which authorities do not know",
        ),
        (
            [*issue("ca1.example.net"), Property(255, "future", "")],
            "have the critical tag 'future', which authorities do not know",
        ),
    ],
)
def test_what_does_not(properties: list[Property], words: str) -> None:
    assert refusal(properties) == words


def test_a_wildcard_has_a_tag_of_its_own_that_goes_before() -> None:
    wild = [*issue("ca1.example.net"), Property(0, "issuewild", "ca2.example.org")]

    assert refusal(wild) is None
    assert refusal(wild, wildcard=True) == "let ca2.example.org issue (issuewild)"
    assert refusal(issue("ca1.example.net"), wildcard=True) is None
    assert refusal(issue("ca2.example.org"), wildcard=True) == "let ca2.example.org issue (issue)"
    assert refusal([*issue(";"), Property(0, "issuewild", "ca1.example.net")], wildcard=True) is None


def test_an_authority_has_any_number_of_names() -> None:
    assert caa.refusal(issue("b.example"), ["a.example", "B.Example."], wildcard=False) is None
    assert caa.refusal(issue("b.example"), [], wildcard=False) == "let b.example issue (issue)"
