"""The settings of the certificate source `acme`: which authority, and who its customer is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from infra.settings import naming
from infra.settings.reader import NAMESPACE, Reader

# the local part as it is written without quotes (RFC 5321, 4.1.2), one address
_LOCAL_PART = re.compile(r"[^\s@,<>()\":;\[\]\\]+")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+=*")
DEFAULT_TIMEOUT_S: Final = 600
_PROFILE = re.compile(r"[!-~]{1,64}")


@dataclass(frozen=True)
class AcmeSettings:
    """An authority that speaks ACME (RFC 8555), and the account there.

    Attributes:
        directory: its URL, https.
        email: whom it writes to; empty: nobody.
        profile: its name for a kind of certificate; empty: its default.
        eab_key_id, eab_hmac_key: the external account binding (base64url); both empty: none.
        roots_file: PEM with the roots of a private authority, of its own HTTPS and of what it issues.
        timeout_s: how long one order may take, with its proof and all waiting, in seconds.
    """

    directory: str
    email: str
    profile: str
    eab_key_id: str
    eab_hmac_key: str = field(repr=False)
    roots_file: Path | None
    timeout_s: int = DEFAULT_TIMEOUT_S


def read(reader: Reader, *, used: bool) -> AcmeSettings | None:
    """The settings where the source is `acme` (`used`); else None, and each that is set is refused."""
    directory = reader.optional(
        "acmeDirectory",
        _directory_problem if used else None,
        about="With certificateSource acme: URL of the authority's ACME directory",
    )
    email = reader.optional(
        "acmeEmail",
        _email_problem if used else None,
        about="With certificateSource acme: whom the authority writes to",
    )
    profile = reader.optional(
        "acmeProfile",
        _profile_problem if used else None,
        about="With certificateSource acme: the authority's name for a kind of certificate",
    )
    key_id = reader.optional(
        "acmeEabKeyId", about="With certificateSource acme: key id of an external account binding"
    )
    hmac_key = reader.secret(
        "acmeEabHmacKey", about="With certificateSource acme: HMAC key of an external account binding"
    )
    # of a key, unlike a password, a line end from the clipboard is no part
    hmac_key = hmac_key and hmac_key.strip()
    roots_file = reader.path(
        "acmeRootsFile",
        about="With certificateSource acme: PEM with the roots of a private authority",
    )
    timeout_s = reader.integer(
        "acmeTimeout",
        default=DEFAULT_TIMEOUT_S,
        low=1,
        high=86400,
        about="With certificateSource acme: how long one order may take, in seconds",
    )
    if not used:
        given = {
            "acmeDirectory": directory,
            "acmeEmail": email,
            "acmeProfile": profile,
            "acmeEabKeyId": key_id,
            "acmeEabHmacKey": hmac_key,
            "acmeRootsFile": roots_file,
            "acmeTimeout": reader.is_set("acmeTimeout"),
        }
        for key in (key for key, value in given.items() if value):
            reader.refuse(
                key, "is used with certificateSource acme only: remove it, or set certificateSource to acme"
            )
        return None
    if not directory:
        reader.refuse(
            "acmeDirectory",
            "is not set: it is the URL of the authority's ACME directory, such as "
            "https://acme-v02.api.letsencrypt.org/directory",
        )
    if key_id and not hmac_key:
        reader.refuse(
            "acmeEabHmacKey",
            f"is not set, but acmeEabKeyId is: `pulumi config set --secret {NAMESPACE}:acmeEabHmacKey`",
        )
    if hmac_key and not key_id:
        reader.refuse("acmeEabKeyId", "is not set, but acmeEabHmacKey is: give both, or neither")
    if hmac_key and not _BASE64URL.fullmatch(hmac_key):
        # what it is must not be told
        reader.refuse("acmeEabHmacKey", "is not base64url: copy it again from the authority's pages")
    return AcmeSettings(
        directory or "", email or "", profile or "", key_id or "", hmac_key or "", roots_file, timeout_s
    )


def _directory_problem(url: str) -> str | None:
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname and not parts.username:
        return None
    return "takes an https URL, such as https://acme-v02.api.letsencrypt.org/directory"


def _email_problem(email: str) -> str | None:
    if email.lower().startswith("mailto:"):
        return "takes one e-mail address, and no 'mailto:' before it"
    local_part, _, domain = email.partition("@")
    try:
        naming.a_labels(domain)
    except ValueError as error:
        what = f"its domain {error}" if domain else "this is none"
        return f"takes one e-mail address, such as hostmaster@contoso.com: {what}"
    if not _LOCAL_PART.fullmatch(local_part):
        return "takes one e-mail address, such as hostmaster@contoso.com"
    return None


def _profile_problem(profile: str) -> str | None:
    return None if _PROFILE.fullmatch(profile) else "takes a name of 1 to 64 characters without spaces"
