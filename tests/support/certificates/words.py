"""Lines that people and tools write around PEM blocks, in any order: none of them is a block."""

from __future__ import annotations

import random

from tests.support.certificates.odd_texts import WORDS

LINES = [
    *WORDS.values(),
    b"subject=CN = back-end.example.com\n",
    b"--- BEGIN ---\n",
    b"-- END of the chain\n",
    b"-BEGIN CERTIFICATE OF THE LEAF\n",
    b"- END\n",
    b"* BEGIN CERTIFICATE *\n",
    b"BEGIN CERTIFICATE\n",
    b"CERTIFICATE-----\n",
    b"-----BEGIN\n",
    b"-----BEGIN-----\n",
    b"-----begin notes-----\n",
    b"------------------------------\n",
    b"--------BEGIN CERT BUNDLE--------\n",
    b"# -----END CERTIFICATE-----\n",
    b"key: -----BEGIN PRIVATE KEY----- is not here\n",
    b"0000 - 5a 5a 5a 5a   ZZZZ\n",
    b"SHA256 Fingerprint=AA:BB:CC\n",
    b"bW9yZSBvcmRpbmFyeSB3b3JkcyB0aGF0IGFyZSBub3QgZW5jb2RlZA==\n",
    b"Proc-Type: 4,ENCRYPTED\n",
    b"==\n",
    b"\n",
    b"\x1a\n",
]


def around(generator: random.Random, *blocks: bytes) -> bytes:
    """The blocks, with up to two of the lines before, between and behind them."""
    text = b""
    for block in (*blocks, b""):
        text += b"".join(generator.choice(LINES) for _ in range(generator.randrange(3))) + block
    return text
