"""PEM and DER in the Base64 in which they are carried about: refused, each with the command that helps."""

from __future__ import annotations

from base64 import b64encode, encodebytes
from collections.abc import Callable

from tests.support.certificates.forge import key_der
from tests.support.certificates.odd_bundles import CHAIN, GOOD, KEY, Case, Texts

Wrap = Callable[[bytes, bytes], bytes]


def utf16(text: bytes) -> bytes:
    return text.decode("ascii").encode("utf-16")


def _manifest(text: bytes, _: bytes) -> bytes:
    """A secret of Kubernetes that holds one of them."""
    return b"apiVersion: v1\nkind: Secret\ndata:\n  tls.pem: " + b64encode(text) + b"\n"


# name: code, what the PEM and the DER become, how that is called, a part of the command that undoes it
WRAPPED: dict[str, tuple[str, Wrap, str, str]] = {
    "Base64 of PEM": ("base64-of-pem", lambda pem, _: b64encode(pem), "once more in Base64", "base64 -d < "),
    "Base64 of PEM in lines": ("base64-of-pem", lambda pem, _: encodebytes(pem), "in Base64", "base64 -d < "),
    "Base64 of PEM in CRLF lines": (
        "base64-of-pem",
        lambda pem, _: encodebytes(pem).replace(b"\n", b"\r\n"),
        "in Base64",
        "tr -cd 'A-Za-z0-9+/=' < ",
    ),
    "Base64 of PEM in UTF-16": (
        "base64-of-pem",
        lambda pem, _: utf16(b64encode(pem)),
        "in Base64",
        "tr -cd 'A-Za-z0-9+/=' < ",
    ),
    "Base64 of PEM in quotation marks": (
        "base64-of-pem",
        lambda pem, _: b'"' + b64encode(pem) + b'"\n',
        "in Base64 and in quotation marks",
        "tr -cd 'A-Za-z0-9+/=' < ",
    ),
    "Base64 of PEM in single quotation marks": (
        "base64-of-pem",
        lambda pem, _: b"'" + b64encode(pem) + b"'",
        "in quotation marks",
        "tr -cd 'A-Za-z0-9+/=' < ",
    ),
    "Base64 of PEM as a JSON string": (
        "base64-of-pem",
        lambda pem, _: b'"' + encodebytes(pem).replace(b"\n", b"\\n") + b'"',
        "in quotation marks",
        "sed 's/",
    ),
    "Base64 of PEM in a manifest": ("base64-of-pem", _manifest, "as an entry of a manifest", "grep -o "),
    "Base64 of DER": ("base64-of-der", lambda _, der: b64encode(der), "in DER in Base64", "base64 -d < "),
    "Base64 of DER in lines": (
        "base64-of-der",
        lambda _, der: encodebytes(der),
        "without BEGIN and END",
        "base64 -d < ",
    ),
}


def _chain(wrap: Wrap) -> Callable[[], Texts]:
    return lambda: (wrap(CHAIN, GOOD.der), KEY)


def _key(wrap: Wrap) -> Callable[[], Texts]:
    return lambda: (CHAIN, wrap(KEY, key_der(GOOD.key)))


UNREADABLE = [
    *(
        Case(f"{name}, chain", code, _chain(wrap), ("certificate", how, command))
        for name, (code, wrap, how, command) in WRAPPED.items()
    ),
    *(Case(f"{name}, key", code, _key(wrap), ("key", how)) for name, (code, wrap, how, _) in WRAPPED.items()),
]
