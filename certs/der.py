"""DER, value by value: what is in it, whatever it means, and texts that are not what their types say."""

from __future__ import annotations

from collections.abc import Iterator

from certs.pem import der_length

_OLDER_TEXTS = (0x13, 0x14, 0x16)  # PrintableString, TeletexString, IA5String
_TEXTS = (0x13, 0x16, 0x1A, 0x81, 0x82, 0x86)
"""Tags whose octets are ASCII: PrintableString, IA5String, VisibleString; in a GeneralName mail, DNS, URI."""
_DEPTH = 16  # no extension nests deeper


def elements(octets: bytes | memoryview) -> Iterator[tuple[int, int, bytes]]:
    """The DER values in `octets`: tag, length of the header, and header and content together.

    Raises:
        ValueError: they are none.
    """
    rest = bytes(octets)
    while rest:
        length = der_length(rest)
        if length is None or length > len(rest):
            raise ValueError("no DER value")
        header = 2 if rest[1] < 0x80 else 2 + (rest[1] & 0x7F)
        yield rest[0], header, rest[:length]
        rest = rest[length:]


def tlv(tag: int, content: bytes) -> bytes:
    """The value of that tag in DER."""
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(length)]) + length + content


def in_utf8(name: bytes) -> bytes:
    """The directory `name` with its texts of the older types, which hold Latin-1 in practice, in UTF-8."""
    parts = b""
    ((_, start, sequence),) = elements(name)
    for _, header, part in elements(sequence[start:]):
        attributes = b""
        for _, inner, attribute in elements(part[header:]):
            kind, (tag, skipped, value) = elements(attribute[inner:])
            if tag in _OLDER_TEXTS:
                value = tlv(0x0C, value[skipped:].decode("latin-1").encode())
            attributes += tlv(0x30, kind[2] + value)
        parts += tlv(0x31, attributes)
    return tlv(0x30, parts)


def in_ascii(octets: bytes, depth: int = 0) -> bytes:
    """`octets` of DER with a question mark for each octet of its texts that is not ASCII."""
    found = bytearray()
    try:
        for tag, header, element in elements(octets):
            content = element[header:]
            if tag & 0x20 and depth < _DEPTH:
                content = in_ascii(content, depth + 1)
            elif tag in _TEXTS:
                content = bytes(octet if octet < 0x80 else ord("?") for octet in content)
            found += element[:header] + content
    except ValueError:
        return octets
    return bytes(found)
