"""The two authentication keys of a service. Pure, but for the randomness."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from localcloud.modelmanagement.fields import invalid

KEY_BYTES = 32
# What gRPC carries in metadata without change.
_KEY = re.compile(r"[\x21-\x7e]{1,256}")


@dataclass(frozen=True)
class AuthKeys:
    """The keys of a service; a caller needs one of them."""

    primary: str = field(repr=False)
    secondary: str = field(repr=False)

    def document(self) -> dict[str, str]:
        """The keys as the API shows them: `{primaryKey, secondaryKey}`."""
        return {"primaryKey": self.primary, "secondaryKey": self.secondary}

    def regenerated(self, key_type: str | None) -> AuthKeys:
        """New keys in place of the `Primary`, the `Secondary` or, for None, both."""
        if key_type == "Primary":
            return replace(self, primary=generate())
        if key_type == "Secondary":
            return replace(self, secondary=generate())
        return AuthKeys(generate(), generate())


@dataclass(frozen=True)
class GivenKeys:
    """The keys in a request: either may be None, which leaves it to the service."""

    primary: str | None = field(default=None, repr=False)
    secondary: str | None = field(default=None, repr=False)

    def over(self, kept: AuthKeys) -> AuthKeys:
        """These, and the kept ones where none is given."""
        return AuthKeys(self.primary or kept.primary, self.secondary or kept.secondary)

    def completed(self) -> AuthKeys:
        """These, and new ones where none is given."""
        return self.over(AuthKeys(generate(), generate()))


def generate() -> str:
    """A new key: 32 random bytes, base64."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def parse_keys(body: Mapping[str, Any]) -> GivenKeys:
    """Reads `keys {primaryKey, secondaryKey}`.

    Raises:
        CloudError: 400 InvalidParameter; a key is never in the message.
    """
    given = body.get("keys")
    if given is None:
        return GivenKeys()
    if not isinstance(given, dict):
        raise invalid("keys", "must be an object with primaryKey and secondaryKey")
    for name in ("primaryKey", "secondaryKey"):
        key = given.get(name)
        if key is not None and not (isinstance(key, str) and _KEY.fullmatch(key)):
            raise invalid(f"keys.{name}", "takes 1 to 256 printable ASCII characters without spaces, or null")
    return GivenKeys(given.get("primaryKey"), given.get("secondaryKey"))


def parse_key_type(body: Mapping[str, Any]) -> str | None:
    """Reads `keyType` of regenerateKeys: `Primary`, `Secondary`, or None for both.

    Raises:
        CloudError: 400 InvalidParameter.
    """
    key_type = body.get("keyType")
    if key_type not in (None, "Primary", "Secondary"):
        raise invalid("keyType", "must be Primary or Secondary; leave it out for both keys")
    return key_type
