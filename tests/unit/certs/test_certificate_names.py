"""Fully qualified domain names, and what a certificate's name covers."""

from __future__ import annotations

import subprocess
import sys

import pytest

from certs.errors import DomainNameError
from certs.names import check_pattern, matches, to_ascii

LONGEST = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])


@pytest.mark.parametrize(
    ("typed", "canonical"),
    [
        ("api.example.com", "api.example.com"),
        ("API.Example.COM.", "api.example.com"),
        ("3com.example", "3com.example"),
        ("a-b.xn--bcher-kva.example", "a-b.xn--bcher-kva.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("bu\N{COMBINING DIAERESIS}cher.example", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
        (LONGEST, LONGEST),
    ],
)
def test_names_get_one_form(typed: str, canonical: str) -> None:
    assert len(LONGEST) == 253
    assert to_ascii(typed) == canonical


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "is empty"),
        (" ", "is empty"),
        ("api.example.com ", "white space"),
        ("https://api.example.com", "not a bare name"),
        ("192.0.2.1", "IP address"),
        ("[2001:db8::1]", "IP address"),
        ("api.example.com:50051", "holds a port"),
        ("*.example.com", "is a wildcard"),
        ("localhost", "single label"),
        ("api..example.com", "empty label"),
        (".example.com", "empty label"),
        ("api.example.com..", "empty label"),
        ("a" * 64 + ".example.com", "label of 64 characters"),
        (LONGEST + "d", "has 254 characters"),
        ("-api.example.com", "label '-api'"),
        ("api-.example.com", "label 'api-'"),
        ("my_api.example.com", "label 'my_api'"),
        ("api.example.1", "ends in a number"),
        ("☃.example", "IDNA 2008"),
        ("xn--a.example", "IDNA 2008"),
        ("ab--cd.ü.example", "IDNA 2008"),
        ("ü" * 60 + ".example", "IDNA 2008"),
    ],
)
def test_names_that_are_none_are_refused(typed: str, says: str) -> None:
    with pytest.raises(DomainNameError, match="domain name") as caught:
        to_ascii(typed)
    assert caught.value.findings[0].code == "fqdn-invalid"
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "name", "covers"),
    [
        ("api.example.com", "API.example.com.", True),
        ("*.example.com", "api.example.com", True),
        ("*.EXAMPLE.com", "api.example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "a.b.example.com", False),
        ("*.example.com", "apixexample.com", False),
        ("a*.example.com", "api.example.com", False),
        ("*a.example.com", "ba.example.com", False),
        ("a.*.com", "a.example.com", False),
        ("*.*.com", "a.example.com", False),
        ("*.com", "example.com", False),
        ("*", "example.com", False),
        ("", "example.com", False),
        ("*.xn--bcher-kva.example", "api.bücher.example", True),
        ("xn--bcher-kva.example", "bücher.example", True),
        ("api.example.com", "api.example.org", False),
        ("api.example.com", "not a name", False),
    ],
)
def test_wildcards_cover_one_label(pattern: str, name: str, covers: bool) -> None:
    assert matches(pattern, name) is covers


def test_patterns() -> None:
    assert check_pattern("*.Bücher.example") == "*.xn--bcher-kva.example"
    with pytest.raises(DomainNameError, match="whole top-level domain"):
        check_pattern("*.com")
    with pytest.raises(DomainNameError, match="is a wildcard"):
        check_pattern("*.*.com")


def test_names_and_dates_cost_no_cryptography() -> None:
    code = (
        "import sys, certs.names, certs.renewal; certs.names.to_ascii('api.example.com');"
        "print([name for name in ('cryptography', 'idna', 'grpc') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
