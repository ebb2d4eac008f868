"""The settings of the certificate source `acme`: which authority, and who its customer is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from infra.settings import naming
from infra.settings.kinds import integer, path, secret, text
from infra.settings.reader import Named
from infra.settings.table import Setting

# the local part as it is written without quotes (RFC 5321, 4.1.2), one address
_LOCAL_PART = re.compile(r"[^\s@,<>()\":;\[\]\\]+")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+=*")
DEFAULT_TIMEOUT_S: Final = 600
_PROFILE = re.compile(r"[!-~]{1,64}")


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


@dataclass(frozen=True, kw_only=True)
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

    directory: Annotated[
        str,
        Setting(
            "acmeDirectory",
            text(_directory_problem),
            "URL of the authority's ACME directory",
            missing="it is the URL of the authority's ACME directory, such as "
            "https://acme-v02.api.letsencrypt.org/directory",
        ),
    ]
    email: Annotated[str, Setting("acmeEmail", text(_email_problem), "Whom the authority writes to")] = ""
    profile: Annotated[
        str,
        Setting("acmeProfile", text(_profile_problem), "The authority's name for a kind of certificate"),
    ] = ""
    eab_key_id: Annotated[str, Setting("acmeEabKeyId", text(), "Key id of an external account binding")] = ""
    # of a key, unlike a password, a line end from the clipboard is no part
    eab_hmac_key: Annotated[
        str, Setting("acmeEabHmacKey", secret(str.strip), "HMAC key of an external account binding")
    ] = field(default="", repr=False)
    roots_file: Annotated[
        Path | None, Setting("acmeRootsFile", path(), "PEM with the roots of a private authority")
    ] = None
    timeout_s: Annotated[
        int, Setting("acmeTimeout", integer(1, 86400), "How long one order may take, in seconds")
    ] = DEFAULT_TIMEOUT_S


def contradictions(settings: AcmeSettings, named: Named) -> Iterator[tuple[str, str]]:
    """The settings that do not go together: the key of each, and what is wrong with it."""
    if settings.eab_key_id and not settings.eab_hmac_key:
        command = f"`pulumi config set --secret {named('acmeEabHmacKey')}`"
        yield "acmeEabHmacKey", f"is not set, but acmeEabKeyId is: {command}"
    if settings.eab_hmac_key and not settings.eab_key_id:
        yield "acmeEabKeyId", "is not set, but acmeEabHmacKey is: give both, or neither"
    if settings.eab_hmac_key and not _BASE64URL.fullmatch(settings.eab_hmac_key):
        # what it is must not be told
        yield "acmeEabHmacKey", "is not base64url: copy it again from the authority's pages"
