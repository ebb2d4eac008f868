"""Wrappings of PEM and PKCS#12: Base64, quotation marks, manifests of Kubernetes; and the commands that
unwrap.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass, field

from certs import formats
from certs.findings import Finding, Origin, error

_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_QUOTES = "\"'`"
_MARKS = "\xef\xbb\xbf\xff\xfe"  # byte order marks, read as Latin-1
# '-----BEGIN ' in Base64, and the first letter of a label
_CERTIFICATE = "LS0tLS1CRUdJTiBD"
_KEY = "LS0tLS1CRUdJTiB[FQS]"


@dataclass(frozen=True)
class Wrapped:
    """The content of a text in Base64, how that is written, and a shell command that decodes the file
    `{source}`.
    """

    data: bytes = field(repr=False)
    how: str
    command: str

    @property
    def is_pem(self) -> bool:
        """Whether there is PEM in it."""
        return b"-----BEGIN " in self.data


def unwrap(data: bytes, *, wants_key: bool = False) -> Wrapped | None:
    """The content of `data`, where that is Base64: alone, in quotation marks, or as an entry of a manifest
    (that of the key, or that of the certificate).
    """
    text = data.replace(b"\0", b"").decode("latin-1").strip(_MARKS + " \t\r\n")
    inner = text.strip(_QUOTES)
    bare = inner.replace("\\r", "").replace("\\n", "")
    if _BASE64.fullmatch("".join(bare.split())):
        decoded = _decoded(bare)
        if decoded is None:
            return None
        how = "in Base64" if inner == text else "in Base64 and in quotation marks"
        if text == bare and set(data).isdisjoint(b"\0\r\xef\xff"):
            return Wrapped(decoded, how, "base64 -d < {source}")
        source = "tr -cd 'A-Za-z0-9+/=' < {source}"
        if bare != inner:
            source = r"sed 's/\\[rn]//g' {source} | tr -cd 'A-Za-z0-9+/='"
        return Wrapped(decoded, how, f"{source} | base64 -d")
    pattern = (_KEY if wants_key else _CERTIFICATE) + "[A-Za-z0-9+/=]*"
    entry = re.search(pattern, text)
    decoded = _decoded(entry[0]) if entry else None
    if decoded is None:
        return None
    command = f"grep -o '{pattern}' {{source}} | head -n 1 | base64 -d"
    return Wrapped(decoded, "in Base64, as an entry of a manifest", command)


def in_base64(data: bytes, origin: Origin, *, wants_key: bool) -> Finding | None:
    """The finding for `data` that is Base64 of PEM, or of another format that is known; None: it is not."""
    found = unwrap(data, wants_key=wants_key)
    if found is None:
        return None
    decode = found.command.format(source=origin.source)
    if found.is_pem:
        message = f"is PEM that is written once more {found.how}."
        remedy = f"Decode it: {into(decode, origin.converted, secret=wants_key)}"
        return error("base64-of-pem", origin.label, message, remedy)
    if formats.is_pkcs12(found.data):
        message = f"is a PKCS#12 (PFX) container {found.how}, not PEM."
        remedy = f"Decode it, and give it as PFX: {into(decode, 'decoded.pfx', secret=True)}"
        return error("base64-of-pkcs12", origin.label, message, remedy)
    kind = formats.kind_of(found.data)
    if kind is None:
        return None
    convert = f"Convert it: {decode} | openssl {kind.tool} -inform DER -out {origin.converted}"
    message = f"is {kind.what} in DER {found.how}, without BEGIN and END."
    return error("base64-of-der", origin.label, message, convert if kind.tool else kind.remedy)


def into(command: str, file: str, *, secret: bool) -> str:
    """The shell `command` with `file` for its output, readable by its owner alone if it is a secret."""
    return f"(umask 077; {command} > {file})" if secret else f"{command} > {file}"


def _decoded(text: str) -> bytes | None:
    try:
        return binascii.a2b_base64("".join(text.split()), strict_mode=True)
    except binascii.Error:
        return None
