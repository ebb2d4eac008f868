"""The certificate of a listener that changes while it listens, in real handshakes."""

from __future__ import annotations

import ssl

import pytest
from cryptography import x509

from surroundings.tls import ServerContexts
from tests.support.certificates import forge
from tests.support.certificates.authority import Authority

NAME = "models.contoso.test"
AUTHORITY = Authority()


def shown(contexts: ServerContexts, *, name: str | None = NAME) -> x509.Certificate:
    """The certificate that a client sees, whether it names the server or not."""
    client = ssl.create_default_context(cadata=AUTHORITY.root.decode())
    client.check_hostname = name is not None
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    caller = client.wrap_bio(to_client, to_server, server_hostname=name)
    listener = contexts.listening.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (caller, listener):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    found = caller.getpeercert(binary_form=True)
    assert found is not None
    return x509.load_der_x509_certificate(found)


@pytest.mark.parametrize("name", [NAME, None])
def test_the_newest_is_shown_whatever_kind_its_key_is(name: str | None) -> None:
    """A context that is given a second kind of key shows both, each to whoever takes it."""
    kinds = ["P-256", "RSA-2048", "P-384", "P-256"]
    leaves = [AUTHORITY.issue([NAME], key=forge.key(kind, which)) for which, kind in enumerate(kinds)]
    contexts = ServerContexts(leaves[0].pem, leaves[0].key_pem)
    for leaf in leaves:
        contexts.show(leaf.pem, leaf.key_pem)
        assert shown(contexts, name=name) == leaf.certificate


def test_what_does_not_fit_changes_nothing() -> None:
    first, other = AUTHORITY.issue([NAME]), AUTHORITY.issue([NAME])
    contexts = ServerContexts(first.pem, first.key_pem)
    for chain, key in ((other.pem, first.key_pem), (b"nonsense", other.key_pem), (other.pem, b"")):
        with pytest.raises(ssl.SSLError):
            contexts.show(chain, key)
        assert shown(contexts) == first.certificate
