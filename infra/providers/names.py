"""The names of a certificate that is issued: the service's FQDN first, then more of them.

A state from before there could be more has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pulumi.output import Unknown

from certs.names import without_covered

MORE: Final = "names"


def of(props: Mapping[str, Any]) -> list[str]:
    """The names that a certificate with these properties is for, as they are ordered."""
    return without_covered([str(props["fqdn"]), *map(str, props.get(MORE) or ())])


def changed(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """Whether there are other ones beside the FQDN, or they are not known yet; in another order they are the
    same.
    """
    if isinstance(news.get(MORE), Unknown):
        return True
    return set(olds.get(MORE) or ()) != set(news.get(MORE) or ())
