"""The errors of this room.

::

    CertificateError            carries the findings; its text is what a person reads
    ├── UnreadableError         a file or setting does not hold what it should: nothing could be checked
    │   └── EncryptedKeyError   the key, or the container it is in, is encrypted; no password or a wrong one
    ├── RefusedError            all was read, and the service must not be given it
    ├── DomainNameError         a name is not a fully qualified domain name
    ├── AuthorityError          a development authority cannot issue: expired, not an authority, foreign key
    └── AcmeError               an authority that speaks ACME refused, did not answer, or took too long
"""

from __future__ import annotations

from collections.abc import Iterable

from certs.findings import Finding, error, errors_in

_PASSWORD = {
    "key-encrypted",
    "key-password-wrong",
    "pfx-password-missing",
    "pfx-password-wrong",
    "pfx-password-ending",
}


class CertificateError(Exception):
    """An error about a certificate, its key or a name.

    Attributes:
        findings: what is wrong; at least one is an error.
    """

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        if not errors_in(self.findings):
            raise ValueError("none of the findings is an error")
        super().__init__(self._text())

    def _text(self) -> str:
        found = errors_in(self.findings)
        if len(found) == 1:
            return str(found[0])
        return f"{len(found)} things are wrong:\n" + "\n".join(f"  - {finding}" for finding in found)

    def __reduce__(self) -> tuple[type[CertificateError], tuple[tuple[Finding, ...]]]:
        # An exception that crosses a process is rebuilt from its arguments: give it findings, not their text.
        return type(self), (self.findings,)


class UnreadableError(CertificateError):
    """A file or setting does not hold what it should."""


class EncryptedKeyError(UnreadableError):
    """The key, or the container that holds it, is encrypted, and there was no password or a wrong one."""


class RefusedError(CertificateError):
    """The certificate and key were read, and the service must not be given them."""


class DomainNameError(CertificateError):
    """A name is not a fully qualified domain name (RFC 1123, RFC 5890)."""

    @classmethod
    def of(cls, name: str, message: str, remedy: str = "") -> DomainNameError:
        """The error of one name."""
        return cls([error("fqdn-invalid", f"domain name {name!r}", message, remedy)])


class AuthorityError(CertificateError):
    """A development authority cannot issue."""


class AcmeError(CertificateError):
    """The failure of an authority that speaks ACME (RFC 8555): it refused, did not answer, or took too long.

    Attributes:
        problem_type: the URN of the refusal, `urn:ietf:params:acme:error:…`; empty for the others.
    """

    def __init__(self, findings: Iterable[Finding], problem_type: str = "") -> None:
        super().__init__(findings)
        self.problem_type = problem_type

    def __reduce__(self) -> tuple[type[AcmeError], tuple[tuple[Finding, ...], str]]:  # type: ignore[override]
        return type(self), (self.findings, self.problem_type)


def unreadable(findings: Iterable[Finding]) -> UnreadableError:
    """The error for `findings` of a reader; an `EncryptedKeyError` where the key's password is all."""
    found = tuple(findings)
    codes = {finding.code for finding in errors_in(found)}
    return EncryptedKeyError(found) if codes <= _PASSWORD else UnreadableError(found)
