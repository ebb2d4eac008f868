"""What a company's authority would have sent:
`python -m tests.support.documents.certificate_files FOLDER FQDN`.

`chain.pem`, `key.pem`, `root.pem`, and both in `tls.pfx`, whose password is `PASSWORD`.
"""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from typing import Final

from certs.sources.self_signed import issue, new_authority
from tests.support.certificates.containers import container

PASSWORD: Final = "of-the-documents"


def write(folder: Path, fqdn: str) -> None:
    """Writes the files, of a new authority."""
    now = dt.datetime.now(dt.UTC)
    authority = new_authority("Contoso Root CA", now)
    bundle = issue(authority, [fqdn], now)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "chain.pem").write_text(bundle.certificate_pem)
    (folder / "key.pem").touch(mode=0o600)
    (folder / "key.pem").write_text(bundle.key_pem)
    (folder / "root.pem").write_text(authority.certificate_pem)
    packed = container(bundle.key, bundle.leaf, bundle.chain[1:], PASSWORD)
    (folder / "tls.pfx").write_bytes(packed)


if __name__ == "__main__":
    write(Path(sys.argv[1]), sys.argv[2])
