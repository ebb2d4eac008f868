"""The kinds of values that localcloud's settings have, and how each is read from what is written."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Final

from localcloud.configuration.table import Kind, Unfit

_DIGITS: Final = re.compile(r"[0-9]{1,9}")
_LABEL: Final = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME: Final = re.compile(rf"(?=.{{1,253}}\Z)({_LABEL}\.)+(?=.*[A-Za-z]){_LABEL}")


def text(shape: str, metavar: str = "TEXT") -> Kind:
    """A text that is not empty."""

    def read(written: str) -> str:
        if not written.strip():
            raise Unfit(f"is empty: give {shape}, or leave it out")
        return written

    return Kind(read, shape, metavar)


def choice(*among: str) -> Kind:
    """One of a few texts."""

    def read(written: str) -> str:
        if written not in among:
            raise Unfit(f"is not known: give {' or '.join(among)}")
        return written

    return Kind(read, " or ".join(f"`{one}`" for one in among), "|".join(among))


def switch() -> Kind:
    """`true` or `false`."""

    def read(written: str) -> bool:
        if written.lower() not in ("true", "false"):
            raise Unfit("is neither: give true or false")
        return written.lower() == "true"

    return Kind(read, "`true` or `false`", "", is_switch=True)


def port(*, any_free: bool = False) -> Kind:
    """A TCP or UDP port.

    Args:
        any_free: 0 stands for one that localcloud chooses.
    """
    remedy = "give 1 to 65535, or 0 for any" if any_free else "give 1 to 65535"
    return Kind(
        lambda written: _whole(written, 0 if any_free else 1, 65535, f"is no port: {remedy}"),
        f"a port{', or 0' if any_free else ''}",
        "PORT",
    )


def seconds(low: int, high: int) -> Kind:
    """A whole number of seconds."""
    return Kind(
        lambda written: _whole(written, low, high, f"is no time: give {low} to {high} seconds"),
        f"seconds, {low} to {high}",
        "SECONDS",
    )


def path(metavar: str = "FILE") -> Kind:
    """A file or folder of this machine."""

    def read(written: str) -> Path:
        if not written or "\0" in written:
            raise Unfit("names no file: give its path, or leave it out")
        return Path(written).expanduser()

    return Kind(read, "a path", metavar, is_path=True)


def dns_name() -> Kind:
    """A DNS name of at least two labels, in ASCII (RFC 1123, 2.1)."""

    def read(written: str) -> str:
        if not _NAME.fullmatch(written):
            raise Unfit("is no DNS name: give one such as models.contoso.com, in ASCII")
        return written

    return Kind(read, "a DNS name", "NAME")


def host() -> Kind:
    """An IPv4 address or a DNS name that callers are told."""

    def read(written: str) -> str:
        if "." in written and written.replace(".", "").isdigit():
            try:
                address = ipaddress.IPv4Address(written)
            except ValueError:
                raise Unfit("is no IPv4 address: give one, or a DNS name") from None
            if address.is_unspecified or address.is_multicast:
                raise Unfit("is no address that callers could call: give one, or a DNS name")
            return written
        if not _NAME.fullmatch(written):
            raise Unfit("is neither an IPv4 address nor a DNS name: give one that callers reach")
        return written.lower()

    return Kind(read, "an IPv4 address or a DNS name", "HOST")


def place() -> Kind:
    """A host and a port of it: `HOST:PORT`."""

    def read(written: str) -> str:
        name, _, number = written.rpartition(":")
        try:
            port().read(number)
            return f"{host().read(name)}:{int(number)}"
        except Unfit:
            raise Unfit("is no place: give HOST:PORT, such as 10.0.0.5:6379") from None

    return Kind(read, "`HOST:PORT`", "HOST:PORT")


def resolver(written: str) -> str:
    """An `ADDRESS` or `ADDRESS:PORT`, of IPv4.

    Raises:
        Unfit: it is neither.
    """
    address, colon, port = written.partition(":")
    try:
        ipaddress.IPv4Address(address)
        if not colon or (_DIGITS.fullmatch(port) and 1 <= int(port) <= 65535):
            return written
    except ValueError:
        pass
    raise Unfit("is no resolver: give its IPv4 address, or ADDRESS:PORT")


def joined(one: Kind) -> Kind:
    """A list of texts, which are one text with commas."""
    return Kind(one.read, one.shape, one.metavar, gather=", ".join)


def _whole(written: str, low: int, high: int, refusal: str) -> int:
    if not _DIGITS.fullmatch(written) or not low <= int(written) <= high:
        raise Unfit(refusal)
    return int(written)
