"""A text turned into blocks, and blocks into certificates; whatever is odd becomes a finding."""

from __future__ import annotations

from cryptography import x509

from certs import formats, labels, pem, text, wrappings
from certs.findings import Finding, Origin, error, errors_in, mended, printable


def read_blocks(data: bytes, origin: Origin, *, wants_key: bool) -> pem.PemText:
    """The PEM blocks of `data`; a finding where there are none."""
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
    decoded, findings = text.decode(data, origin)
    if not decoded.strip():
        wanted = "one private key" if wants_key else "the certificate chain"
        return pem.PemText((), (error("empty", origin.label, "is empty.", f"It must hold {wanted} in PEM."),))
    found = pem.split(decoded, origin)
    if not found.blocks:
        wrapped = wrappings.in_base64(data, origin, wants_key=wants_key)
        if wrapped is not None:
            return pem.PemText((), (wrapped,))
    if not found.blocks and not errors_in(found.findings):
        return pem.PemText((), (formats.not_pem(data, origin, wants_key=wants_key),))
    return pem.PemText(found.blocks, (*findings, *found.findings))


def swapped(chain: pem.PemText, key: pem.PemText, chain_origin: Origin, key_origin: Origin) -> Finding | None:
    """The finding for a chain and a key that stand in each other's place."""
    if not chain.blocks or not key.blocks:
        return None
    keys_in_chain = all(
        labels.is_private(block.label) or block.label == labels.PARAMETERS for block in chain.blocks
    )
    if keys_in_chain and all(block.label in labels.CERTIFICATE for block in key.blocks):
        return error(
            "files-swapped",
            chain_origin.label,
            f"holds the private key, and the {key_origin.label} the certificates.",
            "Exchange the two.",
        )
    return None


def combined(
    chain: pem.PemText, key: pem.PemText, chain_origin: Origin, key_origin: Origin
) -> Finding | None:
    """The finding for one PEM that holds certificates and the key, and stands in both places."""
    labelled = [{block.label for block in one.blocks} for one in (chain, key)]
    for found in labelled:
        if found.isdisjoint(labels.CERTIFICATE) or not any(map(labels.is_private, found)):
            return None
    both = chain_origin.file == key_origin.file
    chain_file, key_file = (
        origin.beside(what) if both else origin.converted
        for origin, what in ((chain_origin, "chain"), (key_origin, "key"))
    )
    return error(
        "combined-pem",
        chain_origin.label,
        f"holds the certificates and the private key together, and so does the {key_origin.label}.",
        f"Give each alone: {_certificates_of(chain_origin)} -out {chain_file} and: openssl pkey -in "
        f"{key_origin.source} -out {key_file}",
    )


def _certificates_of(origin: Origin) -> str:
    return f"openssl crl2pkcs7 -nocrl -certfile {origin.source} | openssl pkcs7 -print_certs"


def read_certificates(
    blocks: tuple[pem.Block, ...], origin: Origin
) -> tuple[list[x509.Certificate], list[Finding]]:
    """The certificates among `blocks` of the certificate file; a finding for each block that is none.

    There are no certificates where one of them is not valid: the rest would be judged for what it is not.
    """
    whole = True
    certificates: list[x509.Certificate] = []
    findings: list[Finding] = []
    for block in blocks:
        if block.label not in labels.CERTIFICATE:
            findings.append(_foreign_in_chain(block, origin))
            continue
        if block.label != "CERTIFICATE":
            findings.append(
                mended("pem-old-label", origin.label, f"used the label {block.label} for a certificate.")
            )
        try:
            certificates.append(formats.parse_certificate(block.der))
        except formats.UNPARSABLE as why:
            whole = False
            message = (
                f"has a block in line {block.line} that is not a valid X.509 certificate: {_words(why)}."
            )
            remedy = "Get the certificate anew from whoever issued it."
            findings.append(error("certificate-unparsable", origin.label, message, remedy))
    return certificates if whole else [], findings


def _words(why: Exception) -> str:
    return printable(" ".join(str(why).split())).rstrip(".") or type(why).__name__


def _foreign_in_chain(block: pem.Block, origin: Origin) -> Finding:
    where = f"in line {block.line}"
    if labels.is_private(block.label):
        return error(
            "key-in-certificate-file",
            origin.label,
            f"holds a private key {where}: the chain is public, and must be without it.",
            f"Keep the certificates alone: {_certificates_of(origin)} -out {origin.converted} and the key in "
            "its own file; consider it known to whoever could read this one.",
        )
    if block.label in labels.REQUEST:
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
            f"Convert it: openssl pkcs7 -in {origin.source} -print_certs -out {origin.converted}",
        )
    if block.label == "TRUSTED CERTIFICATE":
        return error(
            "trusted-certificate",
            origin.label,
            f"holds a certificate with OpenSSL's trust settings {where}, which TLS stacks do not read.",
            f"Convert it: openssl x509 -in {origin.source} -out {origin.converted}",
        )
    return error(
        "foreign-block", origin.label, f"holds a block {block.label} {where}.", "Keep certificates alone."
    )
