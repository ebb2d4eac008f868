"""Certificates for sets of names: each is covered, none is there without need."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certs import checks
from certs.bundle import read_roots
from certs.errors import RefusedError
from certs.findings import Origin
from certs.names import matches, without_covered
from certs.sources.self_signed import SelfSignedSource, new_authority

NOW = dt.datetime.now(dt.UTC)
AUTHORITY = new_authority("Development CA", NOW)
_LABEL = st.sampled_from(["a", "b", "www", "xn--bcher-kva"])
_HOST = st.lists(_LABEL, max_size=3).map(lambda labels: ".".join([*labels, "contoso.test"]))
NAMES = st.lists(st.one_of(_HOST, _HOST.map(lambda host: f"*.{host}")), min_size=1, max_size=12)


@given(NAMES)
def test_what_is_left_out_is_covered_and_what_is_left_is_needed(names: list[str]) -> None:
    left = without_covered(names)

    assert left
    assert len(set(left)) == len(left)
    assert left == sorted(left, key=names.index)
    assert without_covered(left) == left
    for name in names:
        assert name in left or any(matches(one, name) for one in left)
    for name in left:
        assert not any(matches(other, name) for other in left if other != name)


@settings(max_examples=30)
@given(NAMES)
def test_a_certificate_is_for_the_whole_set(names: list[str]) -> None:
    hosts = [name for name in names if not name.startswith("*.")] or ["contoso.test"]
    ordered = without_covered([hosts[0], *names])
    obtained = SelfSignedSource(AUTHORITY).obtain(ordered, NOW)
    roots = read_roots(obtained.root_pem or "", Origin("root", "root.pem"))

    checked = checks.require(obtained.reading, hosts[0], NOW, roots, also=names)

    assert list(checked.bundle.dns_names) == ordered


def test_a_name_that_is_missing_is_told_by_itself() -> None:
    obtained = SelfSignedSource(AUTHORITY).obtain(["a.contoso.test", "*.b.contoso.test"], NOW)
    also = ["x.b.contoso.test", "b.contoso.test", "*.contoso.test", "a.contoso.test"]

    with pytest.raises(RefusedError) as caught:
        checks.require(obtained.reading, "a.contoso.test", NOW, also=also)

    assert [one.code for one in caught.value.findings if one.severity == "error"] == ["name-not-covered"] * 2
    assert "does not cover b.contoso.test: it is for a.contoso.test, *.b.contoso.test" in str(caught.value)
    assert "does not cover *.contoso.test: " in str(caught.value)
