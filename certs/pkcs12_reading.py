"""A PKCS#12 (PFX) container turned into a chain and a key; whatever is odd becomes a finding."""

from __future__ import annotations

import warnings

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12KeyAndCertificates, load_pkcs12

from certs import formats, pem, pkcs12, text, wrappings
from certs.bundle import Reading, assemble
from certs.findings import Finding, Origin, error, mended, printable, warning
from certs.pem import MAXIMUM_SIZE, der_length
from certs.pkcs12 import Container, SealedError

_KEYSTORES = {bytes.fromhex("feedfeed"): "JKS", bytes.fromhex("cececece"): "JCEKS"}


def read_container(data: bytes | None, password: str | None, origin: Origin) -> Reading:
    """The chain and key in the container `data`, its certificates in whatever order.

    Nothing is raised: see `certs.bundle.Reading.bundle`.

    Args:
        data: None for octets that could not be had; their source says why.
        password: none and an empty one are the same.
    """
    if data is None:
        return _nothing([], origin)
    fault = _not_a_container(data, origin)
    if fault is not None:
        return _nothing([fault], origin)
    try:
        container = pkcs12.parse(data)
    except SealedError:
        message = "is sealed with a public key instead of a password, which is not read here."
        return _nothing([error("pfx-unsupported", origin.label, message, _EXPORT)], origin)
    except ValueError:
        container = None  # BER, which some tools write, or damaged: the library will tell
    found: list[Finding] = []
    opened = _open(data, container, password, origin, found)
    if opened is None:
        return _nothing(found, origin)
    if container is None:
        found.append(mended("pfx-ber", origin.label, "was written in BER, not in DER."))
    elif password and not container.has_password:
        message = "is not protected by a password: the one that was given is not used."
        found.append(warning("password-unused", origin.label, message))
    return _contents(opened, container, origin, found)


_EXPORT = "Export it anew as PKCS#12 with a password, with its chain and its private key."


def _nothing(findings: list[Finding], origin: Origin) -> Reading:
    return assemble((), None, findings, certificate_origin=origin, key_origin=origin)


def _not_a_container(data: bytes, origin: Origin) -> Finding | None:
    """The finding about a file whose first octets say that it is no container, or not a whole one."""
    if len(data) > MAXIMUM_SIZE:
        message = f"has {len(data)} octets; no more than {MAXIMUM_SIZE} are read."
        return error("too-large", origin.label, message, "Is it the right file?")
    if not data.strip():
        return error("empty", origin.label, "is empty.", "It must hold one PKCS#12 container.")
    if data[:4] in _KEYSTORES:
        remedy = f"Convert it: keytool -importkeystore -srckeystore {origin.source} -destkeystore tls.pfx"
        message = f"is a Java keystore ({_KEYSTORES[data[:4]]}), not PKCS#12."
        return error("java-keystore", origin.label, message, f"{remedy} -deststoretype PKCS12")
    if b"-----BEGIN" in data:
        return _is_pem(data, origin)
    wrapped = wrappings.unwrap(data)
    if wrapped is not None:
        decode = wrapped.command.format(source=origin.source)
        if wrapped.is_pem:
            message = f"is PEM that is written once more {wrapped.how}, not PKCS#12."
            decode = wrappings.into(decode, "decoded.pem", secret=True)
            remedy = f"Decode it, and give it as PEM: {decode}"
            return error("pfx-is-pem", origin.label, message, remedy)
        if wrapped.data[:1] == b"\x30":
            message = f"is PKCS#12 written out {wrapped.how}."
            decode = wrappings.into(decode, "decoded.pfx", secret=True)
            return error("pfx-is-base64", origin.label, message, f"Decode it: {decode}")
    if data[0] != 0x30 or len(data) < 2:
        return error("not-pkcs12", origin.label, "is not a PKCS#12 container.", _EXPORT)
    whole = der_length(data)
    if whole is not None and whole != len(data):
        what = "it is cut off" if len(data) < whole else "something else follows it"
        message = f"is damaged: it has {len(data)} octets where {whole} should be; {what}."
        return error("pfx-damaged", origin.label, message, "Copy the whole file again, as binary.")
    return None


def _is_pem(data: bytes, origin: Origin) -> Finding:
    blocks = pem.split(text.decode(data, origin)[0], origin).blocks
    if blocks and formats.is_pkcs12(blocks[0].der):  # as certutil -encode writes any file
        decode = f"grep -v -e '-----' {origin.source} | tr -cd 'A-Za-z0-9+/=' | base64 -d"
        decode = wrappings.into(decode, "decoded.pfx", secret=True)
        message = f"is PKCS#12 written out in Base64, as a block {blocks[0].label}."
        return error("pfx-is-base64", origin.label, message, f"Decode it: {decode}")
    remedy = "Give it as it is: PEM needs no conversion; the chain in one file, the key in another."
    return error("pfx-is-pem", origin.label, "is PEM, not PKCS#12.", remedy)


def _open(
    data: bytes, container: Container | None, password: str | None, origin: Origin, found: list[Finding]
) -> PKCS12KeyAndCertificates | None:
    secret = password.encode("utf-8", "replace") if password else None
    try:
        with warnings.catch_warnings():
            # The library warns of BER; that is said in our own words.
            warnings.simplefilter("ignore")
            return load_pkcs12(data, secret)
    except formats.UNPARSABLE as why:
        unsupported = isinstance(why, UnsupportedAlgorithm)
        found.append(_not_opened(container, password, origin, unsupported=unsupported))
    return None


def _not_opened(
    container: Container | None, password: str | None, origin: Origin, *, unsupported: bool
) -> Finding:
    """The finding about a container that did not open. The library's own words are left out: they say the
    same of everything.
    """
    if container is None:
        message = "is not a PKCS#12 container, or is damaged."
        return error("pfx-damaged", origin.label, message, f"Copy the whole file again. {_EXPORT}")
    if not password and container.has_password:
        message = "is protected by a password, and none was given."
        return error("pfx-password-missing", origin.label, message, "Give the password it was exported with.")
    unusual = container.unusual_encryptions
    if unusual or unsupported:
        by = ", ".join(unusual or sorted(container.encryptions))
        message = f"is encrypted in a way that is not read here ({by}), or its password is another one."
        convert = f"openssl pkcs12 -legacy -in {origin.source}"
        remedy = (
            f"Convert it to PEM: {convert} -nokeys -out chain.pem, and {convert} -nocerts -nodes -out key.pem"
        )
        return error("pfx-unsupported", origin.label, message, remedy)
    if container.opens_with(password) or not container.has_password:
        # The library takes a container as a whole: one certificate that it cannot load, and it says nothing.
        message = (
            "is damaged: its key can be read, and the rest is not what was written; or it holds a "
            "certificate that breaks RFC 5280 (NULL beside ECDSA, say), which is read from PEM alone."
        )
        convert = f"openssl pkcs12 -in {origin.source}"
        remedy = f"{convert} -nokeys -out chain.pem, and {convert} -nocerts -nodes -out key.pem"
        whole = f"Copy the whole file again, or convert it to PEM: {remedy}"
        return error("pfx-damaged", origin.label, message, whole)
    if password and password[-1].isspace():
        return _ending(container, password, origin)
    legacy = "-legacy " if container.is_legacy else ""
    message = "cannot be opened with this password: it is another one, or the file was altered."
    remedy = f"Try it by hand: openssl pkcs12 {legacy}-in {origin.source} -noout"
    return error("pfx-password-wrong", origin.label, message, remedy)


def _ending(container: Container, password: str, origin: Origin) -> Finding:
    """A wrong password with white space at its end, which may be meant: it is not taken off here."""
    name = {"\r": "a carriage return", "\n": "a line feed", "\t": "a tab"}.get(password[-1], "a space")
    can = "; without that, it can" if container.opens_with(password.rstrip()) else ""
    message = f"cannot be opened with this password, which ends with {name}{can}."
    remedy = "Give it without: of a file `tr -d '\\r' < FILE`, of a variable `${NAME%?}`; or type it anew."
    return error("pfx-password-ending", origin.label, message, remedy)


def _contents(
    opened: PKCS12KeyAndCertificates, container: Container | None, origin: Origin, found: list[Finding]
) -> Reading:
    several = container is not None and container.keys > 1
    if container is not None and several:
        found.append(
            error(
                "several-keys",
                origin.label,
                f"holds {container.keys} private keys: which one is meant does not show.",
                f"Keep one entry: keytool -importkeystore -srckeystore {origin.source} -srcalias NAME "
                "-destkeystore tls.pfx -deststoretype PKCS12",
            )
        )
    elif opened.key is None:
        found.append(error("no-key", origin.label, "holds no private key: it was exported without.", _EXPORT))
    certificates = _certificates(opened, origin, found)
    return assemble(
        [] if several else certificates,
        opened.key,
        found,
        certificate_origin=origin,
        key_origin=origin,
        unsaid=frozenset({"chain-order"}),  # the bags of a container have none: none can be wrong
    )


def _certificates(
    opened: PKCS12KeyAndCertificates, origin: Origin, found: list[Finding]
) -> list[x509.Certificate]:
    """All of them, or none where one is not valid: the rest would be judged for what it is not."""
    given = ([opened.cert] if opened.cert else []) + opened.additional_certs
    if not given:
        found.append(error("no-certificate", origin.label, "holds no certificate.", _EXPORT))
    certificates = []
    for one in given:
        try:
            # Through DER again: the strict parser decodes what the library leaves for later.
            der = one.certificate.public_bytes(serialization.Encoding.DER)
            certificates.append(formats.parse_certificate(der))
        except formats.UNPARSABLE as why:
            words = printable(" ".join(str(why).split())).rstrip(".") or type(why).__name__
            message = f"holds a certificate that is not valid X.509: {words}."
            remedy = "Get the certificate anew from whoever issued it."
            found.append(error("certificate-unparsable", origin.label, message, remedy))
            return []
    return certificates
