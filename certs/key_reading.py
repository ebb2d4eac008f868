"""The blocks of a key file turned into one private key; whatever is odd becomes a finding."""

from __future__ import annotations

import re

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from certs import ec_keys, labels, pem
from certs.findings import Finding, Origin, error, errors_in, mended, warning
from certs.keys import load_private

_ENCRYPTION = re.compile(
    r"DEK-Info: *(?:AES-(?:128|192|256)-CBC,[0-9A-Fa-f]{32}|DES-EDE3-CBC,[0-9A-Fa-f]{16})"
)
"""The traditional format's encryptions (RFC 1421) that are read; a shortened vector stops the library."""


def read_key(
    blocks: tuple[pem.Block, ...], origin: Origin, password: str | None
) -> tuple[PrivateKeyTypes | None, list[Finding]]:
    """The one private key among `blocks` of the key file, and what was found beside it."""
    if not blocks:
        return None, []  # that there is none was said when the text was read
    findings: list[Finding] = []
    if blocks[0].label == labels.PARAMETERS:
        findings.append(
            mended("ec-parameters", origin.label, "began with EC PARAMETERS, which the key itself repeats.")
        )
        blocks = blocks[1:]
    private = [block for block in blocks if labels.is_private(block.label)]
    if len(private) > 1:
        lines = ", ".join(str(block.line) for block in private)
        message = f"holds {len(private)} private keys, in lines {lines}."
        findings.append(
            error("several-keys", origin.label, message, "Keep the one that the certificate was made for.")
        )
    findings += [_foreign_in_key(block, origin) for block in blocks if not labels.is_private(block.label)]
    if not private and not errors_in(findings):
        findings.append(
            error("no-key", origin.label, "holds no private key.", "Put the certificate's key in.")
        )
    if len(private) != 1:
        return None, findings
    key, found = _load_key(private[0], origin, password)
    return key, findings + found


def _foreign_in_key(block: pem.Block, origin: Origin) -> Finding:
    where = f"in line {block.line}"
    if block.label.endswith("PUBLIC KEY"):
        return error(
            "public-key-not-private",
            origin.label,
            f"holds a public key {where}, not the private one.",
            "Give the private key that was made with it.",
        )
    if block.label in labels.CERTIFICATE:
        return error(
            "certificate-in-key-file",
            origin.label,
            f"holds a certificate {where}.",
            f"Keep the key alone: openssl pkey -in {origin.source} -out {origin.converted}",
        )
    if block.label in labels.REQUEST:
        message = f"holds a certificate signing request {where}."
        return error("request-not-key", origin.label, message, "Give the private key that signed it.")
    return error(
        "foreign-block", origin.label, f"holds a block {block.label} {where}.", "Keep the private key alone."
    )


def _load_key(
    block: pem.Block, origin: Origin, password: str | None
) -> tuple[PrivateKeyTypes | None, list[Finding]]:
    if block.label == "OPENSSH PRIVATE KEY":
        remedy = f"Convert it (in place): ssh-keygen -p -N '' -m PKCS8 -f {origin.source}"
        return None, [error("openssh-key", origin.label, "holds a key in OpenSSH's own format.", remedy)]
    if block.label == "ENCRYPTED PRIVATE KEY" or block.headers:
        return _decrypt(block, origin, password)
    findings: list[Finding] = []
    if password:
        findings.append(
            warning("password-unused", origin.label, "is not encrypted: the password is not used.")
        )
    try:
        return load_private(block.pem(), None), findings
    except UnsupportedAlgorithm:
        message = "holds a private key of a kind that is not known."
    except (ValueError, TypeError):
        respelled = ec_keys.read(block.der)
        if respelled is not None:
            key, octets, wanted = respelled
            message = f"held the number of its key in {octets} octets; it has the {wanted} of its curve now."
            return key, [*findings, mended("ec-key-length", origin.label, message)]
        # The library's words are left out: what it says about a key is not for print.
        message = "holds a private key that is not valid."
    remedy = f"See what OpenSSL says: openssl pkey -in {origin.source} -noout"
    return None, [*findings, error("key-unparsable", origin.label, message, remedy)]


def _decrypt(
    block: pem.Block, origin: Origin, password: str | None
) -> tuple[PrivateKeyTypes | None, list[Finding]]:
    by_hand = f"openssl pkey -in {origin.source} -out {origin.converted}"
    if block.headers and not any(_ENCRYPTION.fullmatch(header) for header in block.headers):
        message = "holds a private key with headers that are not those of a known encryption."
        return None, [error("key-unparsable", origin.label, message, f"Convert it: {by_hand}")]
    if not password:
        message = "holds an encrypted private key, and no password was given."
        return None, [error("key-encrypted", origin.label, message, f"Decrypt it: {by_hand}")]
    try:
        return load_private(block.pem(), password.encode("utf-8", "replace")), []
    except UnsupportedAlgorithm:
        message = "holds a private key whose encryption is not known."
        return None, [error("key-unparsable", origin.label, message, f"Decrypt it: {by_hand}")]
    except (ValueError, TypeError):
        message = "cannot be decrypted with this password."
        return None, [error("key-password-wrong", origin.label, message, f"Try it by hand: {by_hand}")]
