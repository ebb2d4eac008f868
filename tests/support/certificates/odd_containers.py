"""PKCS#12 containers that are odd: refused, put right, or given to the service with a warning."""

from __future__ import annotations

from base64 import b64encode, encodebytes
from collections.abc import Callable
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from certs.errors import EncryptedKeyError, RefusedError, UnreadableError
from certs.pem import Block
from tests.support.certificates.containers import (
    PASSWORD,
    container,
    in_ber,
    open_container,
    sealed_container,
)
from tests.support.certificates.forge import intermediate, key, key_der, leaf, rewritten, root
from tests.support.certificates.odd_bundles import CHAIN, GOOD

LEGACY = pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC
_AES_256 = bytes.fromhex("60864801650304012a")


@dataclass(frozen=True)
class Case:
    """`says` are words that the one finding's text must hold."""

    name: str
    code: str
    data: Callable[[], bytes]
    says: tuple[str, ...]
    password: str | None = PASSWORD
    raises: type[Exception] = UnreadableError


def _broken_extension() -> bytes:
    """A certificate that decodes, with a subject alternative name that does not."""
    broken = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"), b"\x05\x00")
    return container(certificate=leaf(names=[], extensions=[(broken, False)]).certificate)


def _altered_beside_the_key() -> bytes:
    """One octet of the encrypted certificates is another: the MAC tells, and the key still opens."""
    data = bytearray(container())
    data[len(data) // 3] ^= 1
    return bytes(data)


ODD = rewritten(leaf(), intermediate(), null_parameters=True)

REFUSED = [
    Case("empty", "empty", lambda: b" \n", ("is empty", "one PKCS#12 container")),
    Case("too large", "too-large", lambda: container() + b"\0" * (1 << 20), ("octets", "right file")),
    Case("prose", "not-pkcs12", lambda: b"see the wiki", ("not a PKCS#12 container", "Export it anew")),
    Case("one octet", "not-pkcs12", lambda: b"\x30", ("not a PKCS#12 container",)),
    Case("PEM", "pfx-is-pem", lambda: CHAIN, ("is PEM, not PKCS#12", "needs no conversion")),
    Case("Base64", "pfx-is-base64", lambda: b64encode(container()), ("base64 -d < 'my tls.pfx'",)),
    Case(
        "Base64 in quotation marks",
        "pfx-is-base64",
        lambda: b'"' + b64encode(container()) + b'"\n',
        (
            "in Base64 and in quotation marks",
            "tr -cd 'A-Za-z0-9+/=' < 'my tls.pfx' | base64 -d > decoded.pfx",
        ),
    ),
    Case(
        "Base64 in single quotation marks, in lines",
        "pfx-is-base64",
        lambda: b"'" + encodebytes(container()) + b"'",
        ("in Base64 and in quotation marks", "tr -cd"),
    ),
    Case(
        "Base64 in UTF-16",
        "pfx-is-base64",
        lambda: b64encode(container()).decode().encode("utf-16"),
        ("written out in Base64", "tr -cd 'A-Za-z0-9+/=' < 'my tls.pfx'"),
    ),
    Case(
        "Base64 between BEGIN and END",
        "pfx-is-base64",
        lambda: Block("CERTIFICATE", container(), 1).pem().replace(b"\n", b"\r\n"),
        ("in Base64, as a block CERTIFICATE", "grep -v -e '-----' 'my tls.pfx'"),
    ),
    Case(
        "Base64 of PEM",
        "pfx-is-pem",
        lambda: b64encode(CHAIN),
        ("is PEM that is written once more in Base64, not PKCS#12", "base64 -d < 'my tls.pfx' > decoded.pem"),
    ),
    Case(
        "JKS",
        "java-keystore",
        lambda: bytes.fromhex("feedfeed00000002"),
        ("Java keystore (JKS)", "keytool -importkeystore -srckeystore 'my tls.pfx'"),
    ),
    Case("certificate in DER", "pfx-damaged", lambda: GOOD.der, ("is not a PKCS#12 container",)),
    Case("key in DER", "pfx-damaged", lambda: key_der(GOOD.key), ("is not a PKCS#12 container",)),
    Case("cut off", "pfx-damaged", lambda: container()[:-9], ("where", "should be; it is cut off")),
    Case("something behind", "pfx-damaged", lambda: container() + b"\n", ("something else follows it",)),
    Case(
        "altered",
        "pfx-damaged",
        _altered_beside_the_key,
        ("its key can be read, and the rest is not what was written",),
    ),
    Case("sealed by a public key", "pfx-unsupported", sealed_container, ("sealed with a public key",)),
    Case(
        "encryption that nobody knows",
        "pfx-unsupported",
        lambda: container().replace(_AES_256, _AES_256[:-2] + b"\x09\x2a"),
        (
            "(2.16.840.1.101.3.4.9.42), or its password is another one",
            "openssl pkcs12 -legacy -in 'my tls.pfx' -nokeys",
        ),
    ),
    Case(
        "no password",
        "pfx-password-missing",
        container,
        ("is protected by a password, and none was given",),
        password=None,
        raises=EncryptedKeyError,
    ),
    Case(
        "empty password",
        "pfx-password-missing",
        container,
        ("none was given",),
        password="",
        raises=EncryptedKeyError,
    ),
    Case(
        "wrong password",
        "pfx-password-wrong",
        container,
        ("cannot be opened with this password", "openssl pkcs12 -in 'my tls.pfx' -noout"),
        password="password 1",
        raises=EncryptedKeyError,
    ),
    Case(
        "wrong password, triple DES",
        "pfx-password-wrong",
        lambda: container(pbes=LEGACY),
        ("cannot be opened with this password",),
        password="password 1",
        raises=EncryptedKeyError,
    ),
    Case(
        "password with a carriage return",
        "pfx-password-ending",
        container,
        ("ends with a carriage return; without that, it can.",),
        password=f"{PASSWORD}\r",
        raises=EncryptedKeyError,
    ),
    Case("no key", "no-key", lambda: container(None), ("holds no private key",)),
    Case(
        "no certificate",
        "no-certificate",
        lambda: container(certificate=None, others=()),
        ("holds no certificate",),
    ),
    Case(
        "two keys",
        "several-keys",
        lambda: open_container([GOOD.key, key("P-256", 3)], [GOOD.der, intermediate().der]),
        ("holds 2 private keys", "-srcalias NAME"),
        password=None,
    ),
    Case(
        "not a certificate",
        "pfx-damaged",
        lambda: open_container([GOOD.key], [b"\x30\x03\x02\x01\x01"]),
        ("is damaged",),
        password=None,
    ),
    Case(
        "a certificate that no container may hold",
        "pfx-damaged",
        lambda: open_container([ODD.key], [ODD.der, intermediate().der]),
        (
            "breaks RFC 5280 (NULL beside ECDSA, say)",
            "openssl pkcs12 -in 'my tls.pfx' -nokeys",
        ),
        password=None,
    ),
    Case(
        "a broken extension",
        "certificate-unparsable",
        _broken_extension,
        ("holds a certificate that is not valid X.509",),
    ),
    Case(
        "foreign key",
        "key-mismatch",
        lambda: open_container([key("P-256", 3)], [GOOD.der, intermediate().der]),
        ("PFX file my tls.pfx: is not the key of the certificate 'api.example.com'",),
        password=None,
        raises=RefusedError,
    ),
    Case(
        "two leaves",
        "two-leaves",
        lambda: container(others=[intermediate().certificate, leaf(key_kind="P-384").certificate]),
        ("a second server certificate",),
        raises=RefusedError,
    ),
    Case(
        "no intermediate",
        "chain-incomplete",
        lambda: container(others=()),
        ("lacks the intermediate 'CN=Test Intermediate 0'",),
        raises=RefusedError,
    ),
]

MENDED = [
    Case(
        "root in it",
        "chain-root-left-out",
        lambda: container(others=[root().certificate, intermediate().certificate]),
        ("'Test Root 0'", "not sent"),
    ),
    Case("BER", "pfx-ber", lambda: in_ber(container()), ("written in BER",)),
]

WARNED = [
    Case(
        "needless password",
        "password-unused",
        lambda: open_container([GOOD.key], [GOOD.der, intermediate().der]),
        ("is not protected by a password",),
    ),
]
