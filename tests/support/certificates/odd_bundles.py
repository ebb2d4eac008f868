"""What an odd bundle is, for the tables of them and the tests that they drive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509

from certs.bundle import read
from certs.errors import UnreadableError
from tests.support.certificates.forge import FQDN, Made, chain, intermediate, leaf

Texts = tuple[bytes, bytes]
GOOD = leaf()
CHAIN = chain(GOOD, intermediate())
KEY = GOOD.key_pem


@dataclass(frozen=True)
class Case:
    """`texts` makes chain and key; `says` are words that the one finding's text must hold."""

    name: str
    code: str
    texts: Callable[[], Texts]
    says: tuple[str, ...]
    fqdn: str = FQDN
    roots: tuple[Made, ...] | None = None
    password: str | None = None
    raises: type[Exception] = field(default=UnreadableError)


def read_case(case: Case) -> Any:
    certificate, private_key = case.texts()
    return read(certificate, private_key, password=case.password)


def roots_of(case: Case) -> list[x509.Certificate] | None:
    return None if case.roots is None else [one.certificate for one in case.roots]
