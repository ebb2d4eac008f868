"""The files of a data folder that say by what its server's certificate is trusted. Standard library only.

Of localcloud's own CA that is `ca.pem`. Of another's issue there are two, made at each start: the certificate
itself, by which this machine's own clients know it whoever issued it, and the roots that callers must have.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Final

from localcloud.files import write_private
from localcloud.settings import CA_CERTIFICATE

if TYPE_CHECKING:
    from localcloud.certificate.pair import Pair

SHOWN: Final = "shown.pem"
ROOTS: Final = "roots.pem"


def is_own(data: Path) -> bool:
    """Whether the certificate is of localcloud's own CA."""
    return not (data / SHOWN).exists()


def needs_roots(data: Path) -> bool:
    """Whether callers must be given roots; False: their systems know the authority."""
    return is_own(data) or (data / ROOTS).exists()


def by_callers(data: Path) -> Path:
    """The file of the roots by which callers trust it: where they need none, that of this machine's."""
    if is_own(data):
        return data / CA_CERTIFICATE
    return data / ROOTS if needs_roots(data) else of_this_machine()


def of_this_machine() -> Path:
    """The file of the roots that this machine's programs trust.

    Not the one that SSL_CERT_FILE names: an activated shell's has those of localclouds in it.
    """
    file = Path(ssl.get_default_verify_paths().openssl_cafile)
    if file.is_file():
        return file
    import certifi

    return Path(certifi.where())


def here(data: Path) -> Path:
    """The file by which this machine's own clients know the server."""
    return data / (CA_CERTIFICATE if is_own(data) else SHOWN)


def keep(data: Path, pair: Pair, before: Pair | None = None) -> None:
    """Writes both files, ahead of a certificate of another's issue.

    Args:
        before: what is shown until then: it is known, and its roots are told, as long.
    """
    from cryptography.hazmat.primitives.serialization import Encoding

    both = [pair] if before is None else [pair, before]
    roots = [one.roots for one in both if one.roots is not None]
    if roots:
        write_private(data / ROOTS, b"".join(dict.fromkeys(roots)))
    write_private(data / SHOWN, b"".join(one.leaf.public_bytes(Encoding.PEM) for one in both))
    if not roots:
        (data / ROOTS).unlink(missing_ok=True)


def settle(data: Path, pair: Pair) -> None:
    """Has callers be told the roots of what is shown now alone."""
    if pair.roots is None:
        (data / ROOTS).unlink(missing_ok=True)
    else:
        write_private(data / ROOTS, pair.roots)


def forget(data: Path) -> None:
    """Removes both files, ahead of a certificate of localcloud's own CA."""
    for name in (SHOWN, ROOTS):
        (data / name).unlink(missing_ok=True)
