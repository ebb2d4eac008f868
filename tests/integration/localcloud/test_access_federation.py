"""Federated credentials: whom another issuer's tokens sign in, to the letter, and for how long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from localcloud.access import administration
from localcloud.access.administration import MOST_CREDENTIALS
from localcloud.access.principals import FederatedCredential
from localcloud.access.roles import OWNER, READER
from localcloud.errors import StartError
from localcloud.identity import federation
from localcloud.identity.federation import ASSERTION_TYPE
from localcloud.server import Cloud
from tests.support.github import issuer as oidc
from tests.support.github.issuer import EXCHANGE, SUBJECT, Issuer
from tests.support.localcloud.member import Member

FUTURE, PAST = 4_102_444_800, 946_684_800
GITHUB = "https://token.actions.githubusercontent.com"


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with oidc.served() as issuer:
        yield issuer


@pytest.fixture
def job(cloud: Cloud, issuer: Issuer) -> Iterator[Member]:
    with closing(Member(cloud, READER)) as found:
        trusted = FederatedCredential(issuer.url, SUBJECT, (EXCHANGE,))
        administration.trust(found.data, found.name, trusted)
        yield found


def signed_in(job: Member, assertion: str) -> list[int]:
    """The codes of a refusal; none: it was let in."""
    answer = job.sign_in(client_secret="", client_assertion=assertion, client_assertion_type=ASSERTION_TYPE)
    return [] if answer.ok else list(answer.json()["error_codes"])


@pytest.mark.parametrize(
    ("claims", "codes"),
    [
        ({}, []),
        ({"aud": ["api://other", EXCHANGE]}, []),
        ({"sub": SUBJECT.upper()}, [700213]),
        ({"sub": f"{SUBJECT} "}, [700213]),
        ({"sub": f"{SUBJECT}-preview"}, [700213]),
        ({"sub": f"{SUBJECT}\x00"}, [700213]),
        ({"sub": [SUBJECT]}, [700213]),
        ({"sub": "*"}, [700213]),
        ({"aud": EXCHANGE.lower()}, [700212]),
        ({"aud": f"{EXCHANGE}/"}, [700212]),
        ({"aud": []}, [700212]),
        ({"aud": {EXCHANGE: 1}}, [700212]),
        ({"iss": "/"}, [700211]),
        ({"iat": FUTURE}, [700024]),
        ({"nbf": FUTURE}, [700024]),
        ({"exp": PAST}, [700024]),
        ({"exp": "never"}, [700027]),
    ],
    ids=str,
)
def test_tokens_are_compared_to_the_letter(
    job: Member, issuer: Issuer, claims: dict[str, Any], codes: list[int]
) -> None:
    if "iss" in claims:
        claims = {"iss": issuer.url + claims["iss"]}
    assert signed_in(job, issuer.token(**claims)) == codes


def test_an_issuer_may_change_its_keys(job: Member, issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert signed_in(job, issuer.token()) == []
    before = issuer.token()
    monkeypatch.setattr(federation, "RENEW_S", 0.0)
    issuer.rotate("k2")
    assert signed_in(job, issuer.token()) == []
    assert signed_in(job, before) == [700027], "it is withdrawn"
    forged = issuer.token(key=rsa.generate_private_key(public_exponent=65537, key_size=2048))
    assert signed_in(job, forged) == [700027]


def test_one_job_is_one_principal(cloud: Cloud, job: Member, issuer: Issuer) -> None:
    """A preview's token, trusted for the one that deploys by mistake, would sign in as that one."""
    data = cloud.settings.data
    with closing(Member(cloud, OWNER)) as other:
        same = FederatedCredential(issuer.url, SUBJECT, ("api://other", EXCHANGE))
        with pytest.raises(StartError, match=f"Such tokens sign '{job.name}' in already: "):
            administration.trust(data, other.name, same)
        assert signed_in(other, issuer.token()) == [700211]
        administration.trust(data, other.name, FederatedCredential(issuer.url, SUBJECT, ("api://other",)))
        administration.trust(data, job.name, FederatedCredential(issuer.url, SUBJECT, (EXCHANGE,)))
        assert signed_in(job, issuer.token()) == []


def test_there_are_twenty_at_most(cloud: Cloud, job: Member) -> None:
    data = cloud.settings.data
    for number in range(MOST_CREDENTIALS - 1):
        administration.trust(data, job.name, FederatedCredential(GITHUB, f"{job.name}:{number}", (EXCHANGE,)))
    with pytest.raises(StartError, match=f"'{job.name}' has 20 federated credentials, which is the most"):
        administration.trust(data, job.name, FederatedCredential(GITHUB, job.name, (EXCHANGE,)))
    (known,) = [one for one in administration.listing(data) if one.principal.name == job.name]
    assert len(known.credentials) == MOST_CREDENTIALS
    # one that is there may be told anew
    administration.trust(data, job.name, FederatedCredential(GITHUB, f"{job.name}:0", ("api://other",)))


@pytest.mark.parametrize(
    ("credential", "message"),
    [
        (("http://token.example", "s", "a"), "--issuer http://token.example is no address of an issuer: "),
        (("token.example", "s", "a"), "--issuer token.example is no address of an issuer: "),
        (("https://", "s", "a"), "--issuer https:// is no address of an issuer: "),
        (
            ("https://i.example?x=1", "s", "a"),
            "--issuer https://i.example?x=1 is no address of an issuer: ",
        ),
        (("file:///etc/passwd", "s", "a"), "--issuer file:///etc/passwd is no address of an issuer: "),
        (("", "s", "a"), "--issuer is empty, or no text: "),
        ((GITHUB, " ", "a"), "--subject is empty, or no text: "),
        ((GITHUB, "s\nx", "a"), "--subject is empty, or no text: "),
        ((GITHUB, "s", "\ud800"), "--audience is empty, or no text: "),
        ((GITHUB, "s" * 601, "a"), "--subject has 601 characters, and takes at most 600, as in Entra ID."),
    ],
)
def test_what_cannot_be_trusted_is_refused(
    cloud: Cloud, job: Member, credential: tuple[str, str, str], message: str
) -> None:
    issuer, subject, audience = credential
    with pytest.raises(StartError) as refused:
        administration.trust(cloud.settings.data, job.name, FederatedCredential(issuer, subject, (audience,)))
    assert str(refused.value).startswith(message)


def test_the_end_of_a_trust_ends_its_tokens(cloud: Cloud, job: Member, issuer: Issuer) -> None:
    answer = job.sign_in(
        client_secret="", client_assertion=issuer.token(), client_assertion_type=ASSERTION_TYPE
    )
    bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert job("GET", job.subscription, headers=bearer).status_code == 200
    administration.distrust(cloud.settings.data, job.name, issuer.url, SUBJECT)
    assert job("GET", job.subscription, headers=bearer).status_code == 401
    assert signed_in(job, issuer.token()) == [700211]
