"""The order in which certificates stand in a file changes neither the verdict nor what is sent."""

from __future__ import annotations

from itertools import permutations

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from certs.bundle import read
from certs.checks import Checked, judge, require
from certs.paths import MAXIMUM_STEPS, every_path
from tests.support.certificates.forge import FQDN, NOW, authority, chain, intermediate, key, leaf, root
from tests.support.certificates.made_chains import World, worlds
from tests.support.certificates.odd_bundles import CHAIN, GOOD, KEY, Case
from tests.support.certificates.odd_paths import cross_signed, mended, old_root


def outcome(
    text: bytes, private_key: bytes, roots: list[x509.Certificate] | None
) -> tuple[bool, list[tuple[str, str]], str]:
    """Whether it is fit, what is said of it (but of its order), and what would be sent."""
    reading = read(text, private_key)
    judged = judge(reading, FQDN, NOW, roots)
    said = sorted((one.code, str(one)) for one in judged.findings if one.code != "chain-order")
    sent = judged.bundle.certificate_pem if isinstance(judged, Checked) else ""
    return isinstance(judged, Checked), said, sent


@settings(max_examples=100)
@given(worlds(NOW), st.data())
def test_a_file_in_any_order_is_judged_the_same(world: World, data: st.DataObject) -> None:
    certificates = [world.leaf, *world.others]
    shuffled = data.draw(st.permutations(certificates))
    roots = data.draw(st.sampled_from([None, [one.certificate for one in world.roots]]))

    found = outcome(chain(*certificates), world.leaf.key_pem, roots)

    assert outcome(chain(*shuffled), world.leaf.key_pem, roots) == found, world.about


@pytest.mark.parametrize("case", mended(NOW), ids=lambda case: case.name)
@given(data=st.data())
@settings(max_examples=10)
def test_a_file_with_more_than_one_way_up_is_mended_in_any_order(case: Case, data: st.DataObject) -> None:
    text, private_key = case.texts()
    end = b"-----END CERTIFICATE-----\n"
    blocks = [block + end for block in text.split(end)[:-1]]
    shuffled = b"".join(data.draw(st.permutations(blocks)))

    checked = require(read(shuffled, private_key), FQDN, NOW, [root().certificate])

    assert checked.bundle.certificate_pem.encode() == CHAIN


def test_a_root_in_the_file_is_the_end_where_nobody_says_what_callers_hold() -> None:
    """The expired cross-sign, its root and the root itself, in each order."""
    others = [intermediate(), cross_signed(NOW, expired=True), old_root(), root()]
    for order in permutations([GOOD, *others]):
        reading = read(chain(*order), KEY).arranged(None, NOW)
        assert isinstance(judge(reading, FQDN, NOW), Checked)
        assert reading.bundle().certificate_pem.encode() == CHAIN
        assert reading.root == root().certificate


def test_authorities_that_all_certify_each_other_are_walked_in_bounded_time() -> None:
    """Ninety certificates, and more ways over them than could ever be walked."""
    count = 10
    bare = [authority(f"Ring {place}", None, key("P-256", 700 + place)) for place in range(count)]
    ring = [
        authority(f"Ring {place}", issuer, key("P-256", 700 + place))
        for place in range(count)
        for other, issuer in enumerate(bare)
        if other != place
    ]
    made = leaf(bare[0])
    walked = list(every_path(made.certificate, [one.certificate for one in ring], [root().certificate]))
    assert len(walked) <= 2 * MAXIMUM_STEPS

    fit, said, _ = outcome(chain(made, *ring), made.key_pem, [root().certificate])

    assert not fit
    assert "chain-incomplete" in {code for code, _ in said}
    assert outcome(chain(made, *ring[::-1]), made.key_pem, [root().certificate]) == (fit, said, "")
