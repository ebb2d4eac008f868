"""Keys of elliptic curves whose number has fewer octets than the curve's, or more: put right, wherever they
are.
"""

from __future__ import annotations

import pytest

from certs import checks, ec_keys
from certs.bundle import read
from certs.findings import Origin
from certs.pem import Block
from certs.pkcs12_reading import read_container
from tests.support.certificates.containers import open_container
from tests.support.certificates.forge import (
    FQDN,
    NOW,
    chain,
    ec_key_der,
    intermediate,
    key,
    key_der,
    leaf,
    root,
    short_key,
)

LENGTHS = [("P-256", 31), ("P-256", 33), ("P-256", 40), ("P-384", 47), ("P-384", 49)]


@pytest.mark.parametrize("traditional", [False, True], ids=["PKCS#8", "RFC 5915"])
@pytest.mark.parametrize(("kind", "octets"), LENGTHS)
def test_a_number_of_another_length_is_put_right(kind: str, octets: int, traditional: bool) -> None:
    made = leaf(key=short_key(kind))
    label = "EC PRIVATE KEY" if traditional else "PRIVATE KEY"
    text = Block(label, ec_key_der(made.key, octets, traditional=traditional), 1).pem()

    checked = checks.require(read(chain(made, intermediate()), text), FQDN, NOW, [root().certificate])

    assert [(one.code, one.severity) for one in checked.findings] == [("ec-key-length", "mended")]
    wanted = made.key.key_size // 8
    assert f"in {octets} octets; it has the {wanted} of its curve now" in checked.findings[0].message
    assert checked.bundle.key_pem.encode() == made.key_pem


@pytest.mark.parametrize(("kind", "octets"), LENGTHS)
def test_a_container_may_hold_such_a_key(kind: str, octets: int) -> None:
    made = leaf(key=short_key(kind))
    data = open_container([ec_key_der(made.key, octets)], [made.der, intermediate().der])

    checked = checks.require(read_container(data, None, Origin.of_file("PFX file", "tls.pfx")), FQDN, NOW)

    assert checked.findings == ()
    assert checked.bundle.key_pem.encode() == made.key_pem


NONE = {
    "a number of the right length": ec_key_der(short_key(), 32),
    "no number": ec_key_der(short_key(), 31).replace(
        short_key().private_numbers().private_value.to_bytes(31), bytes(31)
    ),
    "the public half of another": ec_key_der(short_key(), 31)[:-1] + b"\0",
    "of RSA": key_der(key("RSA-2048")),
    "no key": b"\x30\x03\x02\x01\x01",
    "nothing": b"",
}


@pytest.mark.parametrize("der", NONE.values(), ids=NONE.keys())
def test_what_is_odd_in_another_way_is_left_to_others(der: bytes) -> None:
    assert ec_keys.read(der) is None
