"""One odd bundle for each rule and each way in which a file can be odd: refused with its own words, or
mended.
"""

from __future__ import annotations

import ipaddress
import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from certs.bundle import read
from certs.checks import check, require
from certs.errors import EncryptedKeyError, RefusedError, UnreadableError
from certs.findings import errors_in
from tests.unit.certs.forge import (
    FQDN,
    NOW,
    Made,
    authority,
    chain,
    intermediate,
    key,
    key_der,
    key_pem,
    leaf,
    make,
    public_pem,
    request,
    root,
    self_signed,
    weakly_signed,
)

Texts = tuple[bytes, bytes]
GOOD = leaf()
CHAIN = chain(GOOD, intermediate())
KEY = GOOD.key_pem
PEM = serialization.Encoding.PEM
DER = serialization.Encoding.DER


@dataclass(frozen=True)
class Case:
    """``texts`` makes chain and key; ``says`` are words that the one finding's text must hold."""

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


def _with_leaf(**changes: Any) -> Callable[[], Texts]:
    def texts() -> Texts:
        made = leaf(**changes)
        return chain(made, intermediate()), made.key_pem

    return texts


def _with_intermediate(**changes: Any) -> Callable[[], Texts]:
    def texts() -> Texts:
        middle = authority("Odd Intermediate", root(), key("P-256", 55), **changes)
        made = leaf(middle)
        return chain(made, middle), made.key_pem

    return texts


def _weak(algorithm: str) -> Callable[[], Texts]:
    def texts() -> Texts:
        issuer = intermediate("RSA-2048")
        made = weakly_signed(leaf(issuer), issuer, algorithm)
        return chain(made, issuer), made.key_pem

    return texts


def _weak_intermediate() -> Texts:
    top = root("RSA-2048")
    middle = weakly_signed(authority("Old Intermediate", top, key("P-256", 56)), top, "sha1")
    made = leaf(middle)
    return chain(made, middle), made.key_pem


def _short_path() -> Texts:
    upper = authority("Upper", root(), key("P-256", 57), basic=(True, 0))
    lower = authority("Lower", upper, key("P-256", 58))
    made = leaf(lower)
    return chain(made, lower, upper), made.key_pem


def _forged_intermediate() -> Texts:
    namesake = authority("Test Intermediate 0", root(), key("P-256", 59))
    return chain(GOOD, namesake), KEY


def _lone_with_address() -> Texts:
    access = x509.AuthorityInformationAccess(
        [
            x509.AccessDescription(
                AuthorityInformationAccessOID.CA_ISSUERS,
                x509.UniformResourceIdentifier("http://ca.test/i.der"),
            )
        ]
    )
    made = leaf(extensions=[(access, False)])
    return made.pem, made.key_pem


def _constrained(*names: str) -> Callable[[], Texts]:
    constraints = x509.NameConstraints([x509.DNSName(name) for name in names], None)
    return _with_intermediate(extensions=[(constraints, True)])


def pfx() -> bytes:
    return pkcs12.serialize_key_and_certificates(
        b"tls",
        GOOD.key,
        GOOD.certificate,
        [intermediate().certificate],
        serialization.BestAvailableEncryption(b"x"),
    )


def pkcs7_of(encoding: serialization.Encoding) -> bytes:
    return pkcs7.serialize_certificates([GOOD.certificate, intermediate().certificate], encoding)


def _lines(text: bytes) -> list[bytes]:
    return text.splitlines(keepends=True)


def _one_line(text: bytes) -> bytes:
    """Each block's body in one line."""
    return re.sub(rb"(?:[^-\n]+\n)+", lambda body: body[0].replace(b"\n", b"") + b"\n", text)


def _damaged_begin() -> bytes:
    return CHAIN.replace(b"-----BEGIN", b"----BEGIN", 1)


UNPARSABLE = (
    b"-----BEGIN CERTIFICATE-----\n" + b64encode(b"\x30\x03\x02\x01\x01") + b"\n-----END CERTIFICATE-----\n"
)
BROKEN_KEY = (
    b"-----BEGIN PRIVATE KEY-----\n" + b64encode(b"\x30\x03\x02\x01\x01") + b"\n-----END PRIVATE KEY-----\n"
)
EC_PARAMETERS = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"

UNREADABLE = [
    Case("empty chain", "empty", lambda: (b"", KEY), ("certificate file", "is empty")),
    Case("blank key", "empty", lambda: (CHAIN, b" \r\n\n"), ("key file", "is empty", "one private key")),
    Case("prose", "not-pem", lambda: (b"see the wiki", KEY), ("holds no PEM block", "-----BEGIN")),
    Case("binary", "not-pem", lambda: (bytes(range(256)), KEY), ("holds no PEM block",)),
    Case("DER value of no kind", "not-pem", lambda: (b"\x30\x03\x02\x01\x01", KEY), ("binary",)),
    Case("too large", "too-large", lambda: (CHAIN + b"\n" * (1 << 20), KEY), ("octets", "right file")),
    Case(
        "DER certificate",
        "der",
        lambda: (GOOD.der, KEY),
        ("a certificate in DER", "openssl x509 -inform DER -in chain.pem"),
    ),
    Case(
        "DER key",
        "der",
        lambda: (CHAIN, key_der(GOOD.key)),
        ("a private key in DER", "openssl pkey -inform DER -in key.pem"),
    ),
    Case(
        "encrypted DER key",
        "der",
        lambda: (
            CHAIN,
            GOOD.key.private_bytes(
                DER, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
            ),
        ),
        ("a private key in DER",),
    ),
    Case(
        "DER request",
        "der",
        lambda: (request(GOOD.key).public_bytes(DER), KEY),
        ("a signing request in DER",),
    ),
    Case(
        "DER public key",
        "der",
        lambda: (
            CHAIN,
            GOOD.key.public_key().public_bytes(DER, serialization.PublicFormat.SubjectPublicKeyInfo),
        ),
        ("a public key in DER", "private key that was made with it"),
    ),
    Case(
        "PFX as chain",
        "pkcs12",
        lambda: (pfx(), KEY),
        ("PKCS#12 (PFX)", "openssl pkcs12 -in chain.pem -nokeys -out chain-converted.pem"),
    ),
    Case(
        "PFX as key",
        "pkcs12",
        lambda: (CHAIN, pfx()),
        ("PKCS#12 (PFX)", "openssl pkcs12 -in key.pem -nodes -nocerts"),
    ),
    Case(
        "PKCS#7 in DER",
        "pkcs7",
        lambda: (pkcs7_of(DER), KEY),
        ("openssl pkcs7 -inform DER -in chain.pem -print_certs",),
    ),
    Case(
        "PKCS#7 in PEM", "pkcs7", lambda: (pkcs7_of(PEM), KEY), ("openssl pkcs7 -in chain.pem -print_certs",)
    ),
    Case(
        "Java keystore",
        "java-keystore",
        lambda: (bytes.fromhex("feedfeed00000002"), KEY),
        ("keytool -importkeystore",),
    ),
    Case(
        "last END missing",
        "pem-truncated",
        lambda: (b"".join(_lines(CHAIN)[:-1]), KEY),
        ("without END before the text ends", "cut off"),
    ),
    Case(
        "cut within the last body",
        "pem-truncated",
        lambda: (CHAIN[:-200], KEY),
        ("BEGIN CERTIFICATE in line", "cut off"),
    ),
    Case(
        "first END missing",
        "pem-truncated",
        lambda: (CHAIN.replace(b"-----END CERTIFICATE-----\n", b"", 1), KEY),
        ("before the next block begins in line",),
    ),
    Case(
        "BEGIN missing",
        "pem-end-without-begin",
        lambda: (b"".join(_lines(CHAIN)[1:]), KEY),
        ("END CERTIFICATE in line",),
    ),
    Case(
        "four hyphens",
        "pem-boundary-malformed",
        lambda: (_damaged_begin(), KEY),
        ("damaged BEGIN or END in line 1",),
    ),
    Case(
        "dashes of a word processor",
        "pem-boundary-malformed",
        lambda: (CHAIN, KEY.replace(b"-----END", "–––––END".encode())),
        ("damaged BEGIN or END in line 5",),
    ),
    Case(
        "labels differ",
        "pem-label-mismatch",
        lambda: (CHAIN, KEY.replace(b"END PRIVATE", b"END EC PRIVATE")),
        ("BEGIN PRIVATE KEY in line 1 closed by END EC PRIVATE KEY",),
    ),
    Case(
        "character damaged",
        "pem-body-damaged",
        lambda: (CHAIN.replace(b"MII", b"M!I", 1), KEY),
        ("not Base64",),
    ),
    Case(
        "character missing",
        "pem-body-damaged",
        lambda: (CHAIN.replace(b"MII", b"MI", 1), KEY),
        ("not Base64",),
    ),
    Case(
        "line missing",
        "pem-body-incomplete",
        lambda: (b"".join(line for number, line in enumerate(_lines(CHAIN)) if number != 3), KEY),
        ("octets", "should be", "Lines are missing"),
    ),
    Case(
        "empty block",
        "pem-body-empty",
        lambda: (b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n" + CHAIN, KEY),
        ("nothing in the block CERTIFICATE in line 1",),
    ),
    Case(
        "bare body after the blocks",
        "pem-data-outside",
        lambda: (CHAIN + b"A" * 64 + b"\n", KEY),
        ("outside of any block",),
    ),
    Case(
        "no certificate in it",
        "certificate-unparsable",
        lambda: (UNPARSABLE + CHAIN, KEY),
        ("line 1", "not a valid X.509"),
    ),
    Case(
        "no key in it",
        "key-unparsable",
        lambda: (CHAIN, BROKEN_KEY),
        ("not valid", "openssl pkey -in key.pem -noout"),
    ),
    Case(
        "files swapped", "files-swapped", lambda: (KEY, CHAIN), ("holds the private key", "Exchange the two")
    ),
    Case(
        "key in the chain",
        "key-in-certificate-file",
        lambda: (CHAIN + KEY, KEY),
        ("private key in line", "its own file"),
    ),
    Case(
        "certificate in the key file",
        "certificate-in-key-file",
        lambda: (CHAIN, KEY + GOOD.pem),
        ("openssl pkey -in key.pem",),
    ),
    Case(
        "request for a chain",
        "request-not-certificate",
        lambda: (request(GOOD.key).public_bytes(PEM), KEY),
        ("signing request in line 1", "Send it to the authority"),
    ),
    Case(
        "request for a key",
        "request-not-key",
        lambda: (CHAIN, request(GOOD.key).public_bytes(PEM)),
        ("signing request",),
    ),
    Case(
        "public key for a key",
        "public-key-not-private",
        lambda: (CHAIN, public_pem(GOOD.key)),
        ("public key in line 1",),
    ),
    Case(
        "several keys",
        "several-keys",
        lambda: (CHAIN, KEY + key_pem(key("P-256", 3))),
        ("2 private keys, in lines 1, 6",),
    ),
    Case("parameters alone", "no-key", lambda: (CHAIN, EC_PARAMETERS), ("holds no private key",)),
    Case(
        "DH parameters",
        "foreign-block",
        lambda: (CHAIN + GOOD.pem.replace(b"CERTIFICATE", b"DH PARAMETERS"), KEY),
        ("a block DH PARAMETERS in line",),
    ),
    Case(
        "foreign block beside the key",
        "foreign-block",
        lambda: (CHAIN, KEY + GOOD.pem.replace(b"CERTIFICATE", b"X509 CRL")),
        ("a block X509 CRL",),
    ),
    Case(
        "OpenSSL's trusted certificate",
        "trusted-certificate",
        lambda: (GOOD.pem.replace(b"CERTIFICATE", b"TRUSTED CERTIFICATE"), KEY),
        ("openssl x509 -in chain.pem",),
    ),
    Case(
        "OpenSSH key",
        "openssh-key",
        lambda: (
            CHAIN,
            b"-----BEGIN OPENSSH PRIVATE KEY-----\n"
            + b64encode(b"\x30\x03\x02\x01\x01")
            + b"\n-----END OPENSSH PRIVATE KEY-----\n",
        ),
        ("ssh-keygen -p -N '' -m PKCS8",),
    ),
    Case(
        "encrypted key, no password",
        "key-encrypted",
        lambda: (CHAIN, key_pem(GOOD.key, password=b"secret")),
        ("no password was given", "openssl pkey -in key.pem -out key-converted.pem"),
        raises=EncryptedKeyError,
    ),
    Case(
        "traditional encryption, no password",
        "key-encrypted",
        lambda: (CHAIN, key_pem(GOOD.key, traditional=True, password=b"secret")),
        ("no password was given",),
        raises=EncryptedKeyError,
    ),
    Case(
        "encrypted key, wrong password",
        "key-password-wrong",
        lambda: (CHAIN, key_pem(GOOD.key, password=b"secret")),
        ("cannot be decrypted with this password",),
        password="wrong",
        raises=EncryptedKeyError,
    ),
]

REFUSED = [
    Case(
        "missing intermediate",
        "chain-incomplete",
        lambda: (GOOD.pem, KEY),
        ("'CN=Test Intermediate 0'", "Append"),
    ),
    Case(
        "missing intermediate, address known",
        "chain-incomplete",
        _lone_with_address,
        ("at http://ca.test/i.der: openssl x509",),
    ),
    Case(
        "missing intermediate, root known",
        "chain-incomplete",
        lambda: (GOOD.pem, KEY),
        ("lacks the intermediate 'CN=Test Intermediate 0'",),
        roots=(root(),),
    ),
    Case(
        "another root",
        "chain-incomplete",
        lambda: (CHAIN, KEY),
        ("'CN=Test Root 0'",),
        roots=(root("P-256", 1),),
    ),
    Case(
        "another root, own root sent",
        "chain-untrusted",
        lambda: (CHAIN + root().pem, KEY),
        ("ends in 'Test Root 0'", "not among the roots"),
        roots=(root("P-256", 1),),
    ),
    Case(
        "a root of the same name",
        "chain-untrusted",
        lambda: (CHAIN, KEY),
        ("was not signed by the root 'Test Root 0'",),
        roots=(root("P-384"),),
    ),
    Case(
        "unrelated authority",
        "chain-unrelated",
        lambda: (CHAIN + intermediate("P-256", 1).pem, KEY),
        ("'Test Intermediate 1'",),
    ),
    Case(
        "two leaves",
        "two-leaves",
        lambda: (CHAIN + leaf(key=key("P-256", 4), common_name="b").pem, KEY),
        ("second server certificate", "'b'"),
    ),
    Case(
        "re-keyed intermediate",
        "chain-signature-invalid",
        _forged_intermediate,
        ("did not sign it", "'Test Intermediate 0'"),
    ),
    Case(
        "foreign key",
        "key-mismatch",
        lambda: (CHAIN, key_pem(key("RSA-2048"))),
        ("key file", "The key is RSA-2048", "is P-256"),
    ),
    Case(
        "the authority's key",
        "key-mismatch",
        lambda: (CHAIN, intermediate().key_pem),
        ("key of the authority 'Test Intermediate 0'",),
    ),
    Case(
        "wrong name",
        "name-not-covered",
        _with_leaf(names=["other.example.com"]),
        ("does not cover api.example.com", "other.example.com"),
    ),
    Case(
        "wildcard, apex",
        "name-not-covered",
        _with_leaf(names=["*.api.example.com"]),
        ("does not cover the domain itself",),
    ),
    Case(
        "wildcard, two labels",
        "name-not-covered",
        _with_leaf(names=["*.example.com"]),
        ("one label, not more",),
        fqdn="a.b.example.com",
    ),
    Case(
        "partial wildcard",
        "name-not-covered",
        _with_leaf(names=["a*.example.com"]),
        ("it is for a*.example.com",),
    ),
    Case("inner wildcard", "name-not-covered", _with_leaf(names=["api.*.com"]), ("it is for api.*.com",)),
    Case("common name only", "name-common-name-only", _with_leaf(names=[]), ("common name only", "RFC 9525")),
    Case(
        "address only",
        "name-address-only",
        _with_leaf(names=[x509.IPAddress(ipaddress.ip_address("192.0.2.1"))], common_name=None),
        ("192.0.2.1",),
    ),
    Case("no name", "name-missing", _with_leaf(names=[], common_name="Server"), ("no DNS name at all",)),
    Case(
        "wildcard over a top-level domain",
        "wildcard-too-wide",
        _with_leaf(names=["*.com", FQDN]),
        ("'*.com'", "top-level domain"),
    ),
    Case("FQDN is an address", "fqdn-invalid", lambda: (CHAIN, KEY), ("is an IP address",), fqdn="192.0.2.1"),
    Case(
        "FQDN is a wildcard", "fqdn-invalid", lambda: (CHAIN, KEY), ("is a wildcard",), fqdn="*.example.com"
    ),
    Case(
        "expired",
        "expired",
        _with_leaf(end=NOW - timedelta(days=1)),
        ("expired on 2026-05-31 12:00:00 UTC", "it is 2026-06-01"),
    ),
    Case(
        "not yet valid",
        "not-yet-valid",
        _with_leaf(begin=NOW + timedelta(days=1)),
        ("not valid before 2026-06-02",),
    ),
    Case(
        "a few hours left",
        "expires-soon",
        _with_leaf(end=NOW + timedelta(hours=9)),
        ("in 0 days", "at least 1"),
    ),
    Case(
        "expired intermediate",
        "expired",
        _with_intermediate(end=NOW - timedelta(days=1)),
        ("authority 'Odd Intermediate'",),
    ),
    Case(
        "intermediate not yet valid",
        "not-yet-valid",
        _with_intermediate(begin=NOW + timedelta(days=1)),
        ("authority",),
    ),
    Case(
        "expired root",
        "expired",
        lambda: (CHAIN, KEY),
        ("authority 'Test Root 0'",),
        roots=(authority("Test Root 0", None, root().key, end=NOW - timedelta(days=2)),),
    ),
    Case("RSA-1024", "rsa-too-short", _with_leaf(key_kind="RSA-1024"), ("RSA-1024", "RSA of 2048")),
    Case("P-521", "curve-unsupported", _with_leaf(key_kind="P-521"), ("P-521", "handshakes fail")),
    Case("secp256k1", "curve-unsupported", _with_leaf(key_kind="secp256k1"), ("secp256k1",)),
    Case("Ed25519", "key-type-unsupported", _with_leaf(key_kind="Ed25519"), ("Ed25519", "openssl genpkey")),
    Case("Ed448", "key-type-unsupported", _with_leaf(key_kind="Ed448"), ("Ed448",)),
    Case("X25519", "key-type-unsupported", _with_leaf(key_kind="X25519"), ("X25519",)),
    Case("DSA", "key-type-unsupported", _with_leaf(key_kind="DSA"), ("DSA",)),
    Case(
        "SHA-1",
        "signature-hash-weak",
        _weak("sha1"),
        ("signed with SHA-1", "-sha256"),
        roots=(root("RSA-2048"),),
    ),
    Case("MD5", "signature-hash-weak", _weak("md5"), ("signed with MD5",), roots=(root("RSA-2048"),)),
    Case(
        "SHA-1 above",
        "signature-hash-weak",
        _weak_intermediate,
        ("authority 'Old Intermediate'", "SHA-1"),
        roots=(root("RSA-2048"),),
    ),
    Case(
        "RSA-1024 above",
        "rsa-too-short",
        lambda: (
            chain(
                leaf(small := authority("Small", root(), key("RSA-1024", 2))),
                small,
            ),
            KEY,
        ),
        ("authority 'Small'", "for that authority"),
    ),
    Case(
        "client certificate",
        "usage-not-server",
        _with_leaf(extended=[ExtendedKeyUsageOID.CLIENT_AUTH]),
        ("client auth",),
    ),
    Case(
        "no digital signature",
        "usage-no-signature",
        _with_leaf(usages=["key_agreement"]),
        ("digitalSignature",),
    ),
    Case(
        "critical unknown",
        "critical-extension-unknown",
        _with_leaf(
            extensions=[
                (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00"), True)
            ]
        ),
        ("1.3.6.1.4.1.99999.1",),
    ),
    Case(
        "precertificate",
        "precertificate",
        _with_leaf(extensions=[(x509.PrecertPoison(), True)]),
        ("RFC 6962",),
    ),
    Case(
        "self-signed authority as leaf",
        "leaf-is-authority",
        lambda: ((made := self_signed(basic=(True, None))).pem, made.key_pem),
        ("self-signed certificate of an authority", "basicConstraints=critical,CA:FALSE"),
    ),
    Case(
        "intermediate is no authority",
        "issuer-not-authority",
        _with_intermediate(basic=(False, None)),
        ("CA:TRUE",),
    ),
    Case(
        "intermediate of version 1",
        "issuer-not-authority",
        _with_intermediate(basic=None, usages=None),
        ("CA:TRUE",),
    ),
    Case(
        "intermediate may not sign",
        "issuer-may-not-sign",
        _with_intermediate(usages=["crl_sign"]),
        ("keyCertSign",),
    ),
    Case(
        "intermediate for mail",
        "issuer-usage-not-server",
        _with_intermediate(extended=[ExtendedKeyUsageOID.EMAIL_PROTECTION]),
        ("email protection",),
    ),
    Case("path too long", "path-too-long", _short_path, ("'Upper'", "allows 0", "1 are there")),
    Case(
        "name constraints",
        "name-constraints",
        _constrained("example.org"),
        ("outside of the names",),
        roots=(root(),),
    ),
    Case("name constraints, root not known", "name-constraints", _constrained("example.org"), ("outside",)),
]
REFUSED = [Case(**vars(case) | {"raises": RefusedError}) for case in REFUSED]


@pytest.mark.parametrize("case", [*UNREADABLE, *REFUSED], ids=lambda case: case.name)
def test_odd_bundle_is_refused_in_its_own_words(case: Case) -> None:
    reading = read_case(case)
    found = errors_in(check(reading, case.fqdn, NOW, roots_of(case)))
    assert [finding.code for finding in found] == [case.code]
    text = str(found[0])
    assert [words for words in case.says if words not in text] == []
    with pytest.raises(case.raises) as caught:
        require(reading, case.fqdn, NOW, roots_of(case))
    assert type(caught.value) is case.raises
    assert case.says[0] in str(caught.value)


def _utf16(text: bytes) -> bytes:
    return text.decode("ascii").encode("utf-16")


MENDED = [
    Case("BOM", "pem-bom", lambda: (b"\xef\xbb\xbf" + CHAIN, KEY), ("byte order mark",)),
    Case(
        "BOM before the key",
        "pem-bom",
        lambda: (CHAIN, b"\xef\xbb\xbf" + KEY),
        ("key file", "byte order mark"),
    ),
    Case("UTF-16", "pem-utf16", lambda: (_utf16(CHAIN), KEY), ("UTF-16",)),
    Case("CRLF", "pem-crlf", lambda: (CHAIN.replace(b"\n", b"\r\n"), KEY), ("CRLF",)),
    Case("CR", "pem-cr", lambda: (CHAIN.replace(b"\n", b"\r"), KEY), ("bare CR",)),
    Case(
        "escaped", "pem-escaped-newlines", lambda: (CHAIN, KEY.replace(b"\n", b"\\n")), (r"'\n' written out",)
    ),
    Case("one-line bodies", "pem-one-line", lambda: (_one_line(CHAIN), KEY), ("lines of their own",)),
    Case(
        "all in one line", "pem-one-line", lambda: (CHAIN.replace(b"\n", b" "), KEY), ("lines of their own",)
    ),
    Case(
        "nothing between",
        "pem-one-line",
        lambda: (CHAIN.replace(b"-----\n-----", b"----------"), KEY),
        ("lines of",),
    ),
    Case(
        "key in one line", "pem-one-line", lambda: (CHAIN, KEY.replace(b"\n", b"")), ("key file", "lines of")
    ),
    Case(
        "indented", "pem-layout", lambda: (b"".join(b"  " + line for line in _lines(CHAIN)), KEY), ("spaces",)
    ),
    Case("empty lines", "pem-layout", lambda: (CHAIN.replace(b"\n", b"\n\n"), KEY), ("empty lines",)),
    Case("trailing spaces", "pem-layout", lambda: (CHAIN, KEY.replace(b"\n", b" \n")), ("spaces",)),
    Case(
        "lines of 76",
        "pem-layout",
        lambda: (CHAIN, b"\n".join([_lines(KEY)[0].strip(), *_wrap(KEY, 76), _lines(KEY)[-1]])),
        ("other lengths",),
    ),
    Case(
        "text between",
        "pem-text-outside",
        lambda: (b"Bag Attributes\n  friendlyName: tls\n" + CHAIN, KEY),
        ("left out",),
    ),
    Case(
        "old label",
        "pem-old-label",
        lambda: (CHAIN.replace(b"CERTIFICATE", b"X509 CERTIFICATE"), KEY),
        ("X509 CERTIFICATE",),
    ),
    Case(
        "EC parameters",
        "ec-parameters",
        lambda: (CHAIN, EC_PARAMETERS + key_pem(GOOD.key, traditional=True)),
        ("EC PARAMETERS",),
    ),
    Case(
        "leaf last",
        "chain-order",
        lambda: (chain(intermediate(), GOOD), KEY),
        ("'api.example.com' <- 'Test Intermediate 0'",),
    ),
    Case("twice", "chain-duplicate", lambda: (CHAIN + GOOD.pem, KEY), ("twice",)),
    Case(
        "root sent", "chain-root-left-out", lambda: (CHAIN + root().pem, KEY), ("'Test Root 0'", "not sent")
    ),
    Case(
        "second certificate of the authority",
        "chain-alternate",
        lambda: (CHAIN + authority("Test Intermediate 0", root("P-256", 1), intermediate().key).pem, KEY),
        ("'Test Intermediate 0'", "not needed"),
    ),
]


def _wrap(text: bytes, width: int) -> list[bytes]:
    body = b"".join(_lines(text)[1:-1]).replace(b"\n", b"")
    return [body[start : start + width] for start in range(0, len(body), width)]


@pytest.mark.parametrize("case", MENDED, ids=lambda case: case.name)
def test_odd_bundle_is_mended_and_said_so(case: Case) -> None:
    checked = require(read_case(case), case.fqdn, NOW, roots_of(case))
    assert [(finding.code, finding.severity) for finding in checked.findings] == [(case.code, "mended")]
    text = str(checked.findings[0])
    assert [words for words in case.says if words not in text] == []
    assert checked.bundle.certificate_pem.encode() == CHAIN
    assert checked.bundle.key_pem.encode() == KEY


def test_everything_is_said_at_once() -> None:
    made = leaf(
        names=["other.example.com"],
        key_kind="RSA-1024",
        end=NOW - timedelta(days=1),
        extended=[ExtendedKeyUsageOID.CLIENT_AUTH],
    )
    reading = read(b"\xef\xbb\xbf" + made.pem, key_pem(key("P-521")))
    codes = [finding.code for finding in check(reading, FQDN, NOW)]
    assert sorted(codes[:-1]) == [
        "chain-incomplete",
        "expired",
        "key-mismatch",
        "name-not-covered",
        "rsa-too-short",
        "usage-not-server",
    ]
    assert codes[-1] == "pem-bom"
    with pytest.raises(RefusedError, match="6 things are wrong") as caught:
        require(reading, FQDN, NOW)
    assert str(caught.value).count("\n  - ") == 6


def test_what_can_be_read_is_judged_though_the_other_cannot_be() -> None:
    expired = leaf(end=NOW - timedelta(days=1))
    found = check(read(chain(expired, intermediate()), b""), FQDN, NOW)
    assert [finding.code for finding in found] == ["empty", "expired"]
    found = check(read(b"", key_pem(key("Ed25519"))), "nonsense", NOW)
    assert [finding.code for finding in found] == ["empty", "fqdn-invalid", "key-type-unsupported"]


@pytest.mark.parametrize("kind", ["RSA-2048", "RSA-3072", "P-256", "P-384"])
def test_fit_bundles_pass_without_a_word(kind: str) -> None:
    issuer = intermediate("RSA-2048" if kind.startswith("RSA") else "P-256")
    top = root("RSA-2048" if kind.startswith("RSA") else "P-256")
    made = leaf(issuer, key_kind=kind, names=["*.example.com"])
    for roots in (
        None,
        [top.certificate],
        [root("P-256", 1).certificate, top.certificate],
        [issuer.certificate],
    ):
        assert check(read(chain(made, issuer), made.key_pem), FQDN, NOW, roots) == []


def test_a_leaf_below_a_known_root_needs_no_intermediate() -> None:
    made = leaf(root())
    assert check(read(made.pem, made.key_pem), FQDN, NOW, [root().certificate]) == []


def test_name_constraints_that_allow_the_name_pass() -> None:
    certificate, private_key = _constrained("example.com")()
    assert check(read(certificate, private_key), FQDN, NOW, [root().certificate]) == []


def test_warnings_do_not_refuse() -> None:
    due = leaf(begin=NOW - timedelta(days=70), end=NOW + timedelta(days=20))
    checked = require(read(chain(due, intermediate()), key_pem(due.key), password="needless"), FQDN, NOW)
    assert [(one.code, one.severity) for one in checked.findings] == [
        ("password-unused", "warning"),
        ("renewal-due", "warning"),
    ]
    assert "since 2026-05-22 12:00:00 UTC" in checked.findings[1].message
    alone = self_signed()
    checked = require(read(alone.pem, alone.key_pem), FQDN, NOW)
    assert [(one.code, one.severity) for one in checked.findings] == [("leaf-self-signed", "warning")]
    assert "this very certificate as a root" in checked.findings[0].message
    assert checked.bundle.chain == (alone.certificate,)
    odd = leaf(names=[FQDN, "under_score.example.com"])
    checked = require(read(chain(odd, intermediate()), odd.key_pem), FQDN, NOW)
    assert [(one.code, one.severity) for one in checked.findings] == [("name-malformed", "warning")]


def test_self_signed_weakly_is_refused_too() -> None:
    made = make(FQDN, None, key("RSA-2048"), names=[FQDN])
    weak = weakly_signed(made, made, "sha1")
    found = errors_in(check(read(weak.pem, weak.key_pem), FQDN, NOW))
    assert [finding.code for finding in found] == ["signature-hash-weak"]


def test_minimum_days_is_a_setting() -> None:
    made = leaf(end=NOW + timedelta(days=80))
    reading = read(chain(made, intermediate()), made.key_pem)
    found = check(reading, FQDN, NOW, minimum_days=81)
    assert [finding.code for finding in found] == ["expires-soon"]
    assert "in 80 days; at least 81 are asked for" in found[0].message
    assert check(reading, FQDN, NOW, minimum_days=80) == []


def test_an_authority_as_leaf_of_its_issuer() -> None:
    made = leaf(basic=(True, 0), usages=["digital_signature", "key_cert_sign"])
    found = errors_in(check(read(chain(made, intermediate()), made.key_pem), FQDN, NOW))
    assert [finding.code for finding in found] == ["leaf-is-authority"]
