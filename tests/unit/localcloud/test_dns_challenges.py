"""Proofs of names beside the zones of a name server."""

from __future__ import annotations

from typing import Any

import dns.message
import dns.name
import dns.rcode
import pytest

from localcloud.dns.answer import answer
from localcloud.dns.challenges import Challenges
from localcloud.dns.records import RecordSet, Zone, zone_from

NAME = "_acme-challenge.models.contoso.test"


def zones(*record_sets: RecordSet, origin: str = "contoso.test") -> dict[dns.name.Name, Zone]:
    zone = zone_from(origin, record_sets)
    return {zone.origin: zone}


def asked(
    challenges: Challenges, known: dict[dns.name.Name, Zone], name: str = NAME, kind: str = "TXT"
) -> dns.message.Message:
    return answer(challenges.beside(known), dns.message.make_query(name, kind))


def texts(response: dns.message.Message) -> set[str]:
    return {str(one).strip('"') for rrset in response.answer for one in rrset}


def text(name: str, value: str) -> RecordSet:
    properties: dict[str, Any] = {"TTL": 3600, "TXTRecords": [{"value": [value]}]}
    return RecordSet(name, "TXT", properties)


@pytest.mark.parametrize("origin", ["contoso.test", "models.contoso.test", "test", "fabrikam.test", NAME])
def test_a_proof_is_answered_in_whatever_zone_it_falls(origin: str) -> None:
    """Where it falls in none, a zone of another server's delegates its name."""
    challenges, known = Challenges(), zones(text("@", "of the zone"), origin=origin)
    assert not texts(asked(challenges, known)) or origin == NAME
    challenges.present({NAME: ["value-1"]})
    response = asked(challenges, known)
    assert response.flags & dns.flags.AA
    assert "value-1" in texts(response)
    assert texts(asked(challenges, known, origin)) >= {"of the zone"}
    above = asked(challenges, known, "models.contoso.test", "A")
    if dns.name.from_text("models.contoso.test").is_subdomain(dns.name.from_text(origin)):
        assert above.rcode() == dns.rcode.NOERROR, "a resolver that minimises its questions goes on"
    challenges.present({NAME: ["value-2"]})
    assert "value-1" not in texts(asked(challenges, known))
    challenges.cleanup(NAME)
    challenges.cleanup(NAME)
    assert "value-2" not in texts(asked(challenges, known))
    assert challenges.beside(known) is known


def test_what_a_zone_has_at_the_name_is_answered_beside_it() -> None:
    challenges = Challenges()
    known = zones(text("_acme-challenge.models", "of another authority"), text("www", "else"))
    challenges.present({NAME: ["value"]})
    assert texts(asked(challenges, known)) == {"of another authority", "value"}
    assert texts(asked(challenges, known, "www.contoso.test")) == {"else"}
    challenges.cleanup(NAME)
    assert texts(asked(challenges, known)) == {"of another authority"}


def test_a_name_that_is_delegated_is_referred() -> None:
    cut = RecordSet(
        "_acme-challenge.models", "NS", {"TTL": 60, "NSRecords": [{"nsdname": "ns.fabrikam.test."}]}
    )
    challenges = Challenges()
    challenges.present({NAME: ["value"]})
    response = asked(challenges, zones(cut))
    assert not response.answer
    assert "ns.fabrikam.test." in str(response.authority[0])


def test_names_go_without_case_and_several_at_a_time() -> None:
    challenges = Challenges()
    for number, name in enumerate((NAME, "_acme-challenge.other.contoso.test")):
        challenges.present({name: [f"value-{number}"]})
    known = zones(origin="contoso.test")
    assert texts(asked(challenges, known, NAME.upper())) == {"value-0"}
    assert texts(asked(challenges, known, "_acme-challenge.other.contoso.test")) == {"value-1"}
