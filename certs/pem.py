"""PEM, read strictly (RFC 7468): every BEGIN has its END, every body is whole, nothing is dropped in silence.

The TLS stack under gRPC is stricter in form and laxer in substance than a service can afford: a byte order
mark or a long line makes the port fail to bind, and a truncated last block is left out without a word. So
what is harmless is put right and said, and what is broken is refused. Nothing here knows what a block means.
"""

from __future__ import annotations

import binascii
import re
import textwrap
from base64 import b64encode
from bisect import bisect
from dataclasses import dataclass, field

from certs.findings import Finding, Origin, error, mended

MAXIMUM_SIZE = 1 << 20
"""Octets that a chain or a key may have: far beyond any real one, and small enough to be read at once."""

_BOUNDARY = re.compile(r"-----(BEGIN|END) ([A-Z0-9][A-Z0-9 .#]{0,40})-----")
# hyphens, and what word processors make of them: as they are, in Windows-1252, and in UTF-8 read as Latin-1
_DASHES = r"(?:[-\u2010-\u2015\u2212\x96\x97]|\xe2\x80[\x90-\x95]|\xe2\x88\x92)+"
_LABELS = r"(?:[A-Z0-9]+ )*(?:CERTIFICATE|CERTIFICATE REQUEST|PRIVATE KEY|PUBLIC KEY|PARAMETERS|PKCS7|CMS)"
_DAMAGED_BOUNDARY = re.compile(
    rf"^[ \t]*{_DASHES}[ \t]*(?:BEGIN|END)[ \t]+{_LABELS}[ \t]*(?:{_DASHES}|$)", re.MULTILINE
)
_NEARLY_BOUNDARY = re.compile(rf"^[ \t]*{_DASHES}[ \t]*(?:BEGIN|END)\b", re.MULTILINE | re.IGNORECASE)
_HEADER = re.compile(r"[A-Za-z0-9-]+:")
_BARE_BODY = re.compile(r"^[ \t]*([A-Za-z0-9+/]{48,}={0,2})[ \t]*$", re.MULTILINE)
_BODY_START = re.compile(r"\s*(?:Proc-Type:|((?:[A-Za-z0-9+/]\s*){8}))")


@dataclass(frozen=True)
class Block:
    """A PEM block: its label, the octets of its body, its header lines (RFC 1421), the line of its BEGIN."""

    label: str
    der: bytes = field(repr=False)
    line: int
    headers: tuple[str, ...] = ()

    def pem(self) -> bytes:
        """The block in canonical form."""
        lines = [f"-----BEGIN {self.label}-----", *self.headers, *([""] if self.headers else [])]
        lines += textwrap.wrap(b64encode(self.der).decode("ascii"), 64)
        return "\n".join([*lines, f"-----END {self.label}-----", ""]).encode("ascii")


@dataclass(frozen=True)
class PemText:
    """The blocks of a text in its order, and what was found while reading it."""

    blocks: tuple[Block, ...]
    findings: tuple[Finding, ...]


def split(text: str, origin: Origin) -> PemText:
    """The blocks of `text` (line ends are line feeds). Blocks that are broken become findings instead."""
    reader = _Reader(text, origin)
    reader.read()
    return PemText(tuple(reader.blocks), tuple(dict.fromkeys(reader.findings)))


class _Reader:
    def __init__(self, text: str, origin: Origin) -> None:
        self._text = text
        self._line_ends = [match.start() for match in re.finditer("\n", text)]
        self._origin = origin
        self._seen = 0  # where the boundary ends that was looked at last
        self.blocks: list[Block] = []
        self.findings: list[Finding] = []

    def read(self) -> None:
        begin: re.Match[str] | None = None
        end_of_last = 0
        for boundary in _BOUNDARY.finditer(self._text):
            kind, label = boundary.groups()
            is_quoted = self._is_quoted(boundary, end_of_last, begin)
            self._seen = boundary.end()
            if is_quoted:
                continue
            if begin is None and kind == "BEGIN":
                self._outside(end_of_last, boundary.start())
            elif begin is not None and kind == "BEGIN":
                self._truncated(
                    begin, boundary.start(), f"before the next block begins in line {self._line(boundary)}"
                )
            if kind == "BEGIN":
                begin = boundary
                continue
            if begin is None:
                self._end_alone(end_of_last, boundary)
            elif begin[2] != label:
                self._error(
                    "pem-label-mismatch",
                    f"has BEGIN {begin[2]} in line {self._line(begin)} closed by END {label} in line "
                    f"{self._line(boundary)}.",
                    "Copy both blocks again, each with its own BEGIN and END.",
                )
            else:
                self._body(begin, boundary)
            begin, end_of_last = None, boundary.end()
        if begin is not None:
            self._truncated(begin, len(self._text), "before the text ends")
        else:
            self._outside(end_of_last, len(self._text))

    def _is_quoted(self, boundary: re.Match[str], end_of_last: int, begin: re.Match[str] | None) -> bool:
        """Whether words of the same line name the boundary (a comment that was made of a block, say), so that
        readers of PEM, who know it by the start of its line, pass it over.

        A BEGIN that a body follows is one, whatever is before it: a setting's name, or a quotation mark.
        """
        if not self._follows_words(boundary, end_of_last):
            return False
        if boundary[1] == "END":
            return begin is None
        body = _BODY_START.match(self._text, boundary.end())
        return body is None or (body[1] is not None and not _encodes_der("".join(body[1].split())))

    def _follows_words(self, boundary: re.Match[str], end_of_last: int) -> bool:
        """Whether something stands before the boundary in its line; behind the last block, at least."""
        # What is before the one that was seen last is not looked at again: a text may have one line.
        start = max(end_of_last, self._seen)
        line = self._text.rfind("\n", start, boundary.start()) + 1
        if not line and self._seen > end_of_last:
            return True  # that one
        return bool(self._text[line or start : boundary.start()].strip())

    def _line(self, match: re.Match[str]) -> int:
        return bisect(self._line_ends, match.start()) + 1

    def _error(self, code: str, message: str, remedy: str = "") -> None:
        self.findings.append(error(code, self._origin.label, message, remedy))

    def _mended(self, code: str, message: str) -> None:
        self.findings.append(mended(code, self._origin.label, message))

    def _malformed_boundary(self, start: int, end: int, pattern: re.Pattern[str] = _NEARLY_BOUNDARY) -> bool:
        nearly = pattern.search(self._text, start, end)
        if nearly:
            # The line itself is not shown: the body of a key may stand in it.
            self._error(
                "pem-boundary-malformed",
                f"has a damaged BEGIN or END in line {self._line(nearly)}.",
                "It is five hyphens, BEGIN or END, the label, five hyphens, with nothing else in its line.",
            )
        return nearly is not None

    def _end_alone(self, start: int, end: re.Match[str]) -> None:
        if not self._malformed_boundary(start, end.start()):
            self._error(
                "pem-end-without-begin",
                f"has END {end[2]} in line {self._line(end)} without its BEGIN.",
                "The block's start is missing: copy the whole block again.",
            )

    def _truncated(self, begin: re.Match[str], end: int, where: str) -> None:
        if not self._malformed_boundary(begin.end(), end):
            self._error(
                "pem-truncated",
                f"has BEGIN {begin[2]} in line {self._line(begin)} without END {where}: it is cut off.",
                "Copy the whole file again.",
            )

    def _outside(self, start: int, end: int) -> None:
        between = self._text[start:end]
        if not between.strip() or self._malformed_boundary(start, end, _DAMAGED_BOUNDARY):
            return
        found = _BARE_BODY.finditer(self._text, start, end)
        bare = next((line for line in found if _encodes_der(line[1])), None)
        if bare and not self._malformed_boundary(start, end):
            self._error(
                "pem-data-outside",
                f"has encoded data outside of any block in line {self._line(bare)}.",
                "Its BEGIN and END are missing: copy the whole file again.",
            )
        elif not bare:
            self._mended("pem-text-outside", "had text outside of its blocks, which is left out.")

    def _body(self, begin: re.Match[str], end: re.Match[str]) -> None:
        lines = self._text[begin.end() : end.start()].split("\n")
        where = f"the block {begin[2]} in line {self._line(begin)}"
        if self._malformed_boundary(begin.end(), end.start()):
            return
        headers = self._headers(lines)
        encoded = "".join("".join(lines).split())
        if not encoded:
            self._error("pem-body-empty", f"has nothing in {where}.", "Copy the whole file again.")
            return
        try:
            der = binascii.a2b_base64(encoded.encode("ascii"), strict_mode=True)
        except (binascii.Error, UnicodeEncodeError):
            self._error(
                "pem-body-damaged", f"has a body that is not Base64 in {where}.", "Copy the whole file again."
            )
            return
        whole = der_length(der)
        # An encrypted body of the traditional format is no DER, and shows its damage when it is decrypted.
        if not headers and whole != len(der):
            self._error(
                "pem-body-incomplete",
                f"holds {len(der)} octets in {where}, where "
                + (f"{whole} should be." if whole is not None else "nothing of this kind begins like that."),
                "Lines are missing or too many: copy the whole file again.",
            )
            return
        self._layout(lines, begin, end, bool(headers))
        self.blocks.append(Block(begin[2], der, self._line(begin), headers))

    @staticmethod
    def _headers(lines: list[str]) -> tuple[str, ...]:
        """Takes the header lines (RFC 1421) off the front of `lines`."""
        first = next((number for number, line in enumerate(lines) if line.strip()), len(lines))
        end = first
        while end < len(lines) and _HEADER.match(lines[end].strip()):
            end += 1
        headers = tuple(line.strip() for line in lines[first:end])
        del lines[:end]
        return headers

    def _layout(self, lines: list[str], begin: re.Match[str], end: re.Match[str], has_headers: bool) -> None:
        body = [line for line in lines if line.strip()]
        around = (
            self._text[self._text.rfind("\n", 0, begin.start()) + 1 : begin.start()],
            self._text[begin.end() : end.start()].partition("\n")[0],
            self._text[begin.end() : end.start()].rpartition("\n")[2],
            self._text[end.end() :].partition("\n")[0],
        )
        if max(map(len, body)) > 76 or any(part.strip() for part in around):
            self._mended(
                "pem-one-line", "had a body or boundaries that are not in lines of their own; they are now."
            )
        elif any(around) or (not has_headers and (len(body) != len(lines) - 1 or _indented(body))):
            self._mended("pem-layout", "had spaces or empty lines in or around a block, which are left out.")
        elif any(len(line) != 64 for line in body[:-1]) or len(body[-1]) > 64:
            self._mended("pem-layout", "had lines of other lengths than 64 characters; they are that now.")


def _indented(lines: list[str]) -> bool:
    return any(line != line.strip() for line in lines)


def _encodes_der(text: str) -> bool:
    """Whether `text` is Base64 of the DER of a certificate or a key, or of its start: a SEQUENCE that holds
    another one or a number. Curve parameters are an identifier alone.
    """
    try:
        der = binascii.a2b_base64(text[: len(text) // 4 * 4], strict_mode=True)
    except binascii.Error:
        return False
    whole = der_length(der)
    if whole is None or (der[1] < 0x80 and len(der) > whole):
        return False
    header = 2 if der[1] < 0x80 else 2 + (der[1] & 0x7F)
    return der[0] == 0x06 or (der[0] == 0x30 and der[header : header + 1] in (b"\x30", b"\x02", b""))


def der_length(der: bytes) -> int | None:
    """The number of octets that the DER value at the start of `der` says that it has, or None where there is
    none.
    """
    if len(der) < 2:
        return None
    if der[1] < 0x80:
        return 2 + der[1]
    count = der[1] & 0x7F
    if not 1 <= count <= 4 or len(der) < 2 + count:
        return None
    return 2 + count + int.from_bytes(der[2 : 2 + count], "big")
