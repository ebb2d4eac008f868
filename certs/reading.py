"""Two texts, a chain and a key, turned into certificates and a key; whatever is odd becomes a finding."""

from __future__ import annotations

from shlex import quote

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from certs import formats, pem
from certs.findings import Finding, Origin, error, errors_in, mended, warning

_CERTIFICATE_LABELS = ("CERTIFICATE", "X509 CERTIFICATE")
_REQUEST_LABELS = ("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")
_PARAMETERS = "EC PARAMETERS"


def read_blocks(data: bytes, origin: Origin, *, wants_key: bool) -> pem.PemText:
    """The PEM blocks of ``data``; a finding where there are none."""
    if len(data) > pem.MAXIMUM_SIZE:
        return pem.PemText(
            (),
            (
                error(
                    "too-large",
                    origin.label,
                    f"has {len(data)} octets; no more than {pem.MAXIMUM_SIZE} are read.",
                    "Is it the right file?",
                ),
            ),
        )
    text, findings = pem.decode(data, origin)
    if not text.strip():
        wanted = "one private key" if wants_key else "the certificate chain"
        return pem.PemText((), (error("empty", origin.label, "is empty.", f"It must hold {wanted} in PEM."),))
    found = pem.split(text, origin)
    if not found.blocks and not errors_in(found.findings):
        return pem.PemText((), (formats.not_pem(data, origin, wants_key=wants_key),))
    return pem.PemText(found.blocks, (*findings, *found.findings))


def swapped(chain: pem.PemText, key: pem.PemText, chain_origin: Origin, key_origin: Origin) -> Finding | None:
    """The finding for a chain and a key that stand in each other's place."""
    if not chain.blocks or not key.blocks:
        return None
    keys_in_chain = all(_is_private(block) or block.label == _PARAMETERS for block in chain.blocks)
    if keys_in_chain and all(block.label in _CERTIFICATE_LABELS for block in key.blocks):
        return error(
            "files-swapped",
            chain_origin.label,
            f"holds the private key, and the {key_origin.label} the certificates.",
            "Exchange the two.",
        )
    return None


def read_certificates(
    blocks: tuple[pem.Block, ...], origin: Origin
) -> tuple[list[x509.Certificate], list[Finding]]:
    """The certificates among ``blocks`` of the certificate file, and a finding for each block that is
    none.
    """
    certificates: list[x509.Certificate] = []
    findings: list[Finding] = []
    for block in blocks:
        if block.label not in _CERTIFICATE_LABELS:
            findings.append(_foreign_in_chain(block, origin))
            continue
        if block.label != "CERTIFICATE":
            findings.append(
                mended("pem-old-label", origin.label, f"used the label {block.label} for a certificate.")
            )
        try:
            certificates.append(_parse_certificate(block.der))
        except (ValueError, TypeError, UnsupportedAlgorithm):
            findings.append(
                error(
                    "certificate-unparsable",
                    origin.label,
                    f"has a block in line {block.line} that is not a valid X.509 certificate.",
                    "Get the certificate anew from whoever issued it.",
                )
            )
    if not certificates and not errors_in(findings):
        findings.append(error("no-certificate", origin.label, "holds no certificate.", "Put the chain in."))
    return certificates, findings


def _parse_certificate(der: bytes) -> x509.Certificate:
    certificate = x509.load_der_x509_certificate(der)
    # All of these are decoded when they are first asked for: ask now, so that nobody later meets a
    # ValueError.
    _ = certificate.extensions, certificate.subject.rfc4514_string(), certificate.issuer.rfc4514_string()
    _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc, certificate.version
    return certificate


def _foreign_in_chain(block: pem.Block, origin: Origin) -> Finding:
    file, where = quote(origin.file), f"in line {block.line}"
    if _is_private(block):
        return error(
            "key-in-certificate-file",
            origin.label,
            f"holds a private key {where}: the chain is public, and must be without it.",
            "Move the key to its own file, and consider it known to whoever could read this one.",
        )
    if block.label in _REQUEST_LABELS:
        return error(
            "request-not-certificate",
            origin.label,
            f"holds a certificate signing request {where}, not a certificate.",
            "Send it to the authority, and give the chain that comes back.",
        )
    if block.label == "PKCS7" or block.label == "CMS":
        return error(
            "pkcs7",
            origin.label,
            f"holds a PKCS#7 container {where}.",
            f"Convert it: openssl pkcs7 -in {file} -print_certs -out chain.pem",
        )
    if block.label == "TRUSTED CERTIFICATE":
        return error(
            "trusted-certificate",
            origin.label,
            f"holds a certificate with OpenSSL's trust settings {where}, which TLS stacks do not read.",
            f"Convert it: openssl x509 -in {file} -out chain.pem",
        )
    return error(
        "foreign-block", origin.label, f"holds a block {block.label} {where}.", "Keep certificates alone."
    )


def read_key(
    blocks: tuple[pem.Block, ...], origin: Origin, password: str | None
) -> tuple[PrivateKeyTypes | None, list[Finding]]:
    """The one private key among ``blocks`` of the key file, and what was found beside it."""
    findings: list[Finding] = []
    if blocks and blocks[0].label == _PARAMETERS:
        findings.append(
            mended("ec-parameters", origin.label, "began with EC PARAMETERS, which the key itself repeats.")
        )
        blocks = blocks[1:]
    private = [block for block in blocks if _is_private(block)]
    if len(private) > 1:
        lines = ", ".join(str(block.line) for block in private)
        message = f"holds {len(private)} private keys, in lines {lines}."
        findings.append(
            error("several-keys", origin.label, message, "Keep the one that the certificate was made for.")
        )
    findings += [_foreign_in_key(block, origin) for block in blocks if not _is_private(block)]
    if not private and not errors_in(findings):
        findings.append(
            error("no-key", origin.label, "holds no private key.", "Put the certificate's key in.")
        )
    if len(private) != 1:
        return None, findings
    key, found = _load_key(private[0], origin, password)
    return key, findings + found


def _is_private(block: pem.Block) -> bool:
    return block.label.endswith("PRIVATE KEY")


def _foreign_in_key(block: pem.Block, origin: Origin) -> Finding:
    where = f"in line {block.line}"
    if block.label.endswith("PUBLIC KEY"):
        return error(
            "public-key-not-private",
            origin.label,
            f"holds a public key {where}, not the private one.",
            "Give the private key that was made with it.",
        )
    if block.label in _CERTIFICATE_LABELS:
        return error(
            "certificate-in-key-file",
            origin.label,
            f"holds a certificate {where}.",
            f"Keep the key alone: openssl pkey -in {quote(origin.file)} -out key.pem",
        )
    if block.label in _REQUEST_LABELS:
        message = f"holds a certificate signing request {where}."
        return error("request-not-key", origin.label, message, "Give the private key that signed it.")
    return error(
        "foreign-block", origin.label, f"holds a block {block.label} {where}.", "Keep the private key alone."
    )


def _load_key(
    block: pem.Block, origin: Origin, password: str | None
) -> tuple[PrivateKeyTypes | None, list[Finding]]:
    file = quote(origin.file)
    if block.label == "OPENSSH PRIVATE KEY":
        return None, [
            error(
                "openssh-key",
                origin.label,
                "holds a key in OpenSSH's own format.",
                f"Convert it (in place): ssh-keygen -p -N '' -m PKCS8 -f {file}",
            )
        ]
    encrypted = block.label == "ENCRYPTED PRIVATE KEY" or any(
        "ENCRYPTED" in header for header in block.headers
    )
    findings: list[Finding] = []
    if encrypted and not password:
        return None, [
            error(
                "key-encrypted",
                origin.label,
                "holds an encrypted private key, and no password was given.",
                f"Decrypt it: openssl pkey -in {file} -out key.pem",
            )
        ]
    if password and not encrypted:
        findings.append(
            warning("password-unused", origin.label, "is not encrypted: the password is not used.")
        )
    secret = password.encode() if encrypted and password else None
    try:
        key = serialization.load_pem_private_key(block.pem(), secret)
    except (ValueError, TypeError, UnsupportedAlgorithm) as why:
        # The library's words are left out: what it says about a key is not ours to print.
        if encrypted and not isinstance(why, UnsupportedAlgorithm):
            remedy = f"Try it by hand: openssl pkey -in {file} -noout"
            return None, [
                error("key-password-wrong", origin.label, "cannot be decrypted with this password.", remedy)
            ]
        unknown = isinstance(why, UnsupportedAlgorithm)
        message = (
            "holds a key of a kind that is not known."
            if unknown
            else "holds a private key that is not valid."
        )
        return None, [
            *findings,
            error(
                "key-unparsable",
                origin.label,
                message,
                f"See what OpenSSL says: openssl pkey -in {file} -noout",
            ),
        ]
    return key, findings
