"""Octets read as text, whatever made them: in UTF-16, with a byte order mark, with foreign line ends."""

from __future__ import annotations

import codecs
import re

from certs.findings import Finding, Origin, mended

# as often escaped as a text in a text in a text is
_ESCAPED_NEWLINE = re.compile(r"-----(?:\\{1,4}r)?\\{1,4}n")
_SAMPLE = 64
"""Octets that show in what a text is encoded."""


def decode(data: bytes, origin: Origin) -> tuple[str, list[Finding]]:
    """`data` as text with line feeds for line ends, and what had to be mended for that."""
    found = []
    encoding = _utf16(data)
    if encoding is not None:
        text = data.decode(encoding, errors="replace")
        found.append(mended("pem-utf16", origin.label, "was written as UTF-16; it is used as ASCII."))
    else:
        if data.startswith(codecs.BOM_UTF8):
            data = data.removeprefix(codecs.BOM_UTF8)
            found.append(mended("pem-bom", origin.label, "began with a byte order mark, which is left out."))
        # Latin-1 gives every octet a character: what is not ASCII is then judged where it stands.
        text = data.decode("latin-1")
    if _ESCAPED_NEWLINE.search(text):
        text = re.sub(r"\\{1,4}n", "\n", re.sub(r"\\{1,4}r", "", text))
        found.append(
            mended("pem-escaped-newlines", origin.label, r"had '\n' written out; each is a line end now.")
        )
    if "\r\n" in text:
        text = text.replace("\r\n", "\n")
        found.append(mended("pem-crlf", origin.label, "had CRLF line ends; they are line feeds now."))
    if "\r" in text:
        text = text.replace("\r", "\n")
        found.append(mended("pem-cr", origin.label, "had bare CR line ends; they are line feeds now."))
    return text, found


def _utf16(data: bytes) -> str | None:
    """The UTF-16 that `data` is in: its byte order mark tells, or, without one, its first octets of 0."""
    if len(data) % 2:
        return None
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    high, low = data[:_SAMPLE:2], data[1:_SAMPLE:2]
    if any(low) != any(high):
        return "utf-16-le" if any(high) else "utf-16-be"
    return None
