"""Of chains made at random, the checks and a real gRPC server and client say the same."""

from __future__ import annotations

from datetime import UTC, datetime

import grpc
from hypothesis import HealthCheck, given, settings

from certs.bundle import read, read_roots
from certs.checks import Checked, judge
from certs.errors import UnreadableError
from certs.findings import CERTIFICATE_ORIGIN, errors_in
from tests.support.certificates.forge import FQDN, chain
from tests.support.certificates.handshake import call, serving
from tests.support.certificates.made_chains import World, worlds

TODAY = datetime.now(UTC)
# What the checks refuse though gRPC takes it, by the codes that they give. Why:
STRICTER = {
    "certificate-unparsable": "a file is read whole or not: what is damaged may be what is needed",
    "chain-unrelated": "sent to each caller for nothing, or the link to it is missing",
    "critical-extension-unknown": "of a root, which gRPC does not look at: OpenSSL does",
    "issuer-not-authority": "of a root, which gRPC does not look at: OpenSSL and Go do",
    "issuer-usage-not-server": "of a root, which gRPC does not look at: OpenSSL and Go do",
    "leaf-is-authority": "rustls and the Web PKI refuse it",
    "path-too-long": "of a root, which gRPC does not look at: OpenSSL and Go do",
    "two-leaves": "which one is meant is not known",
}
# What the checks take with a warning though gRPC may refuse it. Why:
LAXER = {"roots-ambiguous": "which of several roots of one name gRPC takes comes of how its store is sorted"}


def grpc_takes(certificate: bytes, private_key: bytes, roots: bytes) -> bool:
    try:
        with serving(certificate, private_key) as port:
            return call(port, FQDN, roots) == b"hello"
    except (RuntimeError, grpc.RpcError):
        return False


def disagreement(world: World) -> str:
    """What one of the two says of `world` and the other does not; empty where they agree."""
    text, private_key, held = world.text(), world.leaf.key_pem, chain(*world.roots)
    try:
        roots = read_roots(held, CERTIFICATE_ORIGIN)
    except UnreadableError as error:
        # a file of roots is read whole or not; gRPC passes over what it cannot read in it
        is_alone = len(world.roots) == 1
        return f"taken, though {error}" if is_alone and grpc_takes(text, private_key, held) else ""
    judged = judge(read(text, private_key), FQDN, TODAY, roots)
    codes = {one.code for one in judged.findings}
    if isinstance(judged, Checked):
        sent = judged.bundle.certificate_pem.encode()
        return "" if codes & set(LAXER) or grpc_takes(sent, private_key, held) else "refused by gRPC alone"
    wrong = {one.code for one in errors_in(judged.findings)}
    if wrong <= set(STRICTER) or not grpc_takes(text, private_key, held):
        return ""
    return f"taken by gRPC alone: {[str(one) for one in errors_in(judged.findings)]}"


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(worlds(TODAY))
def test_the_checks_and_grpc_say_the_same(world: World) -> None:
    assert disagreement(world) == "", world.about
