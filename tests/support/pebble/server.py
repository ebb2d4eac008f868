"""A running pebble: an authority of a test's own, which looks names up where the test says."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
from cryptography import x509

from certs.bundle import to_pem
from surroundings.https import session
from tests.support.certificates.authority import Authority

HOST = "127.0.0.1"
START_S = 20.0
DAY_S = 86400


@dataclass(frozen=True)
class Pebble:
    """An authority.

    Attributes:
        directory: its URL; `management`: where its root is, and where its advice on renewals is set.
        https_roots: PEM of what its own HTTPS is under; `roots`: of what it issues, too.
    """

    directory: str
    management: str
    https_roots: Path
    roots: Path

    def suggest(self, certificate_pem: str, start: str, end: str) -> None:
        """Has it suggest a window for the renewal of a certificate (RFC 9773)."""
        window = {"suggestedWindow": {"start": start, "end": end}}
        self.advise(certificate_pem, json.dumps(window))

    def advise(self, certificate_pem: str, answer: str) -> None:
        """Has it answer this, when it is asked about the renewal of a certificate."""
        body = {"Certificate": certificate_pem, "ARIResponse": answer}
        url = f"{self.management}/set-renewal-info/"
        with session() as opened:
            opened.post(url, json=body, verify=str(self.https_roots), timeout=10).raise_for_status()


@contextmanager
def running(
    executable: Path,
    folder: Path,
    name_server: str,
    *,
    bindings: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    host: str = HOST,
    name: str | None = None,
) -> Iterator[Pebble]:
    """Starts a pebble that keeps its files in `folder`, and ends it.

    Args:
        name_server: `host:port`, the resolver of its validation.
        bindings: key ids and HMAC keys (base64url) of external accounts; with them none can do without.
        environment: pebble's own variables, over those that make it quick.
        host: the address to listen on.
        name: what callers call it; None: by its address.
    """
    folder.mkdir(parents=True, exist_ok=True)
    authority = Authority("Pebble's own HTTPS")
    leaf = authority.issue([host, *([name] if name else [])])
    https_roots = folder / "https.pem"
    https_roots.write_bytes(authority.root)
    (folder / "server.pem").write_bytes(leaf.pem)
    (folder / "server.key").write_bytes(leaf.key_pem)
    (folder / "server.key").chmod(0o600)
    port, management = _free_ports(host, 2)
    config = {
        "listenAddress": f"{host}:{port}",
        "managementListenAddress": f"{host}:{management}",
        "certificate": str(folder / "server.pem"),
        "privateKey": str(folder / "server.key"),
        "httpPort": 80,
        "tlsPort": 443,
        "externalAccountBindingRequired": bool(bindings),
        "externalAccountMACKeys": dict(bindings or {}),
        "domainBlocklist": ["blocked.test"],
        "retryAfter": {"authz": 0, "order": 0},
        "keyAlgorithm": "ecdsa",
        "profiles": {
            "default": {"description": "Ninety days", "validityPeriod": 90 * DAY_S},
            "shortlived": {"description": "Six days", "validityPeriod": 6 * DAY_S},
            "momentary": {"description": "Due at once", "validityPeriod": 60},
        },
    }
    (folder / "pebble.json").write_text(json.dumps({"pebble": config}))
    with (folder / "pebble.log").open("w") as log:
        child = subprocess.Popen(
            [executable, "-config", folder / "pebble.json", "-dnsserver", name_server],
            env={**os.environ, "PEBBLE_VA_NOSLEEP": "1", **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    with child:
        try:
            root = _root(child, f"https://{host}:{management}", https_roots, folder / "pebble.log")
            roots = folder / "roots.pem"
            roots.write_text(https_roots.read_text() + to_pem([root]))
            yield Pebble(
                f"https://{name or host}:{port}/dir", f"https://{host}:{management}", https_roots, roots
            )
        finally:
            child.terminate()


def _root(child: subprocess.Popen[bytes], management: str, https_roots: Path, log: Path) -> x509.Certificate:
    """What it issues under, as soon as it answers."""
    deadline = time.monotonic() + START_S
    while child.poll() is None and time.monotonic() < deadline:
        try:
            with session() as opened:
                answer = opened.get(f"{management}/roots/0", verify=str(https_roots), timeout=5)
        except requests.ConnectionError:
            time.sleep(0.02)
            continue
        return x509.load_pem_x509_certificate(answer.content)
    raise AssertionError(f"pebble did not start: {log.read_text()[-2000:]}")


def _free_ports(host: str, count: int) -> list[int]:
    """Ports that nobody listens on; all are held until the last is found."""
    held = [socket.create_server((host, 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in held]
    for one in held:
        one.close()
    return ports
