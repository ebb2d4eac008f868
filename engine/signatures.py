"""The texts by which the engine marks values that are no plain ones: not known yet, secret, and others.

Source: github.com/pulumi/pulumi/sdk/v3/go/common/resource, `plugin/rpc.go` and `properties.go`.
"""

from __future__ import annotations

from typing import Final

KEY: Final = "4dabf18193072939515e22adb298388d"
"""The property of a map that makes it more than a map; its value says what."""

SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a public constant of the protocol
RESOURCE: Final = "5cf8f73096256a8f31e491e813e4eb8e"
OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"

UNKNOWN_STRING: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
UNKNOWNS: Final = frozenset(
    {
        UNKNOWN_STRING,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
"""The texts that stand for a value which only a deployment will tell, one for each kind of value."""
