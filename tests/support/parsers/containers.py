"""PKCS#12 containers, as the program reads them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from certs.findings import CERTIFICATE_ORIGIN, errors_in
from certs.pem import MAXIMUM_SIZE
from certs.pkcs12_reading import read_container
from tests.support.parsers.parser import Parser, require_sentence
from tests.support.parsers.pem_texts import require_fit_is_served


def _check(data: bytes) -> None:
    """What is read is fit for TLS, or is said to be unfit."""
    from tests.support.certificates.containers import PASSWORD

    for password in (PASSWORD, None):
        reading = read_container(data, password, CERTIFICATE_ORIGIN)
        for finding in reading.findings:
            require_sentence(str(finding))
        if not reading.is_read():
            assert errors_in((*reading.findings, *reading.absences()))
        else:
            require_fit_is_served(reading)


def _containers() -> Iterator[bytes]:
    from tests.support.certificates import containers, odd_containers

    yield containers.container()
    yield containers.container(password=None)
    for case in (*odd_containers.REFUSED, *odd_containers.MENDED, *odd_containers.WARNED):
        yield case.data()


PARSERS: Final = (
    Parser(
        "pkcs12", "a PKCS#12 container, as a stack's file is read", _check, _containers, size=MAXIMUM_SIZE
    ),
)
