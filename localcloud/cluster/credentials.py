"""The files by which machines of a cluster know each other: a token, and a certificate of its own CA.

Their names are those of Kubernetes's TLS secrets, as cert-manager writes them. `fpga cloud credentials` makes
them (`localcloud/cluster/issuing.py`).
"""

from __future__ import annotations

import datetime
import os
import stat
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Final

from localcloud import binding
from localcloud.errors import StartError

if TYPE_CHECKING:
    from cryptography import x509

TOKEN_OPTION: Final = "--ray-token"  # noqa: S105 - a name
TLS_OPTION: Final = "--ray-tls"
CA, CERTIFICATE, KEY, TOKEN = "ca.crt", "tls.crt", "tls.key", "token"
_LEAST_CHARACTERS: Final = 32
"""Of hexadecimal digits, these are 128 bits."""
_MAKES: Final = "`fpga cloud credentials FOLDER ADDRESS` makes what a machine needs"


@dataclass(frozen=True)
class Credentials:
    """The places of these files on this machine.

    Attributes:
        token_file: holds the token that every process of the cluster shows (`RAY_AUTH_TOKEN_PATH`).
        tls_folder: holds `ca.crt`, `tls.crt` and `tls.key`, in PEM; the certificate is for this machine's
            address in the cluster, as server and as client.
    """

    token_file: Path
    tls_folder: Path

    @property
    def ca_file(self) -> Path:
        """The certificate of the cluster's CA."""
        return self.tls_folder / CA

    @property
    def certificate_file(self) -> Path:
        """This machine's certificate."""
        return self.tls_folder / CERTIFICATE

    @property
    def key_file(self) -> Path:
        """Its key."""
        return self.tls_folder / KEY

    def environment(self) -> dict[str, str]:
        """The variables that have Ray use them, and refuse who has none.

        Source: https://docs.ray.io/en/releases-2.60.0/ray-security/token-auth.html and
        https://docs.ray.io/en/releases-2.60.0/ray-core/configure.html#tls-authentication
        """
        return {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self.token_file),
            "RAY_USE_TLS": "1",
            "RAY_TLS_CA_CERT": str(self.ca_file),
            "RAY_TLS_SERVER_CERT": str(self.certificate_file),
            "RAY_TLS_SERVER_KEY": str(self.key_file),
            "RAY_USAGE_STATS_ENABLED": "0",
        }

    def own_address(self, tls: str = TLS_OPTION) -> str:
        """This machine's address in the cluster: the IPv4 address in its certificate that an interface has.

        Args:
            tls: the setting that names the folder, as somebody wrote it.

        Raises:
            StartError: the certificate is for other machines, or cannot be read.
        """
        addresses = _addresses(_certificates(self.certificate_file, tls)[0])
        for address in addresses:
            if not address.is_loopback and binding.has_address(str(address)):
                return str(address)
        raise StartError(
            f"{tls}: {self.certificate_file} is for {', '.join(map(str, addresses)) or 'no address'}, and "
            f"this machine has none of them: {_MAKES}, with this machine's address."
        )

    def expires(self, tls: str = TLS_OPTION) -> datetime.datetime:
        """When this machine's certificate does.

        Raises:
            StartError: it cannot be read.
        """
        return _certificates(self.certificate_file, tls)[0].not_valid_after_utc

    def check(self, token: str = TOKEN_OPTION, tls: str = TLS_OPTION) -> None:
        """Refuses files with which this machine cannot be of the cluster.

        Args:
            token, tls: the settings that name file and folder, as somebody wrote them.

        Raises:
            StartError: one is missing, may be read by others, fits no other, is of another CA, is not in
                force now, or is for another machine.
        """
        words = _read(self.token_file, token, is_secret=True).strip()
        if len(words) < _LEAST_CHARACTERS:
            raise StartError(
                f"{token}: {self.token_file} holds no token of {_LEAST_CHARACTERS} characters at least: "
                f"{_MAKES}."
            )
        ca = _certificates(self.ca_file, tls)
        certificate = _certificates(self.certificate_file, tls)[0]
        _require_key(_read(self.key_file, tls, is_secret=True), certificate, f"{tls}: {self.key_file}")
        _require_issued(certificate, ca, f"{tls}: {self.certificate_file}", self.ca_file)
        for file, one in ((self.ca_file, ca[0]), (self.certificate_file, certificate)):
            _require_in_force(one, f"{tls}: {file}")
        _require_usages(certificate, f"{tls}: {self.certificate_file}")
        self.own_address(tls)


def _read(file: Path, setting: str, *, is_secret: bool = False) -> bytes:
    try:
        # not waiting for who writes into a pipe
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as opened:
            state = os.fstat(descriptor)
            if not stat.S_ISREG(state.st_mode):
                raise StartError(f"{setting}: {file} is no file: {_MAKES}.")
            if is_secret and state.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise StartError(
                    f"{setting}: {file} may be read or written by others (mode "
                    f"{stat.S_IMODE(state.st_mode):04o}): `chmod 600 {file}`, and make another if somebody "
                    "has read it."
                )
            return opened.read()
    except OSError as error:
        raise StartError(f"{setting}: {file} cannot be read ({error.strerror}): {_MAKES}.") from None


def _certificates(file: Path, setting: str) -> list[x509.Certificate]:
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(_read(file, setting))
    except ValueError:
        raise StartError(f"{setting}: {file} holds no certificate in PEM: {_MAKES}.") from None


def _require_key(pem: bytes, certificate: x509.Certificate, told: str) -> None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise StartError(f"{told} holds no private key in PEM without a passphrase: {_MAKES}.") from None
    if key.public_key() != certificate.public_key():
        raise StartError(f"{told} is not the key of {CERTIFICATE} beside it: {_MAKES}.")


def _require_issued(
    certificate: x509.Certificate, authorities: list[x509.Certificate], told: str, ca_file: Path
) -> None:
    from cryptography.exceptions import InvalidSignature

    for ca in authorities:
        try:
            certificate.verify_directly_issued_by(ca)
        except (ValueError, TypeError, InvalidSignature):
            continue
        return
    raise StartError(f"{told} is of another CA than {ca_file}: take both of one folder; {_MAKES}.")


def _require_in_force(certificate: x509.Certificate, told: str) -> None:
    now = datetime.datetime.now(datetime.UTC)
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if begin <= now < end:
        return
    problem = (
        f"expired on {end:%Y-%m-%d}" if now >= end else f"is not valid before {begin:%Y-%m-%d %H:%M} UTC"
    )
    raise StartError(
        f"{told} {problem}, and this machine's clock says {now:%Y-%m-%d %H:%M} UTC: set the clock if it is "
        "wrong; else `fpga cloud credentials` with the same folder renews it."
    )


def _require_usages(certificate: x509.Certificate, told: str) -> None:
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    try:
        usages = set(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return  # for all
    for usage, role in (
        (ExtendedKeyUsageOID.SERVER_AUTH, "serverAuth"),
        (ExtendedKeyUsageOID.CLIENT_AUTH, "clientAuth"),
    ):
        if usage not in usages:
            raise StartError(f"{told} is not for {role}: machines of a cluster are both ends; {_MAKES}.")


def _addresses(certificate: x509.Certificate) -> list[IPv4Address]:
    from cryptography import x509

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [one for one in names.get_values_for_type(x509.IPAddress) if isinstance(one, IPv4Address)]
