"""The sentence about a tool that fetches packages and does not trust who answers, with the remedy.

Where a company's proxy opens TLS, each tool has to be told of the company's root in a way of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable

Explain = Callable[[str], str | None]
"""Takes a line of a tool's output: the sentence, where the line is that complaint."""


def explaining(complaint: str, variable: str) -> Explain:
    """The sentence for a tool.

    Args:
        complaint: regular expression of its words.
        variable: names the file of further roots for it.
    """
    pattern = re.compile(complaint)

    def explain(line: str) -> str | None:
        found = pattern.search(line)
        if found is None:
            return None
        return (
            f"the certificate that the package registry shows is not trusted ({found[0].strip()}). Where a "
            f"company's proxy opens TLS, set {variable} to a PEM file that holds its root."
        )

    return explain


npm = explaining(
    "SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_GET_ISSUER_CERT(_LOCALLY)?"
    "|UNABLE_TO_VERIFY_LEAF_SIGNATURE|CERT_UNTRUSTED|INVALID_CA",
    "NODE_EXTRA_CA_CERTS",
)
pip = explaining(r"certificate verify failed[^()'\"]*", "PIP_CERT")
go = explaining("x509: certificate signed by unknown authority|x509: [^:]* not trusted", "SSL_CERT_FILE")
uv = explaining("invalid peer certificate[^()'\"]*", "PIP_CERT")
