"""Each way in which a text can be odd: those that cannot be read, and those that are put right."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12

from certs.errors import EncryptedKeyError
from certs.pem import Block
from tests.support.certificates import odd_wrappings
from tests.support.certificates.forge import (
    authority,
    chain,
    ec_key_der,
    intermediate,
    key,
    key_der,
    key_pem,
    public_pem,
    request,
    root,
)
from tests.support.certificates.odd_bundles import CHAIN, GOOD, KEY, Case, Texts

PEM = serialization.Encoding.PEM
DER = serialization.Encoding.DER
_BELOW = GOOD.pem.count(b"\n") + 1
"""The line in which what comes after the leaf begins."""


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


def _commented(text: bytes) -> bytes:
    return b"".join(b"# " + line for line in _lines(text))


UNREADABLE = [
    *odd_wrappings.UNREADABLE,
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
        lambda: (CHAIN + b"".join(_lines(root().pem)[1:-1]), KEY),
        ("outside of any block in line",),
    ),
    Case(
        "four hyphens all around",
        "pem-boundary-malformed",
        lambda: (GOOD.pem + intermediate().pem.replace(b"-----", b"----"), KEY),
        (f"damaged BEGIN or END in line {_BELOW}",),
    ),
    Case(
        "cut off behind a setting's name",
        "pem-truncated",
        lambda: (GOOD.pem + b'ca = "' + intermediate().pem[:-60], KEY),
        (f"BEGIN CERTIFICATE in line {_BELOW}", "cut off"),
    ),
    Case(
        "all of it a comment",
        "not-pem",
        lambda: (_commented(CHAIN), KEY),
        ("no line begins with '-----BEGIN'",),
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
        ("private key in line", "openssl crl2pkcs7 -nocrl -certfile chain.pem", "its own file"),
    ),
    Case(
        "certificate in the key file",
        "certificate-in-key-file",
        lambda: (CHAIN, KEY + GOOD.pem),
        ("openssl pkey -in key.pem",),
    ),
    Case(
        "one PEM for both",
        "combined-pem",
        lambda: (KEY + CHAIN, KEY + CHAIN),
        (
            "the private key together, and so does the key file",
            "openssl crl2pkcs7 -nocrl -certfile chain.pem",
            "openssl pkey -in key.pem -out key-converted.pem",
        ),
    ),
    Case(
        "PFX in Base64 as chain",
        "base64-of-pkcs12",
        lambda: (b'"' + b64encode(pfx()) + b'"', KEY),
        ("PKCS#12 (PFX) container in Base64 and in quotation marks", "base64 -d > decoded.pfx"),
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


def _wrap(text: bytes, width: int) -> list[bytes]:
    body = b"".join(_lines(text)[1:-1]).replace(b"\n", b"")
    return [body[start : start + width] for start in range(0, len(body), width)]


# What people and tools write around blocks. All of it is passed over by who reads PEM line by line.
WORDS = {
    "a friendly name": b"Bag Attributes\n    localKeyID: 54 69 6D 65 \n    friendlyName: front-end\n",
    "a certificate in words": b"Certificate:\n    Data:\n        Version: 3 (0x2)\n"
    b"        Subject: O = WE-BEGIN, CN = back-end.example.com\n                pub:\n"
    b"                    04:88:19:37:23:17:07:ee\n",
    "BEGIN behind a hyphen": b"# A comment of WE-BEGIN CERTIFICATE and the back-END CERTIFICATE-----\n",
    "a damaged BEGIN": b"# CA with ----BEGIN CERTIFICATE----?\n",
    "a whole BEGIN": b"# -----BEGIN CERTIFICATE----- is below\n",
    "BEGIN and END": b"Copy all from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE----- in here\n",
    "a block": _commented(root().pem),
    "hex": b"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n",
    "letters": b"/usr/local/share/certificates/production/webservers/frontend\n",
    "dashes": b"---\nCertificate chain\n--- begin of the chain ---\n- end CERTIFICATE of it\n",
    "UTF-8": "# Zertifikat für die Außenstelle – Anfang\n".encode(),
}


def _behind(words: bytes) -> Callable[[], Texts]:
    return lambda: (words + CHAIN, KEY)


MENDED = [
    Case("BOM", "pem-bom", lambda: (b"\xef\xbb\xbf" + CHAIN, KEY), ("byte order mark",)),
    Case(
        "BOM before the key",
        "pem-bom",
        lambda: (CHAIN, b"\xef\xbb\xbf" + KEY),
        ("key file", "byte order mark"),
    ),
    Case("UTF-16", "pem-utf16", lambda: (odd_wrappings.utf16(CHAIN), KEY), ("UTF-16",)),
    Case(
        "UTF-16 without its mark", "pem-utf16", lambda: (CHAIN.decode().encode("utf-16-be"), KEY), ("UTF-16",)
    ),
    Case(
        "escaped twice",
        "pem-escaped-newlines",
        lambda: (CHAIN, KEY.replace(b"\n", rb"\\r\\n")),
        (r"'\n' written out",),
    ),
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
    *(
        Case(f"words: {name}", "pem-text-outside", _behind(words), ("left out",))
        for name, words in WORDS.items()
    ),
    Case(
        "words before the key",
        "pem-text-outside",
        lambda: (CHAIN, WORDS["a friendly name"] + KEY),
        ("key file", "left out"),
    ),
    Case(
        "words between and behind",
        "pem-text-outside",
        lambda: (GOOD.pem + WORDS["a damaged BEGIN"] + intermediate().pem + WORDS["hex"], KEY),
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
        "number of 33 octets",
        "ec-key-length",
        lambda: (CHAIN, Block("PRIVATE KEY", ec_key_der(GOOD.key, 33), 1).pem()),
        ("in 33 octets; it has the 32",),
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
        roots=(root(),),
    ),
]
