"""A certificate chain with its key, read strictly and written in one canonical form.

`read` never raises for what a file holds: it returns a `Reading`, whose findings say all that is odd, so that
a person sees everything at once. `Reading.bundle` then raises, or gives the `Bundle`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from certs import chain as chains
from certs import key_reading, keys, reading
from certs.arrangement import arrange
from certs.errors import RefusedError, unreadable
from certs.findings import CERTIFICATE_ORIGIN, KEY_ORIGIN, Finding, Origin, error, errors_in
from certs.pem import PemText


@dataclass(frozen=True)
class Bundle:
    """A chain, leaf first and without the root unless that is all there is, and the leaf's private key."""

    chain: tuple[x509.Certificate, ...]
    key: PrivateKeyTypes = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.chain:
            raise ValueError("a bundle has at least one certificate")

    @property
    def leaf(self) -> x509.Certificate:
        """The server's own certificate."""
        return self.chain[0]

    @property
    def certificate_pem(self) -> str:
        """The chain in PEM, leaf first."""
        return to_pem(self.chain)

    @property
    def key_pem(self) -> str:
        """The private key in PEM (PKCS#8, not encrypted). A secret."""
        return keys.encode_private(self.key)

    @property
    def fingerprint_sha256(self) -> str:
        """SHA-256 of the leaf's DER, as `AA:BB:…`."""
        return fingerprint_sha256(self.leaf)

    @property
    def not_before(self) -> datetime:
        """The first moment at which the leaf is valid (UTC)."""
        return self.leaf.not_valid_before_utc

    @property
    def not_after(self) -> datetime:
        """The last moment at which the leaf is valid (UTC)."""
        return self.leaf.not_valid_after_utc

    @property
    def dns_names(self) -> tuple[str, ...]:
        """The DNS names in the leaf's subject alternative name, as they are written there."""
        return chains.dns_names(self.leaf)

    @property
    def issuer(self) -> str:
        """The distinguished name of the leaf's issuer (RFC 4514)."""
        return self.leaf.issuer.rfc4514_string()


@dataclass(frozen=True)
class Reading:
    """A chain and a key as they were read, as far as they could be, with all that was found.

    Attributes:
        chain: leaf first, as in `Bundle`; empty where there is none to be had.
        certificates: all that there were.
        root: the root that the certificate file held.
        anchor: the root on which the chain stands; None: that is not known.
        read_findings: those of the reader.
        chain_findings: those of setting the chain in order.
        unsaid: codes of findings that mean nothing where these certificates come from.
    """

    chain: tuple[x509.Certificate, ...]
    key: PrivateKeyTypes | None = field(repr=False, compare=False)
    root: x509.Certificate | None = None
    read_findings: tuple[Finding, ...] = ()
    chain_findings: tuple[Finding, ...] = ()
    certificate_origin: Origin = CERTIFICATE_ORIGIN
    key_origin: Origin = KEY_ORIGIN
    certificates: tuple[x509.Certificate, ...] = ()
    anchor: x509.Certificate | None = None
    unsaid: frozenset[str] = frozenset()

    @classmethod
    def of(cls, bundle: Bundle, root: x509.Certificate | None = None) -> Reading:
        """A bundle that was made, not read, so that it can be checked as one that was read."""
        return cls(
            bundle.chain,
            bundle.key,
            root,
            certificate_origin=Origin("certificate chain", CERTIFICATE_ORIGIN.file),
            key_origin=Origin("private key", KEY_ORIGIN.file),
            certificates=(*bundle.chain, *([] if root is None else [root])),
            unsaid=frozenset({"chain-order", "chain-root-left-out"}),
        )

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything that was found, in the order of reading."""
        return self.read_findings + self.chain_findings

    @property
    def root_pem(self) -> str | None:
        """The root that the certificate file held, in PEM."""
        return None if self.root is None else to_pem([self.root])

    def arranged(
        self, roots: Sequence[x509.Certificate] | None = None, now: datetime | None = None
    ) -> Reading:
        """This reading with the chain that is best at `now`, for callers who hold `roots` (None: not
        known).
        """
        if not self.certificates:
            return self
        found = arrange(self.certificates, self.key, self.certificate_origin, roots, now)
        said = tuple(one for one in found.findings if one.code not in self.unsaid)
        return replace(self, chain=found.chain, root=found.root, anchor=found.anchor, chain_findings=said)

    def with_findings(self, findings: Iterable[Finding]) -> Reading:
        """This reading, and what its source found before it (a missing file, a key file open to all)."""
        return replace(self, read_findings=(*findings, *self.read_findings))

    def absences(self, *, wants_key: bool = True) -> tuple[Finding, ...]:
        """An error for the chain, and for the key, that is not there though nobody said why: what was never
        read has nothing wrong with it, and is not fit for that.
        """
        if errors_in(self.read_findings):
            return ()
        found = []
        if not self.chain:
            where = self.certificate_origin.label
            found.append(error("no-certificate", where, "gave no certificate.", "Give the chain in PEM."))
        if wants_key and self.key is None:
            where = self.key_origin.label
            found.append(error("no-key", where, "gave no private key.", "Give the certificate's key."))
        return tuple(found)

    def is_read(self, *, wants_key: bool = True) -> bool:
        """Whether the chain, and the key, were read without an error."""
        return not errors_in((*self.read_findings, *self.absences(wants_key=wants_key)))

    def bundle(self) -> Bundle:
        """The chain and key.

        Raises:
            certs.errors.UnreadableError: one of them could not be read.
            certs.errors.RefusedError: the certificates do not make one chain.
        """
        if self.key is None or not self.is_read():
            raise unreadable((*self.findings, *self.absences()))
        if errors_in(self.chain_findings):
            raise RefusedError(self.findings)
        return Bundle(self.chain, self.key)


def read(
    certificate: bytes | str | None,
    key: bytes | str | None,
    *,
    certificate_origin: Origin = CERTIFICATE_ORIGIN,
    key_origin: Origin = KEY_ORIGIN,
    password: str | None = None,
) -> Reading:
    """Reads a chain and its key, both in PEM. Nothing is raised: see `Reading.bundle`.

    Args:
        password: decrypts the key.
        certificate, key: None for a text that could not be had; its source says why.
    """
    chain_text = _blocks(certificate, certificate_origin, wants_key=False)
    key_text = _blocks(key, key_origin, wants_key=True)
    texts = chain_text, key_text, certificate_origin, key_origin
    misplaced = reading.swapped(*texts) or reading.combined(*texts)
    if misplaced is not None:
        return Reading((), None, None, (misplaced,), (), certificate_origin, key_origin)
    certificates, in_chain = reading.read_certificates(chain_text.blocks, certificate_origin)
    # A chain that lost a block would be judged for what it is not.
    if errors_in(chain_text.findings):
        certificates = []
    private_key, in_key = key_reading.read_key(key_text.blocks, key_origin, password)
    found = (*chain_text.findings, *in_chain, *key_text.findings, *in_key)
    return assemble(
        certificates, private_key, found, certificate_origin=certificate_origin, key_origin=key_origin
    )


def assemble(
    certificates: Iterable[x509.Certificate],
    key: PrivateKeyTypes | None,
    findings: Iterable[Finding] = (),
    *,
    certificate_origin: Origin = CERTIFICATE_ORIGIN,
    key_origin: Origin = KEY_ORIGIN,
    unsaid: frozenset[str] = frozenset(),
) -> Reading:
    """A reading of certificates (in any order) and a key that were already decoded, with what was found in
    them.
    """
    return Reading(
        (),
        key,
        None,
        tuple(findings),
        certificate_origin=certificate_origin,
        key_origin=key_origin,
        certificates=tuple(certificates),
        unsaid=unsaid,
    ).arranged()


def read_roots(data: bytes | str, origin: Origin) -> tuple[x509.Certificate, ...]:
    """The root certificates in a PEM text.

    Raises:
        certs.errors.UnreadableError: something in it cannot be read, or there is none.
    """
    text = _blocks(data, origin, wants_key=False)
    certificates, found = reading.read_certificates(text.blocks, origin)
    findings = (*text.findings, *found)
    if errors_in(findings):
        raise unreadable(findings)
    return tuple(certificates)


def fingerprint_sha256(certificate: x509.Certificate) -> str:
    """SHA-256 of the DER of `certificate`, as `AA:BB:…`."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def to_pem(certificates: Iterable[x509.Certificate]) -> str:
    """`certificates` in canonical PEM, in their order."""
    return "".join(
        certificate.public_bytes(serialization.Encoding.PEM).decode("ascii") for certificate in certificates
    )


def _blocks(data: bytes | str | None, origin: Origin, *, wants_key: bool) -> PemText:
    if data is None:
        return PemText((), ())
    raw = data.encode("utf-8", "replace") if isinstance(data, str) else data
    return reading.read_blocks(raw, origin, wants_key=wants_key)
